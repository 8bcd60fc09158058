"""A process that does what it is told, and ends with whoever started it.

It must not import anything of `tests`.
"""

import contextlib
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

PATIENCE_S = 60
"""Seconds in which it must answer."""
ENDS_S = 10
"""Seconds in which it must end."""


class Ends:
    """What is ended behind its use. Used as `with`."""

    def end(self) -> None:
        """End it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()


class Helper(Ends):
    """Such a process, seen from outside."""

    def __init__(self, name: str, target: Callable[..., None], *given: Any) -> None:
        """It calls `target` with the connection from which it gets orders, and what is given."""
        spawn = multiprocessing.get_context("spawn")
        self.name = name
        self._orders, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_main, args=(theirs, target, given), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, what: str) -> Any:
        """Have it do something. Returns its answer."""
        self._orders.send(what)
        return self.answer()

    def answer(self) -> Any:
        """What it says next. Raises `RuntimeError` if it says nothing."""
        if not self._orders.poll(PATIENCE_S):
            raise RuntimeError(f"{self.name}: no answer from its process")
        try:
            return self._orders.recv()
        except EOFError:
            raise RuntimeError(f"{self.name}: its process has ended") from None

    def end(self) -> None:
        """Wait for its end, and kill it if that takes too long."""
        self._orders.close()  # which it takes for the end
        self._process.join(ENDS_S)
        self._process.kill()


def _main(orders: Connection, target: Callable[..., None], given: tuple[Any, ...]) -> None:
    with contextlib.suppress(EOFError):  # whoever gave orders has ended
        target(orders, *given)
