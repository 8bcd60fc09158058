"""`GET /metrics`: what a fleet's journal adds up to, for Prometheus.

Source: Prometheus' text format 0.0.4, and OpenMetrics 1.0 for whoever asks for it.

Rules of this file:

1. Nothing is counted here: every number is a fold of the journal's records.
2. A scrape is one moment. It is written out in a thread: for many servers that takes longer than
   their clients may wait for a token.

It must not import the servers' insides: what it tells goes through the fleet.
"""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import State
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from ollama_simulator.control.classic import fleet_in
from ollama_simulator.fleet import Fleet
from ollama_simulator.tally.counts import COUNTS, HISTOGRAMS, Buckets, Count, Histogram
from ollama_simulator.tally.folds import ServerTally
from ollama_simulator.tally.gauges import GAUGES, Gauge

PREFIX = "ollama_simulator_"
SERVER = ("server", "port")
"""What every number is told apart by: the name in the journal, and the port."""

Each = Sequence[tuple[tuple[str, str], ServerTally]]
"""The numbers of every server, with what names it."""


@get("/metrics")
async def metrics(state: State, request: Request[Any, Any, State]) -> Response[bytes]:
    """The numbers of every server."""
    encode, media = choose_encoder(request.headers.get("accept", ""))
    text = await asyncio.to_thread(encode, Numbers(fleet_in(state)))
    # As a header, since a media type would get a second charset.
    return Response(text, headers={"content-type": media})


class Numbers(Collector):
    """All numbers of a fleet, as they were when this was made."""

    def __init__(self, fleet: Fleet) -> None:
        for server in fleet.servers.values():
            # That a model has expired is recorded when somebody looks.
            server.memory.expire()
        tallies = fleet.journal.tally.servers
        each = [
            ((server.name, str(port)), tallies[server.name])
            for port, server in fleet.servers.items()
        ]
        self._families = [
            *(_gauge(gauge, each) for gauge in GAUGES),
            *(_count(count, each) for count in COUNTS),
            *(_histogram(histogram, each) for histogram in HISTOGRAMS),
        ]

    def collect(self) -> Iterator[Metric]:
        """The numbers."""
        return iter(self._families)


def _gauge(gauge: Gauge, each: Each) -> Metric:
    family = GaugeMetricFamily(PREFIX + gauge.name, gauge.says, labels=(*SERVER, *gauge.by))
    for name, tally in each:
        for told, value in gauge.read(tally.standing):
            family.add_metric((*name, *told), value)
    return family


def _count(count: Count, each: Each) -> Metric:
    family = CounterMetricFamily(PREFIX + count.name, count.says, labels=(*SERVER, *count.by))
    for name, tally in each:
        for told, value in tally.counted(count):
            family.add_metric((*name, *told), value)
    return family


def _histogram(histogram: Histogram, each: Each) -> Metric:
    labels = (*SERVER, *histogram.by)
    family = HistogramMetricFamily(PREFIX + histogram.name, histogram.says, labels=labels)
    for name, tally in each:
        for told, buckets in tally.sorted(histogram):
            family.add_metric((*name, *told), _cumulative(histogram, buckets), buckets.sum)
    return family


def _cumulative(histogram: Histogram, buckets: Buckets) -> list[tuple[str, float]]:
    bounds = (*map(str, histogram.bounds), "+Inf")
    return list(zip(bounds, accumulate(buckets.counts), strict=True))


ROUTES = [metrics]
