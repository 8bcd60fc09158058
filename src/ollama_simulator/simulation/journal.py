"""A fleet's journal, which can be asked what happened.

Rules of this file:

1. It reads records and keeps none; a view from a moment on (`since`) is a number.
2. Every answer is about one reading: what comes meanwhile belongs to the next.

It must not import the local or the remote link, or anything above.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, TypeVar, overload

from ollama_simulator.fleet import UnknownServer
from ollama_simulator.records import Record
from ollama_simulator.simulation import attempts, values
from ollama_simulator.simulation.attempts import Attempt
from ollama_simulator.simulation.link import Link, Read
from ollama_simulator.simulation.pattern import Pattern
from ollama_simulator.simulation.verdict import Unverified, count_wanted, counted, disordered, times
from ollama_simulator.transcript import transcript

R = TypeVar("R", bound=Record)

Step = Pattern[Any] | type[Record] | str
"""Something that happened, in an order of several: what `happening` makes, or a kind alone."""


class AsyncJournal:
    """What happened in a fleet or on one of its servers, in order.

    Kinds of records are classes of `ollama_simulator.records` or their names; fields are given by
    value, or by a function that says whether a value will do. Times are seconds of the fleet's
    clock, unless it is said otherwise.
    """

    def __init__(self, link: Link, since: int = 0, server: str | None = None) -> None:
        """What happened from a place on, on a server or on all."""
        self._link = link
        self._since = since
        self._server = server

    async def _read(self) -> Sequence[Record]:
        return self._mine((await self._link.read(self._since)).records)

    def _mine(self, records: Sequence[Record]) -> Sequence[Record]:
        if self._server is None:
            return records
        return [record for record in records if record.server == self._server]

    async def _check(self, pattern: Pattern[Any], seen: Sequence[Record]) -> None:
        """Raise `LookupError` for a value that can't be, `UnknownServer` for such a server."""
        values.check(pattern, seen)
        if values.unknown_server(pattern, self._link.places) is None:
            return
        there = [*await self._link.names(), *(record.server for record in seen)]
        if wrong := values.unknown_server(pattern, there):
            raise UnknownServer(wrong)

    @property
    async def records(self) -> list[Record]:
        """Every record that is kept, the oldest first."""
        return list(await self._read())

    async def since(self) -> "AsyncJournal":
        """The journal from now on: the same questions about what is still to come."""
        return AsyncJournal(self._link, await self._link.count(), self._server)

    @overload
    async def where(self, kind: type[R], /, **fields: Any) -> list[R]: ...
    @overload
    async def where(self, kind: str, /, **fields: Any) -> list[Any]: ...
    async def where(self, kind: Any, /, **fields: Any) -> list[Any]:
        """The records of a kind whose fields are as given, the oldest first.

        Args:
            kind: A class of `records`, or its name; `Record` for every kind.
            fields: Values of fields, or functions that say whether a value will do.

        Raises:
            LookupError: There is no such kind, server, fault, or value of a field of few values.
            TypeError: It has no such field.
        """
        pattern: Pattern[Any] = Pattern(kind, fields)
        seen = await self._read()
        await self._check(pattern, seen)
        return [record for record in seen if pattern.matches(record)]

    @overload
    async def wait_for(self, kind: type[R], /, *, timeout: float = 5.0, **fields: Any) -> R: ...
    @overload
    async def wait_for(self, kind: str, /, *, timeout: float = 5.0, **fields: Any) -> Any: ...
    async def wait_for(self, kind: Any, /, *, timeout: float = 5.0, **fields: Any) -> Any:
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
        pattern: Pattern[Any] = Pattern(kind, fields)
        read = await self._link.read(self._since)
        seen = list(self._mine(read.records))
        values.check(pattern, seen)
        for record in seen:
            if pattern.matches(record):
                return record
        if not self._link.ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    return await self._coming(pattern, read.next, seen)
        # Only now: meanwhile such a server could have come.
        await self._check(pattern, seen)
        raise Unverified(counted(pattern, seen, 1, f"within {timeout:g} s"))

    async def _coming(self, pattern: Pattern[Any], since: int, seen: list[Record]) -> Any:
        """The first that matches, of those that come; `seen` gets those before it."""
        async with contextlib.aclosing(self._link.follow(since)) as fresh:
            async for batch in fresh:
                for record in self._mine(batch):
                    seen.append(record)
                    if pattern.matches(record):
                        return record
        raise AssertionError("what follows a journal ends with it, or raises")

    async def attempts(self, text: str = "") -> list[Attempt]:
        """The requests that carried a text, on whatever server, in the order of their coming.

        Args:
            text: A word of the prompt, or another part of the body or of the target; empty for
                every request.

        Raises:
            LookupError: Servers got bodies that they didn't keep (`keep_bodies`), so that nobody
                knows.
        """
        seen = await self._read()
        return attempts.carrying(seen, text) if text else attempts.attempts(seen)

    @overload
    async def verify(
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
    async def verify(
        self,
        kind: str,
        /,
        *,
        count: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        **fields: Any,
    ) -> list[Any]: ...
    async def verify(
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
        fewest, most = count_wanted(count, at_least, at_most)
        pattern: Pattern[Any] = Pattern(kind, fields)
        read = await self._link.read(self._since)
        seen = self._mine(read.records)
        await self._check(pattern, seen)
        found = [record for record in seen if pattern.matches(record)]
        if len(found) < fewest or most < float("inf"):
            _nothing_missed(read)
        if not fewest <= len(found) <= most:
            raise Unverified(counted(pattern, seen, fewest, times(fewest, most)))
        return found

    async def verify_order(self, *steps: Step) -> list[Record]:
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
        patterns = [step if isinstance(step, Pattern) else Pattern(step, {}) for step in steps]
        read = await self._link.read(self._since)
        seen = self._mine(read.records)
        for pattern in patterns:
            await self._check(pattern, seen)
        places: list[int] = []
        for pattern in patterns:
            after = places[-1] + 1 if places else 0
            place = next((i for i in range(after, len(seen)) if pattern.matches(seen[i])), None)
            if place is None:
                _nothing_missed(read)
                raise Unverified(disordered(patterns, seen, places))
            places.append(place)
        return [seen[place] for place in places]

    async def text(self, most: int | None = None) -> str:
        """The records as lines that people read.

        Args:
            most: Lines at most, 2 or more; those in the middle are left out. None for all.
        """
        seen = await self._read()
        return "\n".join(transcript(seen, most))


def _nothing_missed(read: Read) -> None:
    """Raise `LookupError` if records are not there of which something is asked."""
    if read.missed:
        raise LookupError(
            f"nobody knows: the journal has dropped {read.missed:,} of the records that this is "
            "about; a larger journal_size keeps more, and since() begins later"
        )
