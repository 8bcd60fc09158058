"""Web searches that a model asks for.

Source: compatibility specification 9.6 and 10.6, native specification 4.19.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator

from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.model import Answer, Event, Origin, Refusal, WebSearch

UNREACHABLE = 'Post "https://ollama.com:443/api/web_search": dial tcp: lookup ollama.com: no such host'


async def search(machine: Machine, job: WebSearch, call: Call) -> AsyncGenerator[Event, None]:
    """Find what the server is set up to find. Raises `Refusal` if that is no service at all."""
    settings = machine.settings
    if settings.no_cloud:
        text = "ollama cloud is disabled: web search is unavailable"
        raise Refusal(403, text, Origin.CLOUD)
    if settings.web_search is not None:
        yield Answer(settings.web_search)
        return
    if not settings.key:
        raise Refusal(401, "unauthorized", Origin.CLOUD)
    raise Refusal(502, UNREACHABLE, Origin.CLOUD)
