"""The jobs that would ask ollama.com, which is always out of reach.

Source: native specification 4.3, 4.17 to 4.19.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator

from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.engine.registry import cloud
from ollama_simulator.model import Account, Answer, CloudCall, CloudStatus, Event, Refusal


async def account(machine: Machine, job: Account, call: Call) -> AsyncGenerator[Event, None]:
    """Ask who is signed in, or sign out."""
    if job.sign_out:
        raise Refusal(500, "there was an error signing out")
    if machine.settings.wire != "0.13.5":
        raise Refusal(503, "account unavailable")
    yield Answer(None)


async def cloud_call(machine: Machine, job: CloudCall, call: Call) -> AsyncGenerator[Event, None]:
    """Have the cloud do something."""
    raise cloud.refuse(machine.settings, job.path, machine.clock.wall_ns(), job.what)
    yield Answer(None)  # never reached: it makes this a generator, as every job is


async def cloud_status(
    machine: Machine, job: CloudStatus, call: Call
) -> AsyncGenerator[Event, None]:
    """Tell whether the cloud is switched off, and by what."""
    off = machine.settings.no_cloud
    yield Answer((off, "env" if off else "none"))
