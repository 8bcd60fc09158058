"""What a fault is, where faults are found, and how one is wrapped round an answer.

Rules of this file:

1. A fault is a value: its fields are its JSON, its docstring its description.
2. It bends the acts of an answer or sets the server's door. It never knows an endpoint.
3. Every module of this folder is loaded; a fault registers by being defined. Two of one name
   are an error that names both files.
4. A fault has a file of its own, called like it; what several share is in files without one.

It must not import the journal or anything above.
"""

import importlib
import pkgutil
from collections import deque
from collections.abc import AsyncGenerator, Callable
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, Union

import msgspec

from ollama_simulator import records
from ollama_simulator.acts import Act, Door, Head, Reply, Stance
from ollama_simulator.answering import answer
from ollama_simulator.exchange import Exchange, Handler


class Named(msgspec.StructMeta):
    """The type of classes of faults: one that is made wrongly is called by its name."""

    # Type checkers know the arguments of each class, and would forget them.
    if not TYPE_CHECKING:

        def __call__(cls, *args: Any, **fields: Any) -> Any:
            """Make one. Raises `TypeError`."""
            try:
                return super().__call__(*args, **fields)
            except TypeError as error:
                raise TypeError(f"{cls.__name__}: {error}") from None


class Fault(
    msgspec.Struct,
    metaclass=Named,
    frozen=True,
    tag_field="type",
    tag=True,
    forbid_unknown_fields=True,
):
    """Something that a server does instead of answering well."""

    door: ClassVar[Door] = Door.OPEN
    """Where the server's door stands while it behaves like this. One that moves it in the course
    of time says so in `stance`."""
    paces: ClassVar[bool] = False
    """Whether it works by the pace of the engine alone, and leaves the acts as they are."""
    well: ClassVar[bool] = False
    """Whether a server that behaves so is well. Only as a rule, among others, it then strikes."""

    def stance(self, age: float, place: int = 1) -> Stance:
        """Where the door stands, so many seconds after the fault was set, on the server with this
        number in its fleet (from 1)."""
        return Stance(self.door)

    @classmethod
    def at_the_door(cls) -> bool:
        """Whether it works by the door, before there is a request."""
        return cls.door is not Door.OPEN or cls.stance is not Fault.stance

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """The bent answer. It may change the exchange, not call the handler, or rewrite acts."""
        return handler(exchange)


_FAULTS: dict[str, type[Fault]] = {}


F = TypeVar("F", bound=type[Fault])


def register(fault: F) -> F:
    """Make a fault known by its class name."""
    known = _FAULTS.get(fault.__name__)
    if known is not None:
        raise ValueError(
            f"two faults are called {fault.__name__}: in {known.__module__} and {fault.__module__}"
        )
    _FAULTS[fault.__name__] = fault
    return fault


def known() -> dict[str, type[Fault]]:
    """Every fault by name, after loading every module of this folder."""
    package = importlib.import_module(__package__ or "")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    return dict(sorted(_FAULTS.items()))


def any_fault() -> Any:
    """The union of all faults, for decoders and schemas."""
    return Union[tuple(known().values())]  # noqa: UP007 - built at run time


def choices(place: str) -> dict[str, str]:
    """What belongs into each field of a fault at a place that has one of a few values."""
    return {
        f"{place}.{field.name}": "one of " + ", ".join(each.value for each in field.type)
        for kind in known().values()
        for field in msgspec.structs.fields(kind)
        if isinstance(field.type, type) and issubclass(field.type, Enum)
    }


if TYPE_CHECKING:
    AnyFault = Fault
    """Any fault, as the type of a field; who decodes one sees all that are known."""


def __getattr__(name: str) -> Any:
    # A field's type is looked up when it is first decoded: then every fault is known.
    if name == "AnyFault":
        return any_fault()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


Struck = Callable[[], None]
"""Called when a fault changed something."""


def bend(
    exchange: Exchange, fault: Fault, inner: Handler | None = None, struck: Struck | None = None
) -> Reply:
    """Answer an exchange through a fault, and record it if the fault changed anything.

    `inner` is what the fault bends: the honest answer, unless something else is said. `struck`
    records that it did; without one, it is recorded as the server's behaviour. A fault that
    works by the pace alone strikes when the engine begins to work at that pace.
    """

    if struck is None:
        struck = _nothing if fault.well else partial(_behaved, exchange, fault)
    if fault.paces:
        exchange.when_paced = struck
        # Whoever bends what another one left may not be offered flows of tokens.
        exchange.flows = inner is None
        return fault.around(exchange, inner or honest)
    return exchange.stage(_compared(exchange, fault, inner or honest, struck))


def _nothing() -> None:
    """What is recorded of a server that is well."""


def _behaved(exchange: Exchange, fault: Fault) -> None:
    exchange.see(records.Struck, fault=type(fault).__name__)


def honest(exchange: Exchange) -> Reply:
    """The honest answer, of the engine or of who stands in for it; closed with the exchange."""
    return exchange.stage((exchange.stand_in or answer)(exchange))


async def _compared(
    exchange: Exchange, fault: Fault, handler: Handler, struck: Struck
) -> AsyncGenerator[Act, None]:
    """What went into the fault is compared with what came out, act by act, so that "it was
    configured" and "it did something" stay different facts."""
    inner: deque[Act] = deque()
    same = True

    async def watched(exchange: Exchange) -> AsyncGenerator[Act, None]:
        async for act in handler(exchange):
            if same:
                inner.append(act)
            yield act

    def watching(exchange: Exchange) -> Reply:
        return exchange.stage(watched(exchange))

    async for act in exchange.stage(fault.around(exchange, watching)):
        if same and not (inner and _same(inner.popleft(), act)):
            same = False
            struck()
        yield act


def _same(before: Act, after: Act) -> bool:
    """Whether two acts look alike from outside; a head that is sent sooner is no difference."""
    if isinstance(before, Head) and isinstance(after, Head) and after.blank_line:
        said = (before.status, before.headers, _declared(before) or _declared(after))
        return said == (after.status, after.headers, _declared(after) or _declared(before))
    return before == after


def _declared(head: Head) -> str | None:
    """The length that a head tells, if its headers tell one."""
    told = next((value for name, value in head.headers if name.lower() == "content-length"), None)
    return told if told is None or head.length is None else str(head.length)
