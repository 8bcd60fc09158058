"""What no balancer knows of a fleet: what is cached where, and when a first token would come.

Source: engine model, 2.1 (the closed form for one slot) and 6.3.

Rules of this file:

1. A server with one slot does one request after the other. With several, prompts are read one
   after the other, and answers are written side by side, as slowly as so many are.
2. A wrong estimate is put right when its request ends.

It must not import anything but layer 0, `engine` and its own package.
"""

from collections.abc import Sequence

from ollama_simulator.clock import Clock
from ollama_simulator.engine.caching.current import CurrentCache
from ollama_simulator.engine.runner import Runner
from ollama_simulator.hardware import HardwareProfile
from ollama_simulator.lab.request import Request
from ollama_simulator.lab.server import Server
from ollama_simulator.lab.stretches import Stretches


class Knowing:
    """Knows all servers."""

    def __init__(self, clock: Clock, servers: Sequence[Server], models: Sequence[str]) -> None:
        """`models` are those of the servers that count, one of each."""
        self._clock = clock
        self._servers = servers
        self._profiles = [
            server.settings.hardware_for(model)
            for server, model in zip(servers, models, strict=True)
        ]
        self._ends: list[dict[int, float]] = [{} for _ in servers]
        """When each request in flight should be over, by its number."""
        self._read_at = [0.0] * len(servers)
        """When all prompts that were sent there should be read."""
        self._latest: list[Stretches | None] = [None] * len(servers)
        """What the request that was sent last leaves behind."""

    # --- what is asked ------------------------------------------------------------------------

    def loaded(self, server: int, model: str) -> bool:
        return self._servers[server].runner(model) is not None

    def cached(self, server: int, request: Request) -> int:
        return self._there(server, request)[0]

    def _there(self, server: int, request: Request) -> tuple[int, int]:
        """What is cached, and what would be copied."""
        runner = self._servers[server].runner(request.model)
        if runner is None:
            return 0, 0
        latest = self._latest[server]
        if runner.slots.count == 1 and self._ends[server] and latest is not None:
            # Who is ahead replaces what is there now.
            held, copied = latest.common(request.prompt), 0
        else:
            held, copied = known(runner, request.prompt)
        return min(held, request.prompt.size - 1), copied

    def ttft(self, server: int, request: Request) -> float:
        return self._wait(server, request) + self._reading(server, request)

    def _wait(self, server: int, request: Request) -> float:
        ends, now = self._ends[server], self._clock.now()
        slots = self._slots(server)
        begins = self._read_at[server] if ends and slots > 1 else now
        if len(ends) >= slots:
            begins = max(begins, sorted(ends.values())[len(ends) - slots])
        return max(begins - now, 0.0)

    def _slots(self, server: int) -> int:
        return max(self._servers[server].settings.num_parallel, 1)

    def _reading(self, server: int, request: Request) -> float:
        profile = self._profiles[server]
        there = self._servers[server]
        size = request.prompt.size
        cached, copied = self._there(server, request)
        seconds = reading_s(profile, size - cached, cached) / there.scheduler.host.speed
        if there.runner(request.model) is None:
            load = profile.load
            seconds += load.fixed_s + profile.model.size / min(load.disk_Bps, load.pcie_Bps)
        seconds += copied * profile.model.kv_bytes_per_token / profile.cache.copy_Bps
        return overhead_s(profile, size) + seconds

    # --- what is told -------------------------------------------------------------------------

    def sent(self, server: int, request: Request) -> None:
        """A request goes to a server."""
        now, ends, slots = self._clock.now(), self._ends[server], self._slots(server)
        profile = self._profiles[server]
        speed = self._servers[server].scheduler.host.speed
        reading = self._reading(server, request)
        start = self._read_at[server] = now + self._wait(server, request) + reading
        if slots > 1:
            # While it is read the others stand still, and then all are slower.
            self._stretch(server, len(ends) + 1, reading)
        crowd = crowded(profile, min(len(ends) + 1, slots))
        writing = writing_s(profile, request.answered, request.prompt.size) * crowd / speed
        ends[request.number] = start + writing
        self._latest[server] = request.prompt.plus(request.asked.answer)

    def ended(self, server: int, request: Request) -> None:
        """It is over."""
        ends = self._ends[server]
        late = self._clock.now() - ends[request.number]
        if self._slots(server) == 1:
            for number in ends:
                ends[number] += late
        else:
            self._stretch(server, len(ends) - 1, 0.0)
        del ends[request.number]

    def _stretch(self, server: int, crowd: int, pause: float) -> None:
        """What is left of all requests is done by another number at once, after a pause."""
        ends, slots = self._ends[server], self._slots(server)
        profile, now = self._profiles[server], self._clock.now()
        slower = crowded(profile, min(crowd, slots)) / crowded(profile, min(len(ends), slots))
        for number, end in ends.items():
            ends[number] = now + max(end - now, 0.0) * slower + pause


def known(runner: Runner, prompt: Stretches) -> tuple[int, int]:
    """Tokens at the head of a prompt that a runner has in a slot that is idle (if none is, in any),
    or in the host's memory; and how many would be copied between the two if it came now."""
    cache = runner.cache
    idle = runner.slots.idle or range(runner.slots.count)
    found = [
        (held.common(prompt), slot) for slot in idle if (held := cache.holds(slot)) is not None
    ]
    best, chosen = max(found, default=(0, -1))
    if not isinstance(cache, CurrentCache):
        return best, 0
    held = cache.holds(chosen) if chosen >= 0 else None
    goes_on = held is not None and 10 * best > prompt.size and 2 * best >= len(held)
    copied = sum(cache.unsaved(slot) for slot in idle if slot != chosen or not goes_on)
    if not goes_on:
        stored = max(((each.common(prompt), len(each)) for each in cache.stored), default=(0, 0))
        if stored[0] > best:
            return stored[0], copied + stored[1]
    return best, copied


def overhead_s(profile: HardwareProfile, tokens: int) -> float:
    """What a request costs before it waits for a slot."""
    return profile.overhead.request_ms / 1e3 + profile.overhead.us_per_token * tokens / 1e6


def reading_s(profile: HardwareProfile, tokens: int, depth: int) -> float:
    """What so many tokens of a prompt take, the first at this depth, and the first token after."""
    batch = profile.batch.n or 512
    seconds = -(-tokens // batch) * profile.step.t0_ms / 1e3
    seconds += tokens / profile.prefill.r_tps + tokens / profile.pace.prefill_tps
    return seconds + profile.prefill.q_ns / 1e9 * (tokens * depth + tokens * tokens / 2)


def crowded(profile: HardwareProfile, slots: int) -> float:
    """How many times as long a token takes if so many are generated at once."""
    if slots < 2 or not profile.step.t0_ms:
        return 1.0
    more = profile.decode.b_ms * (slots - 1) ** profile.decode.g
    return float(1 + more / profile.step.t0_ms)


def writing_s(profile: HardwareProfile, tokens: int, depth: int) -> float:
    """What so many tokens of an answer take behind a prompt of this length."""
    each = profile.step.t0_ms / 1e3 + profile.decode.c_us / 1e6 * (depth + tokens / 2)
    return tokens * (each + 1 / profile.pace.decode_tps)
