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
    from ollama_simulator.faults.abrupt_close import AbruptClose as AbruptClose
    from ollama_simulator.faults.bad_chunk import BadChunk as BadChunk
    from ollama_simulator.faults.bad_chunk import Size as Size
    from ollama_simulator.faults.bandwidth import Bandwidth as Bandwidth
    from ollama_simulator.faults.buffered import Buffered as Buffered
    from ollama_simulator.faults.close_idle import CloseIdle as CloseIdle
    from ollama_simulator.faults.conflicting_framing import Conflict as Conflict
    from ollama_simulator.faults.conflicting_framing import ConflictingFraming as ConflictingFraming
    from ollama_simulator.faults.connect_timeout import ConnectTimeout as ConnectTimeout
    from ollama_simulator.faults.connection_refused import ConnectionRefused as ConnectionRefused
    from ollama_simulator.faults.crash import Crash as Crash
    from ollama_simulator.faults.custom import Custom as Custom
    from ollama_simulator.faults.empty_reply import EmptyReply as EmptyReply
    from ollama_simulator.faults.fail_health import FailHealth as FailHealth
    from ollama_simulator.faults.fail_mid_stream import FailMidStream as FailMidStream
    from ollama_simulator.faults.fault import Fault as Fault
    from ollama_simulator.faults.flapping import Flapping as Flapping
    from ollama_simulator.faults.frozen import Frozen as Frozen
    from ollama_simulator.faults.garbage import Garbage as Garbage
    from ollama_simulator.faults.hang import Hang as Hang
    from ollama_simulator.faults.http_error import HttpError as HttpError
    from ollama_simulator.faults.jitter import Jitter as Jitter
    from ollama_simulator.faults.laid import Ending as Ending
    from ollama_simulator.faults.liar import Liar as Liar
    from ollama_simulator.faults.malformed_json import MalformedJson as MalformedJson
    from ollama_simulator.faults.model_not_found import ModelNotFound as ModelNotFound
    from ollama_simulator.faults.no_terminator import NoTerminator as NoTerminator
    from ollama_simulator.faults.normal import Normal as Normal
    from ollama_simulator.faults.out_of_memory import OutOfMemory as OutOfMemory
    from ollama_simulator.faults.queue_full import QueueFull as QueueFull
    from ollama_simulator.faults.rate_limited import RateLimited as RateLimited
    from ollama_simulator.faults.rolling_restart import RollingRestart as RollingRestart
    from ollama_simulator.faults.rule import Rule as Rule
    from ollama_simulator.faults.slow import Slow as Slow
    from ollama_simulator.faults.slow_health import SlowHealth as SlowHealth
    from ollama_simulator.faults.split_writes import SplitWrites as SplitWrites
    from ollama_simulator.faults.split_writes import Where as Where
    from ollama_simulator.faults.stall import Stall as Stall
    from ollama_simulator.faults.stream_error import StreamError as StreamError
    from ollama_simulator.faults.timeout_after_headers import (
        TimeoutAfterHeaders as TimeoutAfterHeaders,
    )
    from ollama_simulator.faults.trickle import Trickle as Trickle
    from ollama_simulator.faults.wrong_length import WrongLength as WrongLength
    from ollama_simulator.fleet import UnknownServer as UnknownServer
    from ollama_simulator.fleet_file import BadFile as BadFile
    from ollama_simulator.limits import Limits as Limits
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
    "faults.abrupt_close": "AbruptClose",
    "faults.bad_chunk": "BadChunk Size",
    "faults.bandwidth": "Bandwidth",
    "faults.buffered": "Buffered",
    "faults.close_idle": "CloseIdle",
    "faults.conflicting_framing": "Conflict ConflictingFraming",
    "faults.connect_timeout": "ConnectTimeout",
    "faults.connection_refused": "ConnectionRefused",
    "faults.crash": "Crash",
    "faults.custom": "Custom",
    "faults.empty_reply": "EmptyReply",
    "faults.fail_health": "FailHealth",
    "faults.fail_mid_stream": "FailMidStream",
    "faults.fault": "Fault",
    "faults.flapping": "Flapping",
    "faults.frozen": "Frozen",
    "faults.garbage": "Garbage",
    "faults.hang": "Hang",
    "faults.http_error": "HttpError",
    "faults.jitter": "Jitter",
    "faults.laid": "Ending",
    "faults.liar": "Liar",
    "faults.malformed_json": "MalformedJson",
    "faults.model_not_found": "ModelNotFound",
    "faults.no_terminator": "NoTerminator",
    "faults.normal": "Normal",
    "faults.out_of_memory": "OutOfMemory",
    "faults.queue_full": "QueueFull",
    "faults.rate_limited": "RateLimited",
    "faults.rolling_restart": "RollingRestart",
    "faults.rule": "Rule",
    "faults.slow": "Slow",
    "faults.slow_health": "SlowHealth",
    "faults.split_writes": "SplitWrites Where",
    "faults.stall": "Stall",
    "faults.stream_error": "StreamError",
    "faults.timeout_after_headers": "TimeoutAfterHeaders",
    "faults.trickle": "Trickle",
    "faults.wrong_length": "WrongLength",
    "fleet": "UnknownServer",
    "fleet_file": "BadFile",
    "limits": "Limits",
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
