"""A server and its rules, for those who don't await.

Rules of this file:

1. It has the classes and methods of `server`, with the same signatures and descriptions, and
   forwards each; a test compares them.

It must not import the local or the remote link.
"""

from types import TracebackType
from typing import Any, Self, Unpack

from ollama_simulator.control.views import ActiveRule, ServerInfo
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.rule import Rule
from ollama_simulator.model import Model
from ollama_simulator.script import Script
from ollama_simulator.simulation.attempts import Attempt
from ollama_simulator.simulation.blocking_journal import Journal
from ollama_simulator.simulation.server import AsyncInjected, AsyncServer
from ollama_simulator.simulation.thread import Thread
from ollama_simulator.simulation.wishes import AllFields, Conditions


class Injected:
    """The handle of a rule that was set. As a context manager it is healed at the end of the
    block."""

    def __init__(self, core: AsyncInjected, thread: Thread[Any]) -> None:
        self._core = core
        self._thread = thread
        self.id = core.id
        """Its number in the fleet."""
        self.rule = core.rule
        """With its conditions."""
        self.servers = core.servers
        """The names of the servers that it was set on."""

    @property
    def struck(self) -> int:
        """How often its fault changed something, on all of its servers; known when it has ended,
        too."""
        return self._thread.look(self._core.struck)

    @property
    def matched(self) -> int:
        """How many requests fitted it, on all of its servers; when it has ended, how many had
        fitted when it was last asked or healed by this handle."""
        return self._thread.call(self._core.matched)

    def heal(self) -> int:
        """End it. Returns on how many servers it was in force still."""
        return self._thread.call(self._core.heal())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.heal()

    def __repr__(self) -> str:
        return repr(self._core)


class Server:
    """A simulated Ollama server."""

    def __init__(self, core: AsyncServer, thread: Thread[Any]) -> None:
        self._core = core
        self._thread = thread
        self.journal = Journal(core.journal, thread)
        """What happened on this server."""

    @property
    def name(self) -> str:
        """Its name: `s1`, `s2`, …"""
        return self._core.name

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._core.port

    @property
    def url(self) -> str:
        """Where it is, without a path: `http://127.0.0.1:11501`."""
        return self._core.url

    def inject(self, fault: Fault | Rule, **conditions: Unpack[Conditions]) -> Injected:
        """Give it a rule: a fault, and the requests that it strikes. Without conditions it strikes
        every request until it is healed.

        Args:
            fault: A fault, or a whole rule.
            conditions: The fields of `Rule` but for its fault.

        Returns:
            The handle of the rule.

        Raises:
            TypeError: There is no such condition, or it is no fault.
            ValueError: A condition, or a field of the fault, can't be so.
            Unsupported: This system can't do what the fault wants.
        """
        return Injected(self._thread.call(self._core.inject(fault, **conditions)), self._thread)

    def behave(self, behavior: Fault) -> None:
        """Have it behave like this from now on. This takes the place of its rules.

        Raises:
            TypeError: It is no fault.
            ValueError: A field of it can't be so.
            Unsupported: This system can't do what it wants.
        """
        self._thread.call(self._core.behave(behavior))

    def heal(self) -> int:
        """End all of its rules and have it behave normally. Returns how many rules ended."""
        return self._thread.call(self._core.heal())

    @property
    def rules(self) -> list[ActiveRule]:
        """Its rules, in the order in which they are asked."""
        return self._thread.call(self._core.rules)

    @property
    def requests(self) -> list[Attempt]:
        """The requests that it got, in the order of their coming, as the journal has them."""
        return self._thread.look(self._core.requests)

    @property
    def models(self) -> list[str]:
        """The names of the models that are installed."""
        return self._thread.call(self._core.models)

    def install(self, *models: Model | str) -> None:
        """Have exactly these models installed.

        Args:
            models: Models, or names of models that are like the test model otherwise.

        Raises:
            ValueError: One of them can't be, or has no proper name, or two have the same.
        """
        self._thread.call(self._core.install(*models))

    def load(self, model: str | None) -> None:
        """Have a model in memory and no other, at once; None for none.

        Raises:
            ValueError: That is no name of a model.
        """
        self._thread.call(self._core.load(model))

    def script(self, *scripts: Script) -> None:
        """Have exactly these scripts say what it answers; none leaves that to the engine.

        Raises:
            ValueError: One of them can't be.
        """
        self._thread.call(self._core.script(*scripts))

    def clear_cache(self) -> None:
        """Empty its KV cache."""
        self._thread.call(self._core.clear_cache())

    def cancel(self) -> int:
        """Reset the connections of its running requests. Returns how many there were."""
        return self._thread.call(self._core.cancel())

    def restart(self, seconds: float | None = None) -> None:
        """End its process and start it again: connections are reset and then refused, and what was
        in memory is lost. Returns when it is down; `Restarted` in the journal tells when it is
        there again.

        Args:
            seconds: How long it is down, by the fleet's clock; None for what its settings say.

        Raises:
            ValueError: No server can be down so long.
        """
        self._thread.call(self._core.restart(seconds))

    def change(self, **fields: Unpack[AllFields]) -> None:
        """Give it other settings; its process restarts with them in no time.

        Args:
            fields: The fields of `Settings` that change.

        Raises:
            TypeError: There is no such setting.
            ValueError: A setting can't be so.
        """
        self._thread.call(self._core.change(**fields))

    def info(self) -> ServerInfo:
        """How it stands: door, queue, slots, models, memory, rules, settings."""
        return self._thread.call(self._core.info())

    def __repr__(self) -> str:
        return repr(self._core)
