"""Recorded traces: each known form, and every way to be wrong."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.workload.columns import FORMS, Form
from ollama_simulator.workload.session import BadWorkload, Session, Shared, Turn
from ollama_simulator.workload.trace import read

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:15:51.2224670,879,55
"""
BURST = """\
Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type
5,,,ChatGPT,472,18,490,Conversation log
45,7,1.5,GPT-4,1087,0,1087,API log
118.5,,,ChatGPT,417,276,693,Conversation log
"""
MOONCAKE = """\
{"timestamp": 0, "input_length": 1100, "output_length": 500, "hash_ids": [0, 1, 2]}
{"timestamp": 0, "input_length": 1024, "output_length": 4, "hash_ids": [0, 3]}
{"timestamp": 3000, "input_length": 20, "output_length": 7, "hash_ids": [4]}
{"timestamp": 5999, "input_length": 1100, "output_length": 1, "hash_ids": [0, 1, 5]}
{"timestamp": 5999, "input_length": 9, "output_length": 1, "hash_ids": [6]}
"""
BAILIAN = """\
{"chat_id": 55, "parent_chat_id": -1, "timestamp": 61.114, "input_length": 33, \
"output_length": 3, "type": "text", "turn": 1, "hash_ids": [8, 9, 10]}
{"chat_id": 159, "parent_chat_id": 55, "timestamp": 63.5, "input_length": 48, \
"output_length": 5, "type": "text", "turn": 2, "hash_ids": [8, 9, 11]}
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A file to write into."""
    return tmp_path / "trace"


def trace(path: Path, text: str, **options: object) -> list[Session]:
    path.write_text(text, encoding="utf-8")
    return list(read(path, **options).sessions())  # type: ignore[arg-type]


def brief(sessions: list[Session]) -> list[tuple[float, int, int]]:
    """When, how much was asked, how much was answered."""
    return [(round(s.at or 0, 6), s.turns[0].asked, s.turns[0].answered) for s in sessions]


def test_azures_form(written: Path) -> None:
    """Seven digits of a second; the first request is due at once."""
    sessions = trace(written, AZURE)
    assert brief(sessions) == [(0, 374, 44), (4.314579, 396, 109), (4.541877, 879, 55)]
    assert [session.number for session in sessions] == [0, 1, 2]
    assert not any(session.system for session in sessions)


def test_azures_form_with_a_zone(written: Path) -> None:
    """As its later trace has it."""
    text = AZURE.replace("6805900", "680590+00:00")
    assert brief(trace(written, text))[1] == (4.314579, 396, 109)


def test_burstgpts_form(written: Path) -> None:
    """A request that failed and has no answer counts with a token of it."""
    assert brief(trace(written, BURST)) == [(0, 472, 18), (40, 1087, 1), (113.5, 417, 276)]


def test_mooncakes_form(written: Path) -> None:
    """Whole blocks are shared, and something is always asked."""
    sessions = trace(written, MOONCAKE, smooth=False)
    assert [session.at for session in sessions] == [0, 0, 3, 5.999, 5.999]
    assert [(session.system, session.turns[0].asked) for session in sessions] == [
        ((Shared(0, 512), Shared(1, 512)), 76),
        ((Shared(0, 512),), 512),
        ((), 20),
        ((Shared(0, 512), Shared(1, 512)), 76),
        ((), 9),
    ]


def test_times_that_were_rounded_are_spread(written: Path) -> None:
    """Over the three seconds that they were rounded to, in the file's order."""
    lines = MOONCAKE.splitlines(keepends=True)
    many = "".join(line * 500 for line in lines)
    sessions = trace(written, many)
    times = [session.at for session in sessions if session.at is not None]
    assert times == sorted(times)
    assert times[0] == 0
    assert len(set(times)) == len(times)
    assert all(2.9 < time < 6.0 for time in times[1000:1500])
    # Evenly: a quarter of them in each quarter, within four standard errors.
    for quarter in range(4):
        count = sum(quarter * 0.75 <= time < (quarter + 1) * 0.75 for time in times[:1000])
        assert abs(count - 250) <= 4 * math.sqrt(1000 * 0.25 * 0.75)
    assert [session.turns for session in sessions] == [
        session.turns for session in trace(written, many, smooth=False)
    ]
    assert trace(written, many) == sessions
    assert trace(written, many, seed=1) != sessions


def test_times_that_are_spread_do_not_change_places(written: Path) -> None:
    """Though the clock that rounded them wavers."""
    rows = [(0, 2000), (2991, 2000), (6008, 1)]
    lines = [
        f'{{"timestamp": {at}, "input_length": 9, "output_length": 1}}\n' * count
        for at, count in rows
    ]
    times = [session.at for session in trace(written, "".join(lines)) if session.at is not None]
    assert times == sorted(times)
    assert times[1999] > 2.9


def test_times_that_were_not_rounded_are_kept(written: Path) -> None:
    """Some of Mooncake's own files are exact."""
    text = MOONCAKE.replace("5999", "5500")
    assert trace(written, text) == trace(written, text, smooth=False)


def test_bailians_form(written: Path) -> None:
    """Seconds, and blocks of sixteen."""
    one, other = trace(written, BAILIAN)
    assert round(other.at or 0, 6) == 2.386
    assert one.system == (Shared(8, 16), Shared(9, 16))
    assert other.system == (Shared(8, 16), Shared(9, 16))
    assert (one.turns, other.turns) == ((Turn(1, 3),), (Turn(16, 5),))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_name_of_a_column_is_read(written: Path, form: Form) -> None:
    """The table is what the reader goes by."""
    when = "2023-11-16 18:15:46" if form.name == "Azure" else "1.5"
    for at in form.at:
        for prompt in form.prompt:
            for answer in form.answer:
                others = ["x"] * (len(form.needs) + len(form.unused))
                header = [at, prompt, answer, *form.needs, *form.unused]
                text = "\n".join([",".join(header), ",".join([when, "3", "4", *others])])
                assert brief(trace(written, text)) == [(0, 3, 4)]


def test_the_plain_form_may_name_models(written: Path) -> None:
    text = "at,prompt,output,model\n0,1,2,qwen3:8b\n1,3,4,\n"
    assert [session.model for session in trace(written, text)] == ["qwen3:8b", ""]


def test_spaces_empty_lines_and_a_mark_of_byte_order_are_nothing(written: Path) -> None:
    assert brief(trace(written, "\ufeffat, prompt ,output\r\n\r\n0, 1 ,2\r\n\r\n")) == [(0, 1, 2)]
    assert brief(trace(written, '\ufeff\n{"at": 0, "prompt": 1, "output": 2}\n\n')) == [(0, 1, 2)]


def test_a_rate_stretches_the_times(written: Path) -> None:
    sessions = trace(written, AZURE, rate=0.1)
    assert [round(session.at or 0, 4) for session in sessions] == [0, 18.9991, 20]
    assert read(written, rate=0.1).rate == pytest.approx(0.1)
    assert read(written).rate == pytest.approx(2 / 4.541877)


def test_a_limit_looks_no_further(written: Path) -> None:
    """Not even at what is wrong."""
    assert brief(trace(written, AZURE + "nonsense\n", limit=2)) == brief(trace(written, AZURE))[:2]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "it holds no request"),
        ("\n\n", "it holds no request"),
        ("at,prompt,output\n", "it holds no request"),
        ("when,prompt,output\n1,2,3\n", "line 1: these columns are of no known trace: when, pr"),
        ("at,prompt,output,hash\n1,2,3,4\n", "line 1: column 'hash' is unknown .* form plain"),
        (AZURE.replace("GeneratedTokens", "Generated"), "line 1: these columns are of no known"),
        ("at,prompt,output,at\n1,2,3,4\n", "line 1: column 'at' stands twice"),
        ("at,prompt,output\n0,1\n", "line 2: it has 2 cells, and the first line names 3 columns"),
        ("at,prompt,output\n0,1,2,3\n", "line 2: it has 4 cells"),
        ("at,prompt,output\n0,1,2\n\n1,x,2\n", "line 4: column 'prompt' must be a whole .* \"x\""),
        ("at,prompt,output\n0,1.5,2\n", "line 2: column 'prompt' must be a whole number"),
        ("at,prompt,output\n0,-1,2\n", "line 2: column 'prompt' must be a whole number from 0"),
        ("at,prompt,output\n0,1,10000001\n", "line 2: column 'output' .* to 10,000,000"),
        ("at,prompt,output\n0,1,²\n", "line 2: column 'output'"),
        ("at,prompt,output\nsoon,1,2\n", "line 2: column 'at' must be a time, not \"soon\""),
        ("at,prompt,output\nnan,1,2\n", "line 2: column 'at' must be a time, not \"nan\""),
        ("at,prompt,output\n2,1,2\n1,1,2\n", "line 3: column 'at' goes back in time"),
        (AZURE.replace("50.9", "40.9"), "line 3: column 'TIMESTAMP' goes back in time"),
        (AZURE.replace("2023-11-16 18:15:51", "yesterday"), "line 4: column 'TIMESTAMP' must be"),
        ('at,prompt,output\n0,1,"2\n', "line 2: it is no CSV"),
        ('{"at": 0, "prompt": 1}\n', "line 1: these columns are of no known trace: at, prompt"),
        ('{"at": 0, "prompt": 1, "output": 2}\n{"at": 1, "prompt": 1}\n', "line 2: column 'output"),
        ('{"at": 0, "prompt": 1, "output": 2}\n{"at": 1,\n', "line 2: it is no JSON"),
        ('{"at": 0, "prompt": 1, "output": 2}\n[1]\n', "line 2: it must be a JSON object"),
        ('{"at": 0, "prompt": true, "output": 2}\n', "line 1: column 'prompt' .* not true"),
        ('{"at": false, "prompt": 1, "output": 2}\n', "line 1: column 'at' .* not false"),
        ('{"at": null, "prompt": 1, "output": 2}\n', "line 1: column 'at' .* not null"),
        ('{"at": 0, "prompt": 1, "output": [2]}\n', r"line 1: column 'output' .* not \[2\]"),
        ('{"at": 1%s, "prompt": 1, "output": 2}\n' % ("0" * 400), "line 1: column 'at'"),
        ('{"at": 0, "prompt": 1, "output": 2, "model": 3}\n', "line 1: column 'model' .* name"),
        (MOONCAKE.replace("[4]", "4"), "line 3: column 'hash_ids' must be a list of whole numbers"),
        (MOONCAKE.replace("[4]", '["a"]'), "line 3: column 'hash_ids' must be a list"),
        (MOONCAKE.replace("[4]", '[4], "turn": 1'), "line 3: column 'turn' is unknown .* Moonc"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(written: Path, text: str, complaint: str) -> None:
    with pytest.raises(BadWorkload, match=complaint) as caught:
        trace(written, text)
    assert str(caught.value).startswith(f"{written}: ")


def test_what_can_not_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadWorkload, match=r"none\.csv: No such file"):
        read(tmp_path / "none.csv")
    (tmp_path / "data.gz").write_bytes(b"\x1f\x8b\x08\x00\xff\xff")
    with pytest.raises(BadWorkload, match=r"data\.gz: it is no text in UTF-8"):
        read(tmp_path / "data.gz")


def test_a_rate_needs_times_and_a_number(written: Path) -> None:
    with pytest.raises(BadWorkload, match="all its requests come at once"):
        trace(written, "at,prompt,output\n3,1,2\n3,1,2\n", rate=1.0)
    with pytest.raises(BadWorkload, match="above 0, not nan"):
        trace(written, AZURE, rate=math.nan)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e6), st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from("ab")
        ),
        min_size=1,
        max_size=20,
    )
)
def test_csv_and_json_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, int, int, str]]
) -> None:
    """Whatever is written is read, in either kind of file."""
    rows.sort(key=lambda row: row[0])
    names = ("at", "prompt", "output", "model")
    path = tmp_path_factory.getbasetemp() / "same"
    plain = "\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)])
    objects = "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows)
    sessions = trace(path, plain)
    assert sessions == trace(path, objects)
    assert [(s.at, s.turns[0].asked, s.turns[0].answered, s.model) for s in sessions] == [
        (at - rows[0][0], max(prompt, 1), max(answer, 1), model)
        for at, prompt, answer, model in rows
    ]


@settings(deadline=None)
@given(st.integers())
def test_a_damaged_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """A byte changed at random in a file of each form never raises anything else."""
    rng = Random(seed)
    path = tmp_path_factory.getbasetemp() / "damaged"
    for text in (AZURE, BURST, MOONCAKE, BAILIAN):
        data = bytearray(text.encode())
        data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        with contextlib.suppress(BadWorkload):
            sessions = list(read(path).sessions())
            assert sessions == list(read(path).sessions())
