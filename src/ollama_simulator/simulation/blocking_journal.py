"""A fleet's journal, for those who don't await.

Rules of this file:

1. It can be asked when its fleet has ended, too, if that was in this process.
2. It has the methods of `journal.AsyncJournal`, with the same signatures and descriptions, and
   forwards each; a test compares them.

It must not import the local or the remote link.
"""

from typing import Any, TypeVar, overload

from ollama_simulator.records import Record
from ollama_simulator.simulation.attempts import Attempt
from ollama_simulator.simulation.journal import AsyncJournal, Step
from ollama_simulator.simulation.thread import Thread

R = TypeVar("R", bound=Record)


class Journal:
    """What happened in a fleet or on one of its servers, in order.

    Kinds of records are classes of `ollama_simulator.records` or their names; fields are given by
    value, or by a function that says whether a value will do. Times are seconds of the fleet's
    clock, unless it is said otherwise.
    """

    def __init__(self, core: AsyncJournal, thread: Thread[Any]) -> None:
        self._core = core
        self._thread = thread

    @property
    def records(self) -> list[Record]:
        """Every record that is kept, the oldest first."""
        return self._thread.look(self._core.records)

    def since(self) -> "Journal":
        """The journal from now on: the same questions about what is still to come."""
        return Journal(self._thread.look(self._core.since()), self._thread)

    @overload
    def where(self, kind: type[R], /, **fields: Any) -> list[R]: ...
    @overload
    def where(self, kind: str, /, **fields: Any) -> list[Any]: ...
    def where(self, kind: Any, /, **fields: Any) -> list[Any]:
        """The records of a kind whose fields are as given, the oldest first.

        Args:
            kind: A class of `records`, or its name; `Record` for every kind.
            fields: Values of fields, or functions that say whether a value will do.

        Raises:
            LookupError: There is no such kind, server, fault, or value of a field of few values.
            TypeError: It has no such field.
        """
        return self._thread.look(self._core.where(kind, **fields))

    @overload
    def wait_for(self, kind: type[R], /, *, timeout: float = 5.0, **fields: Any) -> R: ...
    @overload
    def wait_for(self, kind: str, /, *, timeout: float = 5.0, **fields: Any) -> Any: ...
    def wait_for(self, kind: Any, /, *, timeout: float = 5.0, **fields: Any) -> Any:
        """The first such record, as of `where`; wait for it if it isn't there yet.

        Args:
            kind: As of `where`.
            timeout: Real seconds to wait at most.
            fields: As of `where`.

        Raises:
            Unverified: It didn't come; the text tells the nearest thing that did.
            LookupError: There is no such kind, server, fault, or value of a field of few values.
            TypeError: It has no such field.
        """
        return self._thread.look(self._core.wait_for(kind, timeout=timeout, **fields))

    def attempts(self, text: str = "") -> list[Attempt]:
        """The requests that carried a text, on whatever server, in the order of their coming.

        Args:
            text: A word of the prompt, or another part of the body or of the target; empty for
                every request.

        Raises:
            LookupError: Servers got bodies that they didn't keep (`keep_bodies`), so that nobody
                knows.
        """
        return self._thread.look(self._core.attempts(text))

    @overload
    def verify(
        self,
        kind: type[R],
        /,
        *,
        count: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        **fields: Any,
    ) -> list[R]: ...
    @overload
    def verify(
        self,
        kind: str,
        /,
        *,
        count: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        **fields: Any,
    ) -> list[Any]: ...
    def verify(
        self,
        kind: Any,
        /,
        *,
        count: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        **fields: Any,
    ) -> list[Any]:
        """Insist that something happened so often; at least once, if nothing else is said.

        Args:
            kind: As of `where`.
            count: How often exactly; 0 for never.
            at_least: How often at least.
            at_most: How often at most.
            fields: As of `where`.

        Returns:
            The records that were found.

        Raises:
            Unverified: It happened more often or less; the text tells the nearest thing that did
                happen, and what stands round it in the journal.
            LookupError: There is no such kind, server, fault, or value of a field of few values;
                or the journal has dropped records (`journal_size`), so that nobody knows.
            TypeError: It has no such field.
            ValueError: The numbers contradict each other.
        """
        return self._thread.look(
            self._core.verify(kind, count=count, at_least=at_least, at_most=at_most, **fields)
        )

    def verify_order(self, *steps: Step) -> list[Record]:
        """Insist that some things happened one after the other; others may have come between.

        Args:
            steps: What `happening` makes, or kinds of records alone.

        Returns:
            The first records that are in this order.

        Raises:
            Unverified: One of them didn't happen in its turn; the text tells which, and the
                nearest thing that did.
            LookupError: There is no such kind, server, fault, or value of a field of few values.
        """
        return self._thread.look(self._core.verify_order(*steps))

    def text(self, most: int | None = None) -> str:
        """The records as lines that people read.

        Args:
            most: Lines at most, 2 or more; those in the middle are left out. None for all.
        """
        return self._thread.look(self._core.text(most))
