"""`/metrics`: what Prometheus is told is what the journal says."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.samples import Sample

from ollama_simulator import records
from ollama_simulator.acts import Door
from ollama_simulator.clock import VirtualClock, WallClock
from ollama_simulator.control.metrics import PREFIX, Numbers
from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.frozen import Frozen
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.rule import Rule
from ollama_simulator.fleet import Fleet
from ollama_simulator.journal import Filed, Journal
from ollama_simulator.model import Model
from ollama_simulator.records import Record
from ollama_simulator.script import Load, Script, Step
from ollama_simulator.settings import Caching, Settings
from tests.engine.driving import virtual
from tests.net.loops import on_each_loop
from tests.net.peers import Peer, settle, until
from tests.tally.making import made
from tests.test_server import FAST, SLOW, post

A, B = (Model(name, 1_000, name[0] * 8, "f", "1B", "F16") for name in ("a:1b", "b:7b"))


class Scrape:
    """What one answer says, by name and labels."""

    def __init__(self, fleet: Fleet) -> None:
        text = generate_latest(Numbers(fleet)).decode()
        self.families = list(parse(text))
        self.samples: list[Sample] = [s for family in self.families for s in family.samples]

    def __call__(self, name: str, server: str = "s1", /, **labels: Any) -> float:
        """The sum of the samples that have these labels."""
        wanted = {"server": server} | labels
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == PREFIX + name and wanted.items() <= sample.labels.items()
        )

    def labels(self, name: str) -> Iterator[dict[str, str]]:
        """The labels of every sample of this name, without the bound."""
        for sample in self.samples:
            if sample.name == PREFIX + name:
                yield {key: value for key, value in sample.labels.items() if key != "le"}


def check(fleet: Fleet) -> Scrape:
    """What is told, after a look at whether it can be and whether it is what was recorded."""
    told, journal = Scrape(fleet), fleet.journal
    for port, server in fleet.servers.items():
        name = server.name
        mine: dict[str, Any] = {"server": name}
        assert told("requests_total", name, port=str(port)) == journal.requests[name]
        assert told("requests_active", name) == server.active
        assert told("requests_finished_total", name) + server.active == journal.requests[name]
        finished = journal.where(records.Finished, **mine)
        ends = Counter((record.outcome, record.status) for record in finished)
        for (outcome, code), count in ends.items():
            how = {"outcome": outcome, "status": "none" if code is None else str(code)}
            assert told("requests_finished_total", name, **how) == count
        faults = Counter(record.fault for record in journal.where(records.Struck, **mine))
        for fault, count in faults.items():
            assert told("faults_struck_total", name, fault=fault) == count
        evaluated = journal.where(records.Evaluated, **mine)
        assert told("prompt_tokens_total", name) == sum(r.prompt for r in evaluated)
        assert told("cached_prompt_tokens_total", name) == sum(r.cached for r in evaluated)
        assert told("cache_hits_total", name) == sum(r.cached > 0 for r in evaluated)
        generated = journal.where(records.Generated, **mine)
        assert told("generated_tokens_total", name) == sum(r.tokens for r in generated)
        released = journal.where(records.Released, **mine)
        assert told("wasted_tokens_total", name) == sum(r.wasted_tokens for r in released)
        assert told("model_loads_total", name) == len(journal.where(records.ModelLoaded, **mine))
        first = journal.where(records.FirstToken, **mine)
        assert told("time_to_first_token_seconds_count", name) == len(first)
        total = told("time_to_first_token_seconds_sum", name)
        assert total == pytest.approx(sum(r.seconds for r in first))
        gaps = sum(sum(record.gaps) for record in generated)
        assert told("inter_token_gap_seconds_count", name) == gaps
        assert told("door", name) == told("door", name, door=server.listener.door.value) == 1
        assert told("models_loaded", name) == len(server.memory.runners)
        slots = sum(runner.slots.count for runner in server.memory.runners)
        assert told("slots", name) == slots
        held = sum(runner.slots.held_now for runner in server.memory.runners)
        assert told("jobs_running", name) + told("slots_abandoned", name) == held <= slots
        assert told("jobs_waiting", name) <= told("requests_active", name)
        assert told("cached_prompt_tokens_total", name) <= told("prompt_tokens_total", name)
        assert told("internal_errors_total", name) == 0
    for family in told.families:
        assert family.documentation.endswith(".")
    return told


async def whole(fleet: Fleet, **fields: Any) -> int:
    """A chat, and its status."""
    async with await Peer.connect(fleet.ports[0]) as peer:
        await peer.send(post("/api/chat", stream=False, **fields))
        return (await peer.answer())[0]


async def seen(fleet: Fleet, kind: type[Record], count: int = 1, **fields: Any) -> None:
    """Wait until so many of these are recorded."""
    await until(lambda: len(fleet.journal.where(kind, **fields)) >= count)


# --- one answer ---------------------------------------------------------------------------


@on_each_loop
async def test_at_the_start_all_is_none() -> None:
    """Every server is there, with its port, and the door is the only thing that is something."""
    async with Fleet((0, 0)) as fleet:
        told = check(fleet)
        for sample in told.samples:
            one = sample.labels.get("door") == "open" or sample.name == f"{PREFIX}up"
            assert sample.value == one, sample
        of = {(s.labels.get("server"), s.labels.get("port")) for s in told.samples}
        assert of == {(None, None)} | {
            (server.name, str(port)) for port, server in fleet.servers.items()
        }


def test_the_journal_and_what_the_simulator_lacks() -> None:
    """What is about no server has no labels of one."""

    async def main(clock: VirtualClock) -> None:
        fleet = Fleet((), clock=clock, records=8)
        for number in range(20):
            fleet.journal.add(records.Behaved(t=number, server="s1", behavior="Hang"))
        lacks = records.Hindered(t=20.0, server="", what="journal-file", detail="no room")
        fleet.journal.warn(lacks)
        fleet.journal.file = Filed("journal.jsonl")
        fleet.journal.file.written, fleet.journal.file.lost = 7, 5
        own = [sample for sample in Scrape(fleet).samples if "server" not in sample.labels]
        values = {(s.name.removeprefix(PREFIX), *s.labels.values()): s.value for s in own}
        assert values == {
            ("journal_records_total",): 21,
            ("journal_dropped_records_total",): fleet.journal.dropped,
            ("journal_file_records_total",): 7,
            ("journal_file_lost_records_total",): 5,
            ("hindrances_total", "descriptors"): 0,
            ("hindrances_total", "journal-file"): 1,
            ("hindrances_total", "worker"): 0,
        }
        assert fleet.journal.dropped > 10

    virtual(main)


@on_each_loop
async def test_whole_answers() -> None:
    """Hits, tokens, loads, and both histograms."""
    async with Fleet((0, 0)) as fleet:
        await fleet.behave(None, FAST)
        for _ in range(3):
            assert await whole(fleet, options={"num_predict": 7}) == 200
        await seen(fleet, records.Closed, 3)
        told = check(fleet)
        assert told("requests_finished_total", outcome="complete", status="200") == 3
        assert told("cache_hits_total") == 2
        assert told("generated_tokens_total", model="test-model:latest") == 21
        assert told("time_to_first_token_seconds_count") == 3
        assert told("inter_token_gap_seconds_count") == 18
        assert told("model_loads_total") == told("models_loaded") == told("slots") == 1
        assert told("jobs_running") == told("jobs_waiting") == told("connections") == 0
        assert told("requests_total", "s2") == 0


# --- whatever way it ends -----------------------------------------------------------------


@on_each_loop
async def test_who_runs_and_who_waits() -> None:
    """One runs, one waits and leaves, one waits and is cancelled."""
    async with Fleet() as fleet:
        await fleet.behave(None, SLOW)
        async with (
            await Peer.connect(fleet.ports[0]) as runs,
            await Peer.connect(fleet.ports[0]) as leaves,
            await Peer.connect(fleet.ports[0]) as stays,
        ):
            await runs.send(post("/api/chat"))
            await seen(fleet, records.Admitted)
            for number, peer in enumerate((leaves, stays), 1):
                await peer.send(post("/api/chat"))
                await seen(fleet, records.Queued, number)
            told = check(fleet)
            assert told("jobs_running") == 1
            assert told("jobs_waiting", waits_for="slot") == 2
            assert told("jobs_waiting", waits_for="load") == 0
            leaves.reset()
            await seen(fleet, records.Finished)
            assert check(fleet)("jobs_waiting") == 1
            assert fleet.server(fleet.ports[0]).cancel() == 2
            await seen(fleet, records.Finished, 3)
        told = check(fleet)
        assert told("jobs_running") == told("jobs_waiting") == told("requests_active") == 0
        assert told("slots_abandoned") == 0
        assert told("requests_finished_total", outcome="left") == 1
        assert told("requests_finished_total", outcome="cancelled") == 2
        assert told("clients_left_total", how="rst") == 1


@on_each_loop
async def test_who_waits_for_a_load_and_who_is_refused() -> None:
    """A load that takes long, one that waits for its turn, and one too many."""
    async with Fleet(settings=Settings(max_queue=1)) as fleet:
        port = fleet.ports[0]
        fleet.install(port, [A, B])
        fleet.script(port, [Script(load=Load(delay_ms=60_000))])
        async with await Peer.connect(port) as loads, await Peer.connect(port) as waits:
            await loads.send(post("/api/chat", model="a:1b"))
            await seen(fleet, records.Received)
            await settle()
            await waits.send(post("/api/chat", model="b:7b"))
            await seen(fleet, records.Queued)
            assert await whole(fleet, model="b:7b") == 503
            await seen(fleet, records.Finished)
            told = check(fleet)
            assert told("jobs_waiting", waits_for="load") == 1
            assert told("requests_finished_total", outcome="complete", status="503") == 1
            for peer in (loads, waits):
                peer.reset()
        await seen(fleet, records.Finished, 3)
        told = check(fleet)
        assert told("jobs_waiting") == told("models_loaded") == told("model_loads_total") == 0


@on_each_loop
async def test_a_load_that_fails() -> None:
    """Nothing is loaded, and the request has its status."""
    async with Fleet() as fleet:
        fleet.script(None, [Script(load=Load(exit=1, stderr=("error: no",)))])
        assert await whole(fleet) == 500
        await seen(fleet, records.Finished)
        told = check(fleet)
        assert told("models_loaded") == told("model_loads_total") == 0
        assert told("requests_finished_total", status="500") == 1


@on_each_loop
async def test_models_that_make_room_and_go() -> None:
    """Replaced by another, asked to go, taken by hand, forgotten by a reset."""
    async with Fleet(settings=Settings(max_loaded_models=1, num_parallel=3)) as fleet:
        port = fleet.ports[0]
        await fleet.behave(None, FAST)
        fleet.install(port, [A, B])
        for model in ("a:1b", "b:7b"):
            assert await whole(fleet, model=model) == 200
        told = check(fleet)
        assert told("model_unloads_total", model="a:1b", why="replaced") == 1
        assert (told("slots", model="b:7b"), told("slots")) == (3, 3)
        fleet.load(port, "a:1b")
        told = check(fleet)
        assert (told("slots", model="a:1b"), told("models_loaded")) == (3, 1)
        assert await whole(fleet, model="a:1b", messages=[], keep_alive=0) == 200
        assert check(fleet)("models_loaded") == 0
        fleet.load(port, "not-installed")
        fleet.load(port, "not-installed")
        assert check(fleet)("models_loaded") == 1
        await fleet.reset()
        told = check(fleet)
        assert told("models_loaded") == told("slots") == told("model_vram_bytes") == 0
        assert told("model_unloads_total", why="reset") == 1


@on_each_loop
async def test_a_runner_that_crashes() -> None:
    """Its slot is free again; it stays in memory until somebody wants it."""
    async with Fleet() as fleet:
        await fleet.behave(None, FAST)
        fleet.script(None, [Script(answer=(Step(content="a"), Step(crash="CUDA error")), times=1)])
        assert await whole(fleet) == 500
        await seen(fleet, records.Finished)
        told = check(fleet)
        assert (told("models_loaded"), told("jobs_running")) == (1, 0)
        assert await whole(fleet) == 200
        told = check(fleet)
        assert told("model_unloads_total", why="crashed") == 1
        assert told("models_loaded") == 1


@on_each_loop
async def test_a_slot_that_is_lost() -> None:
    """Its client left while it was written to: nobody runs, but the slot is not free (6.7)."""
    async with Fleet() as fleet:
        fleet.script(None, [Script(answer=(Step(raw="x" * 100_000, repeat=200),), gap_ms=0.0)])
        async with await Peer.connect(fleet.ports[0], rcvbuf=4096) as peer:
            await peer.send(post("/api/chat"))
            await peer.receive()
            await asyncio.sleep(0.3)
        await seen(fleet, records.Finished)
        told = check(fleet)
        assert (told("jobs_running"), told("slots"), told("slots_abandoned")) == (0, 1, 1)
        fleet.load(fleet.ports[0], None)
        assert check(fleet)("slots_abandoned") == 0


@on_each_loop
async def test_a_slot_that_works_on() -> None:
    """A machine notices late that a client left: until then the slot is taken for nobody."""
    machine = Settings(profile="rtx-5090-qwen3-32b", engine="current")
    async with Fleet(settings=machine, clock=WallClock(5)) as fleet:
        async with await Peer.connect(fleet.ports[0]) as peer:
            await peer.send(post("/api/chat", messages=[{"role": "user", "content": "a " * 3000}]))
            await seen(fleet, records.Admitted)
            peer.reset()
            await seen(fleet, records.Finished)
            told = check(fleet)
            assert (told("jobs_running"), told("slots_abandoned")) == (0, 1)
        await seen(fleet, records.Released)
        told = check(fleet)
        assert (told("jobs_running"), told("slots_abandoned")) == (0, 0)
        assert told("wasted_prompt_tokens_total") > 0


@on_each_loop
async def test_a_restart() -> None:
    """It is not up meanwhile, and has nothing."""
    async with Fleet() as fleet:
        await fleet.behave(None, FAST)
        assert await whole(fleet) == 200
        await fleet.restart(None, "q8_0", seconds=0.05)
        told = check(fleet)
        assert (told("up"), told("models_loaded"), told("connections")) == (0, 0, 0)
        assert told("restarts_total") == 0
        await fleet.server(fleet.ports[0]).up()
        told = check(fleet)
        assert (told("up"), told("restarts_total")) == (1, 1)
        assert told("model_unloads_total", why="restarted") == 1


FAULTS: list[tuple[Fault, str, str]] = [
    (HttpError(503, "no"), "complete", "503"),
    (FailMidStream(tokens_before_fail=3, tokens_per_sec=5000.0), "rst", "none"),
    (AbruptClose(bytes_before_close=10), "fin", "200"),
]


@on_each_loop
async def test_a_server_that_is_well_is_struck_by_nothing() -> None:
    """However fast it works when it behaves normally; a rule that sets a pace is one, though."""
    async with Fleet([0, 0]) as fleet:
        await fleet.behave(None, Normal(num_tokens=2, tokens_per_sec=5000.0))
        number = await fleet.inject("s2", Rule(fault=Normal(num_tokens=3)))
        for port in fleet.ports:
            async with await Peer.connect(port) as peer:
                await peer.send(post("/api/chat", stream=False))
                await peer.answer()
        check(fleet)
        struck = [(each.server, each.rule) for each in fleet.journal.where(records.Struck)]
        assert struck == [("s2", number)]


@pytest.mark.parametrize(("fault", "outcome", "status"), FAULTS)
@on_each_loop
async def test_faults_that_struck(fault: Fault, outcome: str, status: str) -> None:
    async with Fleet() as fleet:
        await fleet.behave(None, fault)
        async with await Peer.connect(fleet.ports[0]) as peer:
            await peer.send(post("/api/chat", stream=False))
            await seen(fleet, records.Finished)
        told = check(fleet)
        assert told("faults_struck_total", fault=type(fault).__name__) == 1
        assert told("requests_finished_total", outcome=outcome, status=status) == 1


@on_each_loop
async def test_doors() -> None:
    async with Fleet() as fleet:
        for behavior, door in ((Frozen(), Door.FROZEN), (Hang(), Door.OPEN)):
            await fleet.behave(None, behavior)
            assert check(fleet)("door", door=door.value) == 1


# --- anything at all ----------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["seed", "current"])
@pytest.mark.parametrize("seed", range(4))
def test_whatever_clients_do(seed: int, engine: Caching) -> None:
    """They ask, wait, read, leave or are cancelled; models come, crash and go; the server is
    restarted. At every moment the numbers are those of the journal, and no slot is held twice."""
    draw = random.Random(seed)
    machine = Settings(
        profile="tiny",
        engine=engine,
        num_parallel=2,
        max_loaded_models=1,
        max_queue=2,
        keep_alive=0.5,
        installed_models=(A, B),
        scripts=(
            Script(contains="crash", answer=(Step(content="a"), Step(crash="CUDA error"))),
            Script(contains="fail", load=Load(delay_ms=20, exit=1)),
        ),
    )
    behaviors = [FAST, FAST, SLOW, Normal(), HttpError(503, "no"), FailMidStream(3, 500.0)]

    async def main(clock: VirtualClock) -> None:
        async with Fleet(seed=seed, clock=clock, settings=machine) as fleet:
            (server,) = fleet.servers.values()
            peers: list[Peer] = []
            for _ in range(100):
                match draw.choice(
                    "ask ask ask ask ask ask reset half cancel behave restart".split()
                ):
                    case "ask" if not server.down:
                        if len(peers) == 12:
                            peers.pop(0).sock.close()
                        peers.append(await Peer.connect(fleet.ports[0]))
                        words = draw.choice(["hi", "hi", "hi", "crash", "fail"])
                        model = draw.choice([A, B]).name
                        asked = post(
                            draw.choice(["/api/chat", "/api/chat", "/api/embed"]),
                            model=model,
                            messages=[{"role": "user", "content": words}],
                            input=words,
                            stream=draw.random() < 0.5,
                        )
                        await peers[-1].send(asked)
                    case "reset" if peers:
                        peers.pop(draw.randrange(len(peers))).reset()
                    case "half" if peers:
                        with contextlib.suppress(OSError):
                            draw.choice(peers).half_close()
                    case "cancel" if draw.random() < 0.3:
                        server.cancel()
                    case "behave" if draw.random() < 0.5:
                        await server.behave(draw.choice(behaviors))
                    case "restart" if draw.random() < 0.3:
                        await server.restart(seconds=draw.random() / 10)
                await clock.sleep_until(clock.now() + draw.choice([0, 0, 0.001, 0.01, 0.1]))
                check(fleet)
            for peer in peers:
                peer.sock.close()
            await clock.sleep_until(clock.now() + 60)
            server.cancel()
            await clock.sleep_until(clock.now() + 60)
            told = check(fleet)
            for name in ("requests_active", "jobs_waiting", "jobs_running", "connections"):
                assert told(name) == 0
            assert told("slots_abandoned") == told("models_loaded") == 0
            assert told("jobs_admitted_total") > 10
            assert told("jobs_queued_total", waits_for="load") > 0

    virtual(main)


# --- the text -----------------------------------------------------------------------------


def test_histograms_add_up() -> None:
    """The bounds rise, and so do the counts, up to the number of all."""
    journal = Journal()
    for number, waited in enumerate((0.001, 0.02, 0.3, 0.3, 7.0, 1000.0)):
        journal.add(made(records.Admitted, number, model='m"\\\n', waited=waited))
    told = Scrape(fake(journal))
    buckets = [
        (float(sample.labels["le"]), sample.value)
        for sample in told.samples
        if sample.name == f"{PREFIX}slot_wait_seconds_bucket"
    ]
    assert buckets == sorted(buckets)
    assert [count for _, count in buckets] == [1, 2, 2, 2, 2, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6]
    assert told("slot_wait_seconds_count", model='m"\\\n') == 6
    assert told("slot_wait_seconds_sum") == pytest.approx(1007.621)


def fake(journal: Journal) -> Any:
    """A fleet of one server, which is nothing but this journal."""

    servers = {11501: SimpleNamespace(name="s1")}
    return SimpleNamespace(journal=journal, servers=servers, expire=lambda: None)


def test_a_scrape_is_one_moment() -> None:
    """What happens while it is written out is not in it."""
    journal = Journal()
    journal.add(made(records.Asked, 1))
    numbers = Numbers(fake(journal))
    journal.add(made(records.Asked, 2))
    journal.add(made(records.Finished, 2))
    text = generate_latest(numbers).decode()
    assert f'{PREFIX}requests_total{{port="11501",server="s1"}} 1.0' in text.splitlines()
    assert f"{PREFIX}requests_finished_total{{" not in text


def test_openmetrics_can_be_read_too() -> None:
    """By a stricter reader than that above: it minds suffixes, bounds and the end."""
    journal = Journal()
    journal.add(made(records.Asked, 1))
    journal.add(made(records.FirstToken, 1, seconds=0.3))
    encode, media = choose_encoder("application/openmetrics-text; version=1.0.0")
    assert media.startswith("application/openmetrics-text; version=1.0.0")
    read: Any = openmetrics.text_string_to_metric_families
    names = [family.name for family in read(encode(Numbers(fake(journal))).decode())]
    assert f"{PREFIX}requests" in names
