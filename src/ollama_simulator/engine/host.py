"""The machine that a server's runners share: its speed, and what it gives a runner to work with.

Source: engine model, 2.1; the design's rule that runners at work share a server's speed equally.

It must not import anything but layer 0 and its own package.
"""

import random
from typing import Any

from ollama_simulator.clock import Clock
from ollama_simulator.engine.batch import Batch
from ollama_simulator.engine.caching.cache import PromptCache
from ollama_simulator.engine.caching.current import CurrentCache
from ollama_simulator.engine.caching.legacy import LegacyCache
from ollama_simulator.engine.caching.rewinding import rewinding
from ollama_simulator.engine.caching.seed import SeedCache
from ollama_simulator.engine.jitter import PERIOD, factors
from ollama_simulator.engine.shape import Shape
from ollama_simulator.engine.ticker import Ticker
from ollama_simulator.engine.timing import timing
from ollama_simulator.engine.vram import kv_bytes_per_token
from ollama_simulator.model import Model
from ollama_simulator.settings import Settings

UNKNOWN_KV = 131_072
"""Bytes of KV cache for a token where nothing is known of it: those of an 8B model."""


class Host:
    """One machine."""

    def __init__(self, clock: Clock, settings: Settings, seed: str) -> None:
        """`seed` decides how irregular its iterations are."""
        self.clock = clock
        self.settings = settings
        self._speed = settings.speed
        self._tickers: list[Ticker] = []
        """Those of the runners at work."""
        self._shared: SeedCache[Any] = SeedCache()
        """The one memory of the engine `seed`."""
        self._draw = random.Random(f"{seed}/jitter")

    @property
    def speed(self) -> float:
        """How fast it is compared with its profile."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._speed = speed
        self._share()

    def cache(self, model: Model, shape: Shape) -> PromptCache[Any]:
        """What the slots of a new runner remember."""
        settings = self.settings
        back = rewinding(settings.engine, model)
        match settings.engine:
            case "seed":
                return self._shared.share()
            case "legacy":
                return LegacyCache(
                    shape.slots,
                    multiuser=settings.multiuser_cache,
                    rewinding=back,
                    context=shape.context,
                )
            case "current":
                return CurrentCache(
                    shape.slots,
                    ram_mib=settings.cache_ram_mib,
                    bytes_per_token=round(kv_bytes_per_token(settings, model)) or UNKNOWN_KV,
                    fixed_bytes=model.kv_fixed_bytes,
                    context=shape.context * shape.slots,
                    rewinding=back,
                    batch=shape.num_batch,
                )

    def ticker(self, model: Model, shape: Shape) -> Ticker | None:
        """What drives the batch of a new runner; None where iterations take no time."""
        profile = self.settings.hardware_for(model.name)
        formulas = timing(profile)
        if formulas.free:
            return None
        batch = Batch(
            formulas,
            shape.num_batch,
            factors=factors(profile.jitter),
            turn=self._draw.randrange(PERIOD),
            rotates=self.settings.engine == "legacy",
        )
        ticker: Ticker
        ticker = Ticker(self.clock, batch, lambda begins: self._works(ticker, begins))
        return ticker

    def _works(self, ticker: Ticker, begins: bool) -> None:
        """A runner begins to work, or rests."""
        if begins:
            self._tickers.append(ticker)
        else:
            self._tickers.remove(ticker)
        self._share()

    def _share(self) -> None:
        for ticker in tuple(self._tickers):
            ticker.slow(len(self._tickers) / self._speed)
