"""A context that is full before the answer has ended.

Source: engine model, 1.6; the runners of Ollama before commit 9db4bdbad, and llama.cpp's server.

Rules of this file:

1. Half of what stands behind the tokens to keep is given up, the oldest first. What is left moves
   up in its place, and is not evaluated again.
2. What a slot holds then is no beginning of any prompt, behind the tokens that were kept. So the
   next turn of such a conversation is evaluated almost from its start.
3. That a prompt is too long is another matter, and dealt with before it gets here.

It must not import anything but its own package.
"""

from typing import Literal

from ollama_simulator.engine.caching.cache import T
from ollama_simulator.engine.caching.checkpoints import padded
from ollama_simulator.engine.caching.rewinding import Rewinding

Engine = Literal["legacy", "current"]


SPARE = 4
"""Tokens behind those to keep that the engine `current` always has."""


def shifts(rewinding: Rewinding, context: int, batch: int, *, projector: bool) -> bool:
    """Whether the engine `current` can make room; else the answer ends where the context does.

    It can't with a model that has a projector for pictures, nor with one whose window is narrower
    than the context.
    """
    narrow = rewinding.to == "window" and padded(rewinding.window + batch) < context
    return not projector and not narrow


def shifted(engine: Engine, tokens: T, context: int, keep: int) -> T:
    """What a slot of a full context holds after it has made room; `keep` is less than `context`.

    The engine `current` makes room while one place is left.
    """
    held = len(tokens)
    if engine == "legacy":
        discarded = max(max((context - keep) // 2, 1) - (context - held), 0)
    else:
        keep = max(min(keep, context - SPARE), 0)
        discarded = max((held - keep) // 2, 0)
    if not discarded:
        return tokens
    return tokens.first(keep).plus(tokens.last(held - keep - discarded))


def held(engine: Engine, tokens: T, context: int, keep: int) -> T:
    """What a slot holds of all that it was given, one token after another."""
    limit = context - (engine == "current")
    inside = tokens.first(limit)
    left = len(tokens) - len(inside)
    while left:
        inside = shifted(engine, inside, context, keep)
        more = min(limit - len(inside), left)
        if more <= 0:
            # So much stays that nothing can be made room for.
            return inside
        inside = inside.plus(tokens.last(left).first(more))
        left -= more
    return inside
