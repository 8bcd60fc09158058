"""Points of a prompt that a model which can't be rewound can go back to.

Source: engine model, 1.5; the checkpoints of llama.cpp's server.

Rules of this file:

1. A checkpoint is made where a batch of the prompt begins, of what is there before that batch.
   Batches end early where one is wanted: a batch before the end of the prompt, four tokens
   before it, and where messages of the user begin.
2. Those near the end of the prompt are made whatever the distance to others.
3. A model with a window gets them too. It goes back without one while the window before that
   place is still there, which is never so at the head of a conversation: there the check for it
   can't tell a whole window from none.
4. Values are never changed: a slot and a copy in the host's memory may share them.

It must not import anything but its own package.
"""

from collections.abc import Sequence

import msgspec

from ollama_simulator.engine.caching.rewinding import Rewinding

MOST = 32
"""Checkpoints of a slot."""
APART = 8192
"""Tokens between two of them, elsewhere than near the end of a prompt."""
NEAR_END = 4
"""Tokens before the end of a prompt at which the last one is made."""
PADDING = 256
"""What the memory of a window is rounded up to a multiple of, in tokens."""


class Checkpoint(msgspec.Struct, frozen=True):
    at: int
    """Tokens before it."""
    floor: int
    """The first position that is there."""
    task: int
    """Which prompt it was made for, as a number."""


class State(msgspec.Struct, frozen=True):
    """What there is of a sequence, beside its tokens."""

    floor: int = 0
    """The first position of which all layers know something."""
    checkpoints: tuple[Checkpoint, ...] = ()
    """By place, ascending."""


NEW = State()


class Checkpoints:
    """How a model goes back."""

    def __init__(self, rewinding: Rewinding, batch: int) -> None:
        """`batch` is how many tokens of a prompt are evaluated at once."""
        self._recurrent = rewinding.to == "nowhere"
        self._window = rewinding.window
        self._batch = batch
        self._span = padded(rewinding.window + batch)

    def floor(self, floor: int, count: int) -> int:
        """The first position that is there when a sequence with this floor has so many tokens."""
        return max(floor, count - 1 if self._recurrent else count - self._span, 0)

    def resume(self, state: State, shared: int, length: int) -> tuple[int, State]:
        """Where a sequence is taken up for a prompt that begins like it, and what it then is.

        `shared` is how many tokens they have in common, `length` those of the prompt.
        """
        floor, next_ = state.floor, shared
        # A prompt that is there as a whole has its last token evaluated again.
        wanted = max(shared - self._window - (shared == length), 0)
        if shared and floor >= wanted:
            for point in reversed(state.checkpoints):
                if point.at - 1 <= shared and (point.floor < wanted or not point.floor):
                    next_ = min(shared, max(point.floor + 1, point.at - 1))
                    shared, floor = min(next_, point.at), point.floor
                    break
            else:
                shared = next_ = floor = 0
        kept = tuple(point for point in state.checkpoints if point.at - 1 <= next_)
        if shared == length:
            shared = max(shared - 1, 0)
        return shared, State(floor if shared else 0, kept)

    def made(
        self, state: State, start: int, end: int, turns: Sequence[int], task: int
    ) -> tuple[Checkpoint, ...]:
        """The checkpoints there are when a prompt has been evaluated from `start` to its `end`."""
        near = end - self._batch
        ends = {start, near, end - min(self._batch, NEAR_END)}
        last_turn = max(turns, default=-1)
        points = state.checkpoints
        for at in sorted(ends.union(turns)):
            if not max(start, 1) <= at < end:
                continue
            far = not points or at > points[-1].at + APART
            if at not in ends and not far and at != last_turn:
                continue  # No batch begins there.
            turn = at in turns
            if at >= near or (turn and (far or at == last_turn)):
                points = _with(points, Checkpoint(at, self.floor(state.floor, at), task))
        return points


def padded(count: int) -> int:
    """How many tokens a memory for so many has room for."""
    return -(-count // PADDING) * PADDING


def _with(points: tuple[Checkpoint, ...], new: Checkpoint) -> tuple[Checkpoint, ...]:
    """The checkpoints and a new one, for which room is made."""
    left: list[Checkpoint] = []
    excess = len(points) + 2 - MOST
    for point in points:
        older = point.task != new.task
        if excess > 0 and older and left and point.at <= left[-1].at + APART:
            excess -= 1
        else:
            left.append(point)
    del left[: max(len(left) + 1 - MOST, 0)]
    return (*(point for point in left if point.at != new.at), new)
