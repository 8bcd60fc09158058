"""What faults share that HTTP can say: statuses, headers, refusals."""

from collections.abc import AsyncGenerator, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from ollama_simulator.acts import Act, Head
from ollama_simulator.exchange import Exchange

Status = Annotated[int, Meta(ge=200, le=999, description="A final status (RFC 9110, 15).")]
HeaderValue = Annotated[
    str, Meta(pattern=r"^[\x20-\x7e\xa0-\xff]+$", description="No control characters.")
]
HeaderName = Annotated[
    str, Meta(pattern=r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$", description="A token (RFC 9110, 5.6.2).")
]


def with_headers(head: Head, more: Mapping[str, str]) -> Head:
    """A head with more headers, which take the place of those of the same name."""
    named = {name.lower() for name in more}
    kept = [pair for pair in head.headers if pair[0].lower() not in named]
    return msgspec.structs.replace(head, headers=tuple(sorted([*kept, *more.items()])))


async def refuse(
    exchange: Exchange, status: int, message: str, headers: Mapping[str, str] | None = None
) -> AsyncGenerator[Act, None]:
    """Refuse in the words of the dialect, when the request is read; the engine is not asked."""
    await exchange.drain()
    for act in exchange.fail(status, message):
        yield with_headers(act, headers) if headers and isinstance(act, Head) else act
