"""What an iteration takes: the formulas of a hardware profile.

Source: engine model, 2.1.

It must not import anything but layer 0.
"""

import functools

import msgspec

from ollama_simulator.hardware import HardwareProfile


class Timing(msgspec.Struct, frozen=True):
    """The numbers of a profile that an iteration depends on. All in seconds and tokens."""

    step: float
    per_token: float
    """Of a prompt, at depth 0."""
    per_position: float
    """For each token of a prompt and each token before it."""
    per_context: float
    """For each token of context of each generating slot."""
    crowd: float
    """For a second generating slot."""
    crowd_power: float
    """How that grows with further ones."""

    @property
    def free(self) -> bool:
        """Whether iterations take no time."""
        costs = (self.step, self.per_token, self.per_position, self.per_context, self.crowd)
        return not any(costs)

    def iteration(self, tokens: int, positions: float, generating: int, contexts: int) -> float:
        """Seconds of an iteration that carries so many tokens of prompts, whose positions come to
        `positions`, and one token of each generating slot, whose contexts come to `contexts`."""
        seconds = (
            self.step
            + tokens * self.per_token
            + positions * self.per_position
            + contexts * self.per_context
        )
        if generating > 1:
            seconds += self.crowd * (generating - 1) ** self.crowd_power
        return seconds


def positions(tokens: int, depth: int) -> float:
    """The sum of the positions of consecutive tokens of a prompt, the first at `depth`."""
    return tokens * depth + tokens * (tokens - 1) / 2


@functools.cache
def timing(profile: HardwareProfile) -> Timing:
    """The formulas of a profile."""
    return Timing(
        step=profile.step.t0_ms / 1e3,
        per_token=1 / profile.prefill.r_tps,
        per_position=profile.prefill.q_ns / 1e9,
        per_context=profile.decode.c_us / 1e6,
        crowd=profile.decode.b_ms / 1e3,
        crowd_power=profile.decode.g,
    )
