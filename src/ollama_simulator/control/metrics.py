"""`GET /metrics`: what a fleet's journal adds up to, for Prometheus.

Source: Prometheus' text format 0.0.4, and OpenMetrics 1.0 for whoever asks for it.

Rules of this file:

1. Nothing is counted here: every number is a fold of the journal's records, or is about the
   journal itself.
2. A scrape is one moment. It is written out in a thread: for many servers that takes longer than
   their clients may wait for a token.

It must not import the servers' insides: what it tells goes through the fleet.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import get_args

import msgspec
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.responses import Response

from ollama_simulator.control.classic import fleet_in
from ollama_simulator.control.web import Asked, get
from ollama_simulator.fleet import Fleet
from ollama_simulator.journal import Journal
from ollama_simulator.records import Lacking
from ollama_simulator.tally.counts import COUNTS, HISTOGRAMS, Buckets, Count, Histogram
from ollama_simulator.tally.folds import ServerTally
from ollama_simulator.tally.gauges import GAUGES, Gauge

PREFIX = "ollama_simulator_"
SERVER = ("server", "port")
"""What every number of a server is told apart by: the name in the journal, and the port."""


class Kept(msgspec.Struct, frozen=True):
    """Something that is told of the journal."""

    name: str
    says: str
    """What it is, in a sentence."""
    read: Callable[[Journal], int]


KEPT = (
    Kept("journal_records", "Records of what happened.", lambda journal: journal.total),
    Kept(
        "journal_dropped_records",
        "Records that the journal doesn't keep any more.",
        lambda journal: journal.dropped,
    ),
    Kept(
        "journal_file_records",
        "Records that were written into the journal's file.",
        lambda journal: journal.file.written if journal.file else 0,
    ),
    Kept(
        "journal_file_lost_records",
        "Records that were dropped before they could be written into the journal's file.",
        lambda journal: journal.file.lost if journal.file else 0,
    ),
)

HINDRANCES = "hindrances", "Times that the simulator itself lacked something, by what it was."

Each = Sequence[tuple[tuple[str, str], ServerTally]]
"""The numbers of every server, with what names it."""


@get("/metrics")
async def metrics(request: Asked) -> Response:
    """The numbers of every server."""
    encode, media = choose_encoder(request.headers.get("accept", ""))
    text = await asyncio.to_thread(encode, Numbers(fleet_in(request)))
    # As a header, since a media type would get a second charset.
    return Response(text, headers={"content-type": media})


class Numbers(Collector):
    """All numbers of a fleet, as they were when this was made."""

    def __init__(self, fleet: Fleet) -> None:
        fleet.expire()
        tallies = fleet.journal.tally.servers
        each = [
            ((server.name, str(port)), tallies[server.name])
            for port, server in fleet.servers.items()
        ]
        self._families = [
            *(_gauge(gauge, each) for gauge in GAUGES),
            *(_count(count, each) for count in COUNTS),
            *(_histogram(histogram, each) for histogram in HISTOGRAMS),
            *_journal(fleet.journal),
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


def _journal(journal: Journal) -> Iterator[Metric]:
    """The numbers of the journal, and of what is about no server."""
    for count in KEPT:
        yield CounterMetricFamily(PREFIX + count.name, count.says, count.read(journal))
    lacked = CounterMetricFamily(PREFIX + HINDRANCES[0], HINDRANCES[1], labels=("what",))
    for what in get_args(Lacking):
        lacked.add_metric((what,), journal.hindrances[what])
    yield lacked


def _cumulative(histogram: Histogram, buckets: Buckets) -> list[tuple[str, float]]:
    bounds = (*map(str, histogram.bounds), "+Inf")
    return list(zip(bounds, accumulate(buckets.counts), strict=True))


ROUTES = [metrics]
