"""A context that is full before the answer has ended.

Source: engine model, 1.6; the runners of Ollama before commit 9db4bdbad, and llama.cpp's server.

Rules of this file:

1. Half of what stands behind the tokens to keep is given up, the oldest first. What is left moves
   up in its place, and is not evaluated again unless the model has a recurrent state.
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


def full(engine: Engine, held: int, context: int) -> bool:
    """Whether a slot has no room for the token that comes next. `context` is that of one slot.

    The engine `current` leaves the last place empty.
    """
    return held >= context - (engine == "current")


def shifts(
    engine: Engine, rewinding: Rewinding, context: int, batch: int, *, projector: bool = False
) -> bool:
    """Whether the engine can make room; else the answer ends as one that is too long.

    The engine `current` can't with a model that has a projector for pictures, nor with one whose
    window is narrower than the context.
    """
    if engine == "legacy":
        return True
    narrow = rewinding.to == "window" and padded(rewinding.window + batch) < context
    return not projector and not narrow


def rereads(engine: Engine, rewinding: Rewinding) -> bool:
    """Whether what is left has to be evaluated again."""
    return engine == "legacy" and rewinding.to == "nowhere"


def kept(engine: Engine, num_keep: int, prompt: int, context: int) -> int:
    """How many tokens at the beginning stay. A negative `num_keep` is the whole prompt."""
    wanted = prompt if num_keep < 0 else num_keep
    return max(min(wanted, context - (1 if engine == "legacy" else 4)), 0)


def shifted(engine: Engine, tokens: T, context: int, keep: int) -> T:
    """What a full slot holds after it has made room; `keep` is what `kept` says."""
    held = len(tokens)
    if engine == "legacy":
        discarded = max(max((context - keep) // 2, 1) - (context - held), 0)
    else:
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
