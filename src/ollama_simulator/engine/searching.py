"""Web searches that a model asks for.

Source: compatibility specification 9.6 and 10.6, native specification 4.19.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator

from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.engine.registry import cloud
from ollama_simulator.model import Answer, Event, WebSearch

PATH = "/api/web_search"


async def search(machine: Machine, job: WebSearch, call: Call) -> AsyncGenerator[Event, None]:
    """Find what the server is set up to find. Raises `Refusal` if that is no service at all."""
    settings = machine.settings
    if settings.web_search is None or settings.no_cloud:
        raise cloud.refuse(settings, PATH, machine.clock.wall_ns(), cloud.WEB_SEARCH)
    yield Answer(settings.web_search)
