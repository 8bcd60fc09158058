"""A fleet of simulated Ollama servers that can be made to misbehave, and a suite that judges
load balancers by it.

Rules of this file:

1. Importing it loads nothing: a name is loaded when it is first asked for.
2. It shows names of every layer, so nothing of this package imports any of them from here.
3. Every fault that comes with the package can be had here, and whatever a field of anything that
   is here can be: it takes no other import to write it down, or to say its type. (The parts of a
   hardware profile and of a registry are in `hardware` and `registry`.)
"""

TYPE_CHECKING = False  # As in `typing`, which takes longer to load than all of this.
if TYPE_CHECKING:
    from typing import Any

    from ollama_simulator.acts import Door as Door
    from ollama_simulator.acts import How as How
    from ollama_simulator.clock import VirtualClock as VirtualClock
    from ollama_simulator.control.views import ActiveRule as ActiveRule
    from ollama_simulator.control.views import LoadedInfo as LoadedInfo
    from ollama_simulator.control.views import ServerInfo as ServerInfo
    from ollama_simulator.control.views import SlotInfo as SlotInfo
    from ollama_simulator.control.views import VramInfo as VramInfo
    from ollama_simulator.faults.cut import AbruptClose as AbruptClose
    from ollama_simulator.faults.cut import EmptyReply as EmptyReply
    from ollama_simulator.faults.cut import FailMidStream as FailMidStream
    from ollama_simulator.faults.cut import NoTerminator as NoTerminator
    from ollama_simulator.faults.door import ConnectionRefused as ConnectionRefused
    from ollama_simulator.faults.door import ConnectTimeout as ConnectTimeout
    from ollama_simulator.faults.door import Crash as Crash
    from ollama_simulator.faults.door import Flapping as Flapping
    from ollama_simulator.faults.door import Frozen as Frozen
    from ollama_simulator.faults.door import RollingRestart as RollingRestart
    from ollama_simulator.faults.fault import Fault as Fault
    from ollama_simulator.faults.framing import BadChunk as BadChunk
    from ollama_simulator.faults.framing import Conflict as Conflict
    from ollama_simulator.faults.framing import ConflictingFraming as ConflictingFraming
    from ollama_simulator.faults.framing import Size as Size
    from ollama_simulator.faults.framing import WrongLength as WrongLength
    from ollama_simulator.faults.garbage import Garbage as Garbage
    from ollama_simulator.faults.garbage import MalformedJson as MalformedJson
    from ollama_simulator.faults.hang import Hang as Hang
    from ollama_simulator.faults.hang import TimeoutAfterHeaders as TimeoutAfterHeaders
    from ollama_simulator.faults.health import FailHealth as FailHealth
    from ollama_simulator.faults.health import Liar as Liar
    from ollama_simulator.faults.health import SlowHealth as SlowHealth
    from ollama_simulator.faults.http import Custom as Custom
    from ollama_simulator.faults.http import HttpError as HttpError
    from ollama_simulator.faults.http import ModelNotFound as ModelNotFound
    from ollama_simulator.faults.idle import CloseIdle as CloseIdle
    from ollama_simulator.faults.laid import Ending as Ending
    from ollama_simulator.faults.limit import RateLimited as RateLimited
    from ollama_simulator.faults.narrow import Bandwidth as Bandwidth
    from ollama_simulator.faults.narrow import Trickle as Trickle
    from ollama_simulator.faults.pace import Normal as Normal
    from ollama_simulator.faults.pace import Slow as Slow
    from ollama_simulator.faults.rule import Rule as Rule
    from ollama_simulator.faults.runner import OutOfMemory as OutOfMemory
    from ollama_simulator.faults.runner import QueueFull as QueueFull
    from ollama_simulator.faults.runner import StreamError as StreamError
    from ollama_simulator.faults.split import SplitWrites as SplitWrites
    from ollama_simulator.faults.split import Where as Where
    from ollama_simulator.faults.tempo import Buffered as Buffered
    from ollama_simulator.faults.tempo import Jitter as Jitter
    from ollama_simulator.faults.tempo import Stall as Stall
    from ollama_simulator.fleet import UnknownServer as UnknownServer
    from ollama_simulator.fleet_file import BadFile as BadFile
    from ollama_simulator.model import Found as Found
    from ollama_simulator.model import Layer as Layer
    from ollama_simulator.model import Message as Message
    from ollama_simulator.model import Model as Model
    from ollama_simulator.model import ToolCall as ToolCall
    from ollama_simulator.net.kernel import PortTaken as PortTaken
    from ollama_simulator.presence import Unsupported as Unsupported
    from ollama_simulator.script import Alternative as Alternative
    from ollama_simulator.script import Call as Call
    from ollama_simulator.script import Load as Load
    from ollama_simulator.script import Refuse as Refuse
    from ollama_simulator.script import Script as Script
    from ollama_simulator.script import Step as Step
    from ollama_simulator.script import Vectors as Vectors
    from ollama_simulator.settings import Settings as Settings
    from ollama_simulator.simulation.attempts import Attempt as Attempt
    from ollama_simulator.simulation.blocking_fleet import Fleet as Fleet
    from ollama_simulator.simulation.blocking_journal import Journal as Journal
    from ollama_simulator.simulation.blocking_server import Injected as Injected
    from ollama_simulator.simulation.blocking_server import Server as Server
    from ollama_simulator.simulation.ended import Ended as Ended
    from ollama_simulator.simulation.fleet import AsyncFleet as AsyncFleet
    from ollama_simulator.simulation.http import Unreachable as Unreachable
    from ollama_simulator.simulation.journal import AsyncJournal as AsyncJournal
    from ollama_simulator.simulation.pattern import happening as happening
    from ollama_simulator.simulation.sayings import says as says
    from ollama_simulator.simulation.server import AsyncInjected as AsyncInjected
    from ollama_simulator.simulation.server import AsyncServer as AsyncServer
    from ollama_simulator.simulation.simulate import Simulation as Simulation
    from ollama_simulator.simulation.simulate import connect as connect
    from ollama_simulator.simulation.simulate import simulate as simulate
    from ollama_simulator.simulation.verdict import Unverified as Unverified

__version__ = "0.4.0"

_HOMES = {
    "acts": "Door How",
    "clock": "VirtualClock",
    "control.views": "ActiveRule LoadedInfo ServerInfo SlotInfo VramInfo",
    "faults.cut": "AbruptClose EmptyReply FailMidStream NoTerminator",
    "faults.door": "ConnectTimeout ConnectionRefused Crash Flapping Frozen RollingRestart",
    "faults.fault": "Fault",
    "faults.framing": "BadChunk Conflict ConflictingFraming Size WrongLength",
    "faults.garbage": "Garbage MalformedJson",
    "faults.hang": "Hang TimeoutAfterHeaders",
    "faults.health": "FailHealth Liar SlowHealth",
    "faults.http": "Custom HttpError ModelNotFound",
    "faults.idle": "CloseIdle",
    "faults.laid": "Ending",
    "faults.limit": "RateLimited",
    "faults.narrow": "Bandwidth Trickle",
    "faults.pace": "Normal Slow",
    "faults.rule": "Rule",
    "faults.runner": "OutOfMemory QueueFull StreamError",
    "faults.split": "SplitWrites Where",
    "faults.tempo": "Buffered Jitter Stall",
    "fleet": "UnknownServer",
    "fleet_file": "BadFile",
    "model": "Found Layer Message Model ToolCall",
    "net.kernel": "PortTaken",
    "presence": "Unsupported",
    "script": "Alternative Call Load Refuse Script Step Vectors",
    "settings": "Settings",
    "simulation.attempts": "Attempt",
    "simulation.blocking_fleet": "Fleet",
    "simulation.blocking_journal": "Journal",
    "simulation.blocking_server": "Injected Server",
    "simulation.ended": "Ended",
    "simulation.fleet": "AsyncFleet",
    "simulation.http": "Unreachable",
    "simulation.journal": "AsyncJournal",
    "simulation.pattern": "happening",
    "simulation.sayings": "says",
    "simulation.server": "AsyncInjected AsyncServer",
    "simulation.simulate": "Simulation connect simulate",
    "simulation.verdict": "Unverified",
}
"""Where names are, by module: those above, for those who run it."""

_MODULES = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> "Any":
    import importlib

    if name == "__all__":  # what `from ollama_simulator import *` asks for
        return sorted(_MODULES)
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
