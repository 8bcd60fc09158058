"""What ends an answer before its own end: stop strings, limits, and a model that repeats itself.

Source: native specification 3.5, 5.4 and 5.5.

Rules of this file:

1. What a script says verbatim was bounded by whoever wrote it: it passes as it is.
2. A token counts even if its text is kept back or cut off.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterable, Iterator

import msgspec

from ollama_simulator.engine.answer.output import End, Output, Piece
from ollama_simulator.engine.answer.parsers.parsed import overlap
from ollama_simulator.script import Script

REPEATS = 30
"""How often the same piece may follow itself."""


def bounded(
    outputs: Iterable[Output], stops: tuple[str, ...], limit: int | None
) -> Iterator[Output]:
    """An answer up to the first stop string, which isn't part of it, and to `limit` tokens."""
    stops = tuple(filter(None, stops))
    kept = ""
    count = 0
    for output in outputs:
        if not isinstance(output, Piece):
            if kept and isinstance(output, End):
                yield Piece(kept, tokens=0)
                kept = ""
            yield output
            continue
        count += output.tokens
        if output.verbatim:
            yield output
            continue
        if limit == 0:
            yield End("length")
            return
        text = kept + output.text
        if (cut := _first(text, stops)) is not None:
            yield msgspec.structs.replace(output, text=text[:cut])
            yield End("stop")
            return
        size = max((overlap(text, stop) for stop in stops), default=0)
        kept = text[len(text) - size :]
        if stops:
            output = msgspec.structs.replace(output, text=text[: len(text) - size])
        yield output
        if limit is not None and count >= limit:
            if kept:
                yield Piece(kept, tokens=0)
            yield End("length")
            return


def _first(text: str, stops: tuple[str, ...]) -> int | None:
    """Where the first stop string begins."""
    return min((text.index(stop) for stop in stops if stop in text), default=None)


def guarded(outputs: Iterable[Output]) -> Iterator[Output]:
    """An answer up to the point where it says the same once too often: there it breaks off."""
    last = ""
    repeats = 0
    for output in outputs:
        if isinstance(output, Piece | End):
            text = (output.text if isinstance(output, Piece) else output.last.text).strip()
            repeats = repeats + 1 if text == last else 0
            last = text
            if repeats > REPEATS:
                yield End(None)
                return
        yield output


def untold(outputs: Iterable[Output], script: Script | None) -> Iterator[Output]:
    """An answer without the text of the token that reaches its limit: engine `legacy` counts it,
    and never tells it (engine model, 1.10). A script that says what is counted is right."""
    last: Piece | None = None
    if script is not None and script.tokens is not None:
        yield from outputs
        return
    for output in outputs:
        if last is not None and isinstance(output, End) and output.reason == "length":
            last = Piece(tokens=last.tokens)
        if last is not None:
            yield last
            last = None
        if isinstance(output, Piece) and output.tokens:
            last = output
        else:
            yield output
    if last is not None:
        yield last
