"""What the guide to metrics says is true: its line is taken, and every number stands in it."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families as parse

from ollama_simulator.control.metrics import HINDRANCES, KEPT, PREFIX
from ollama_simulator.tally.counts import COUNTS, HISTOGRAMS
from ollama_simulator.tally.gauges import GAUGES
from tests.acceptance.program import Program

GUIDE = (Path(__file__).resolve().parent.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
ROWS = {
    name: (re.findall(r"`(\w+)`", labels), words)
    for name, labels, words in re.findall(r"^\| `(\w+)` \| (.*) \| (.+) \|$", GUIDE, re.MULTILINE)
}


def test_every_number_stands_there_with_its_labels() -> None:
    told = {f"{each.name}_total": (list(each.by), each.says[:-1]) for each in COUNTS}
    told |= {each.name: (list(each.by), each.says[:-1]) for each in (*GAUGES, *HISTOGRAMS)}
    told |= {f"{each.name}_total": ([], each.says[:-1]) for each in KEPT}
    told[f"{HINDRANCES[0]}_total"] = (["what"], HINDRANCES[1][:-1])
    assert told == ROWS


def test_the_line_is_taken() -> None:
    """By a running program, after a request, with the type of the text that is asked for."""
    assert GUIDE.count("curl http://127.0.0.1:11500/metrics\n") == 1
    with Program("--control-port", "0", "--server-ports", "0,0") as program:
        program.accepted("POST", "/kv-cache/clear", {"port": program.ports[0]})
        answer = program.control("GET", "/metrics")
        assert answer.status == 200
        media = answer.header("Content-Type") or ""
        assert media == "text/plain; version=0.0.4; charset=utf-8"
        families = {family.name: family for family in parse(answer.body.decode())}
        ups = [sample.labels for sample in families[f"{PREFIX}up"].samples]
        assert ups == [
            {"server": f"s{index}", "port": str(port)}
            for index, port in enumerate(program.ports, 1)
        ]
        accept = {"Accept": "application/openmetrics-text"}
        strict = program.control("GET", "/metrics", headers=accept)
        assert (strict.header("Content-Type") or "").startswith("application/openmetrics-text")
        assert strict.body.endswith(b"# EOF\n")
        assert program.control("POST", "/metrics").status == 405
