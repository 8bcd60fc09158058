"""What no balancer knows of a fleet: what is cached where, and when a first token would come.

Source: engine model, 2.1 (the closed form for one slot) and 6.3.

Rules of this file:

1. Each server's work is reckoned as if its slots took turns: for one slot that is exact as long as
   estimates are, for several it is a fair guess. A wrong estimate is put right when its request
   ends.

It must not import anything but layer 0, `engine` and its own package.
"""

from collections.abc import Sequence

from ollama_simulator.engine.caching.current import CurrentCache
from ollama_simulator.engine.runner import Runner
from ollama_simulator.hardware import HardwareProfile
from ollama_simulator.lab.request import Request
from ollama_simulator.lab.server import Server
from ollama_simulator.lab.stretches import Stretches


class Knowing:
    """Knows all servers."""

    def __init__(self, servers: Sequence[Server], models: Sequence[str]) -> None:
        """`models` are those of the servers that count, one of each."""
        self._servers = servers
        self._profiles = [
            server.settings.hardware_for(model)
            for server, model in zip(servers, models, strict=True)
        ]
        self._ends: list[dict[int, float]] = [{} for _ in servers]
        """When each request in flight should be over, by its number."""
        self._latest: list[Stretches | None] = [None] * len(servers)
        """What the request that was sent last leaves behind."""

    # --- what is asked ------------------------------------------------------------------------

    def loaded(self, server: int, model: str) -> bool:
        return self._servers[server].runner(model) is not None

    def cached(self, server: int, request: Request) -> int:
        runner = self._servers[server].runner(request.model)
        if runner is None:
            return 0
        held = known(runner, request.prompt)
        if self._ends[server] and (latest := self._latest[server]) is not None:
            behind = latest.common(request.prompt)
            # With one slot, who is ahead has replaced what is there now.
            held = behind if runner.slots.count == 1 else max(held, behind)
        return min(held, request.prompt.size - 1)

    def ttft(self, server: int, request: Request) -> float:
        return self._wait(server, request) + self._reading(server, request)

    def _wait(self, server: int, request: Request) -> float:
        ends = self._ends[server]
        slots = max(self._servers[server].settings.num_parallel, 1)
        if len(ends) < slots:
            return 0.0
        now = request.asked_at
        return max(sorted(ends.values())[len(ends) - slots] - now, 0.0)

    def _reading(self, server: int, request: Request) -> float:
        profile = self._profiles[server]
        there = self._servers[server]
        size = request.prompt.size
        cached = self.cached(server, request)
        seconds = reading_s(profile, size - cached, cached) / there.scheduler.host.speed
        if there.runner(request.model) is None:
            load = profile.load
            seconds += load.fixed_s + profile.model.size / min(load.disk_Bps, load.pcie_Bps)
        return overhead_s(profile, size) + seconds

    # --- what is told -------------------------------------------------------------------------

    def sent(self, server: int, request: Request, now: float) -> None:
        """A request goes to a server."""
        profile = self._profiles[server]
        speed = self._servers[server].scheduler.host.speed
        writing = writing_s(profile, request.answered, request.prompt.size) / speed
        start = now + self.ttft(server, request)
        request.ends_at = start + writing
        self._ends[server][request.number] = request.ends_at
        self._latest[server] = request.prompt.plus(request.asked.answer)

    def ended(self, server: int, request: Request, now: float) -> None:
        """It is over."""
        ends = self._ends[server]
        late = now - ends.pop(request.number)
        if self._servers[server].settings.num_parallel <= 1:
            for number in ends:
                ends[number] += late


def known(runner: Runner, prompt: Stretches) -> int:
    """Tokens at the head of a prompt that a runner has in a slot, or in the host's memory."""
    cache = runner.cache
    best = 0
    for slot in range(runner.slots.count):
        held = cache.holds(slot)
        if held is not None:
            best = max(best, held.common(prompt))
    if isinstance(cache, CurrentCache):
        for stored in cache.stored:
            best = max(best, stored.common(prompt))
    return best


def overhead_s(profile: HardwareProfile, tokens: int) -> float:
    """What a request costs before it waits for a slot."""
    return profile.overhead.request_ms / 1e3 + profile.overhead.us_per_token * tokens / 1e6


def reading_s(profile: HardwareProfile, tokens: int, depth: int) -> float:
    """What so many tokens of a prompt take, the first at this depth, and the first token after."""
    batch = profile.batch.n or 512
    seconds = -(-tokens // batch) * profile.step.t0_ms / 1e3
    seconds += tokens / profile.prefill.r_tps + tokens / profile.pace.prefill_tps
    return seconds + profile.prefill.q_ns / 1e9 * (tokens * depth + tokens * tokens / 2)


def writing_s(profile: HardwareProfile, tokens: int, depth: int) -> float:
    """What so many tokens of an answer take behind a prompt of this length."""
    each = profile.step.t0_ms / 1e3 + profile.decode.c_us / 1e6 * (depth + tokens / 2)
    return tokens * (each + 1 / profile.pace.decode_tps)
