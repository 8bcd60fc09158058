"""Runs coroutine tests on every event loop that the program may run on."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

LOOPS: dict[str, LoopFactory] = {"asyncio": asyncio.SelectorEventLoop}
try:
    import uvloop
except ImportError:  # Windows
    pass
else:
    LOOPS["uvloop"] = uvloop.new_event_loop

LONGEST_S = 20.0
"""Seconds for one test; then it is cancelled, and the cancellation says where it stood."""


def on_each_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a pytest test of a coroutine function: one run on each loop.

    Stands below other marks, so that they decorate what it returns.
    """

    def run(loop: LoopFactory, **arguments: Any) -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(asyncio.wait_for(test(**arguments), LONGEST_S))

    signature = inspect.signature(test)
    loop = inspect.Parameter("loop", inspect.Parameter.KEYWORD_ONLY)
    run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), loop]
    )
    marked: Callable[..., None] = pytest.mark.parametrize(
        "loop", list(LOOPS.values()), ids=list(LOOPS)
    )(run)
    return marked
