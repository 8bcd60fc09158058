"""A load: what it takes of the machine, and the runner that comes of it.

Source: native specification 6.4; engine model 2.1 and 2.2.

Rules of this file:

1. One model loads at a time; the scheduler sees to that.
2. A load takes as long as the machine needs, or the server's pace if that is longer. A script that
   says how long it takes is right in any case.
3. What a runner gets of the GPU is settled when its load begins. What was read of its file stays in
   the page cache, however the load ends.

It must not import anything but layer 0 and its own package.
"""

import math

from ollama_simulator import records
from ollama_simulator.clock import Clock, Interrupt
from ollama_simulator.engine.lease import Want
from ollama_simulator.engine.loading import load
from ollama_simulator.engine.memory import Memory
from ollama_simulator.engine.pagecache import PageCache
from ollama_simulator.engine.queue import Entry
from ollama_simulator.engine.reading import reading
from ollama_simulator.engine.runner import Runner
from ollama_simulator.records import See
from ollama_simulator.settings import Settings

KEEP_ALIVE_S = {"0.33": 300.0, "0.13.5": math.inf}
"""Seconds that an unused model stays loaded (seed facts, "Defaults")."""


class Loader:
    """What loads the models of one server."""

    def __init__(self, clock: Clock, settings: Settings, memory: Memory) -> None:
        self.pages = PageCache(settings.hardware.memory.ram_bytes)
        self.coming: Runner | None = None
        """The runner that starts."""
        self._clock = clock
        self._settings = settings
        self._memory = memory

    @property
    def keep_alive(self) -> float:
        """Seconds that a runner stays unless a request says otherwise."""
        said = self._settings.keep_alive
        return KEEP_ALIVE_S[self._settings.wire] if said is None else said

    async def load(self, entry: Entry, want: Want, gone: Interrupt, see: See) -> Runner:
        """Start a runner for a request, which uses it then.

        Raises `Refusal` if it fails, and `Abandoned` when the client leaves.
        """
        model = entry.model
        keep_alive = self.keep_alive if entry.keep_alive is None else entry.keep_alive
        runner = self.coming = self._memory.planned(model, entry.shape, keep_alive)
        profile = self._settings.hardware_for(model.name)
        cached = self.pages.cached(runner.key)
        evicted = sum(victim.room.vram > 0 for victim in entry.victims)
        way = reading(profile.load, model.size, cached, evicted)
        began, read = self._clock.now(), model.size
        try:
            longer = max(want.load_s, way.seconds)
            seconds = await load(self._clock, self._settings, want.load, longer, gone)
        except BaseException:
            read = way.read(self._clock.now() - began)
            raise
        finally:
            self.pages.read(runner.key, read)
            self.coming = None
        self._memory.add(runner)
        self._memory.use(runner, entry.keep_alive)
        see(
            records.ModelLoaded,
            model=model.name,
            seconds=seconds,
            slots=runner.shape.slots,
            context=runner.shape.context,
            vram=runner.room.vram,
        )
        return runner
