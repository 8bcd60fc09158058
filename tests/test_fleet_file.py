"""A fleet in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.rule import Rule
from ollama_simulator.fleet_file import BadFile, read
from ollama_simulator.script import Script, Step
from ollama_simulator.settings import Settings

WHOLE = """
seed = 7
control_port = 11600

[defaults]
hostname = "box"
environment = { OLLAMA_NUM_PARALLEL = 2, OLLAMA_MAX_QUEUE = "4" }

[[defaults.scripts]]
contains = "weather"
answer = [{ content = "sunny" }, { wait_ms = 50 }]

[[servers]]
port = 11601
num_parallel = 3

[[servers]]
wire = "0.13.5"
scripts = []
environment = { OLLAMA_MAX_QUEUE = 1, OLLAMA_ORIGINS = "*" }

[[servers.installed_models]]
name = "qwen3:8b"
size = 5_200_000_000
digest = "aa"
family = "qwen3"
parameter_size = "8B"
quantization_level = "Q4_K_M"
capabilities = ["completion", "tools"]
"""


def written(path: Path, text: str) -> Path:
    """A file with this text."""
    file = path / "fleet.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_whole_fleet(tmp_path: Path) -> None:
    """A server's own fields win over the defaults, and fields over the variables beside them."""
    fleet = read(written(tmp_path, WHOLE))
    assert (fleet.seed, fleet.control_port, fleet.ports) == (7, 11600, [11601, 0])
    first, second = fleet.servers
    assert isinstance(first, Settings)
    assert (first.hostname, first.num_parallel, first.max_queue) == ("box", 3, 4)
    assert first.scripts == (
        Script(contains="weather", answer=(Step(content="sunny"), Step(wait_ms=50))),
    )
    assert first.installed_models is None
    assert (second.wire, second.num_parallel, second.max_queue) == ("0.13.5", 2, 1)
    assert (second.origins, second.scripts) == (("*",), ())
    assert second.installed_models is not None
    (model,) = second.installed_models
    assert (model.name, model.size, model.capabilities) == (
        "qwen3:8b",
        5_200_000_000,
        ("completion", "tools"),
    )


MODEL = 'name = "a b"\nsize = 1\ndigest = ""\nfamily = ""\nparameter_size = ""\n'
MODEL += 'quantization_level = ""\n'


SOUND = MODEL.replace("a b", "a")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed = 7", "1:1: `servers` is missing"),
        ("servers = []", "1:1: servers: it must be an array of length >= 1"),
        ("servers = [1]", "1:12: servers[0]: it must be a table, and not 1"),
        (
            "[[servers]]\nport = 70000",
            "2:1: servers[0].port: it must be a whole number <= 65535, and not 70000",
        ),
        (
            "[[servers]]\n\nnum_paralel = 1",
            "3:1: servers[0].num_paralel: there is no such field; did you mean num_parallel?",
        ),
        (
            "contrl_port = 1\n[[servers]]",
            "1:1: contrl_port: there is no such field; did you mean control_port? there are ser",
        ),
        ("[[servers]]\nport = 1\n[[servers]]\nport = 1", "4:1: servers[1].port: 1 stands twice"),
        (
            "control_port = 1\n[[servers]]\nport = 1",
            "3:1: servers[0].port: 1 is the control port, too",
        ),
        (
            "[[servers]]\nport = 1\n[[servers]]\nport = 101\n[[servers]]\nport = 1001\n"
            "[defaults]\nhelper = true",
            "8:1: defaults.helper: 101, the port of the helper of 1, is a server's, too",
        ),
        (
            "control_port = 101\n[[servers]]\nport = 1\nhelper = true",
            "4:1: servers[0].helper: 101, the port of the helper of 1, is the control port, too",
        ),
        (
            "[[servers]]\nport = 65436\nhelper = true",
            "3:1: servers[0].helper: there is no port 65536 for the helper of 65436",
        ),
        (
            '[[servers]]\nwire = "0.12"',
            "2:1: servers[0].wire: there is no '0.12'; there are 0.13.5, 0.33",
        ),
        (
            "[[servers]]\nnum_parallel = -1",
            "2:1: servers[0].num_parallel: it must be a whole number >= 0, and not -1",
        ),
        (
            "[[servers]]\nkeep_alive = -1",
            "2:1: servers[0].keep_alive: it must be a number >= 0, and not -1",
        ),
        ("defaults = 1\n[[servers]]", "1:1: defaults: it must be a table, and not 1"),
        ("[defaults]\nport = 1\n[[servers]]", "2:1: defaults.port: there is no such field"),
        (
            "[defaults]\nnum_parallel = 'a'\n[[servers]]\n[[servers]]",
            "2:1: defaults.num_parallel: it must be a whole number, and not 'a'",
        ),
        ("[[servers]]\nenvironment = 1", "2:1: servers[0].environment: it must be a table"),
        (
            "[[servers]]\nenvironment = { OLLAMA_KEEP_ALIVE = 1, OLLAMA_QUEUE = 1 }",
            "2:40: servers[0].environment.OLLAMA_QUEUE: no variable of Ollama's; did you mean "
            "OLLAMA_MAX_QUEUE?",
        ),
        (
            "[[servers]]\nenvironment = { LLAMA_ARG_CACHE_RAM = -2 }",
            "2:17: servers[0].environment.LLAMA_ARG_CACHE_RAM: Expected `int` >= -1",
        ),
        (
            "[[servers]]\nenvironment = { OLLAMA_ORIGINS = 'a' }",
            "2:17: servers[0].environment.OLLAMA_ORIGINS: 'a' has no `*` and no scheme",
        ),
        (
            "[[servers]]\n[[servers.scripts]]\nanswer = [{ content = 'a', wait_ms = 1 }]",
            "3:11: servers[0].scripts[0].answer[0]: a step has exactly one of",
        ),
        (
            "[[servers]]\n[[servers.scripts]]\nmatches = '('",
            "2:11: servers[0].scripts[0]: matches is not a regular expression",
        ),
        (
            f"[[servers]]\n[[servers.installed_models]]\n{MODEL}",
            "3:1: servers[0].installed_models[0].name: 'a b' is no model name",
        ),
        (
            f"[[servers]]\n[[servers.installed_models]]\n{SOUND}"
            f"[[servers.installed_models]]\n{SOUND}",
            "10:1: servers[0].installed_models[1].name: 'a' stands twice, first at [0]",
        ),
        (
            f"[[servers]]\n[[servers.installed_models]]\n{SOUND}capabilities = ['tool']",
            "9:17: servers[0].installed_models[0].capabilities[0]: 'tool' is no capability; ",
        ),
        (
            "[[servers]]\n[[servers.installed_models]]\nname = 'a'",
            "2:11: servers[0].installed_models[0]: `size`, `digest`, `family`, "
            "`parameter_size` and `quantization_level` are missing",
        ),
        (
            "[[servers]]\n[[servers.scripts]]\nanswer = [{ error = 'a', status = 200 }]",
            "3:26: servers[0].scripts[0].answer[0].status: it must be a whole number >= 400, and",
        ),
        (
            "[[servers]]\n[[servers.scripts]]\ndone_reason = 'end'",
            "3:1: servers[0].scripts[0].done_reason: it must be a string matching regex "
            "'^(stop|length)$', and not 'end'",
        ),
        (
            '[[servers]]\n[[servers]]\nprofile = "abc"',
            "3:1: servers[1].profile: there is no profile 'abc'; there are seed, ",
        ),
        (
            '[[servers]]\nmodel_profiles = { "a:b" = "none.toml" }',
            "2:20: servers[0].model_profiles.a:b: /",
        ),
        (
            "[[servers]]\nprofile = { name = 'a', hardware = 'b', source = 'c', trust = 'E' }",
            "2:55: servers[0].profile.trust: there is no 'E'; there are A, B, C, D",
        ),
        (
            "[[servers]]\nengine = 'mlx'",
            "2:1: servers[0].engine: there is no 'mlx'; there are current, legacy, seed",
        ),
        (
            "[[servers]]\nspeed = 0",
            "2:1: servers[0].speed: it must be a number >= 1e-06, and not 0",
        ),
        ("[[servers]]\nspeed = inf", "2:1: servers[0].speed: it must be a number <= 1000000, and"),
        (
            "clock_speed = 0\n[[servers]]",
            "1:1: clock_speed: it must be a number > 0, and not 0",
        ),
        (
            "clock_speed = 1e-9\n[[servers]]",
            "1:1: clock_speed: time can't go 1e-09 times as fast; a millionth to a million can be",
        ),
        ("clock_speed = inf\n[[servers]]", "1:1: clock_speed: time can't go inf times as fast"),
        ("journal_size = 0\n[[servers]]", "1:1: journal_size: it must be a whole number >= 1"),
        ("[[servers", "1:10: Expected ']]'"),
        ("seed = 1\nname = 'x", '2:10: Expected "\'"'),
        ("seed = [1,\n", "1:11: Invalid value"),
        ("seed = 1\nseed = 2", "2:9: Cannot overwrite a value"),
        (
            "[[servers]]\nbehavior = { type = 'Hng' }",
            "2:14: servers[0].behavior.type: there is no 'Hng'; did you mean Hang?",
        ),
        (
            "[[servers]]\nbehavior = { type = 'AbruptClose', bytes_before_closes = 1, "
            "bytes_before_close = 2 }",
            "2:36: servers[0].behavior.bytes_before_closes: there is no such field; did you mean "
            "bytes_before_close? there are type, bytes_before_close",
        ),
        ("[[servers]]\nbehavior = {}", "2:1: servers[0].behavior: `type` is missing"),
        (
            "[[servers]]\n[[servers.rules]]\nprobability = 2\nfault = { type = 'Hang' }",
            "3:1: servers[0].rules[0].probability: it must be a number <= 1, and not 2",
        ),
        (
            "[[servers]]\n[[servers.rules]]\nfault = { type = 'ConnectionRefused' }\nskip = 1",
            "4:1: servers[0].rules[0].skip: ConnectionRefused works before there is a request",
        ),
        (
            "[[servers]]\n[[servers]]\n[[defaults.rules]]\nfault = { type = 'Hang' }\nsince = 2\n"
            "until = 1",
            "6:1: defaults.rules[0].until: it would end at 1 s and begin at 2 s",
        ),
        (
            "[defaults]\nzone = 'Mars'\n[[servers]]\ncount = 2\n[[servers]]",
            "2:1: defaults.zone: 'Mars' is not the name of a time zone",
        ),
        (
            "[[servers]]\nrecord = 'a.jsonl'",
            "2:1: servers[0].record: there is no upstream whose answers could be recorded",
        ),
        ("host = 'here'\n[[servers]]", "1:1: host: it must be a string matching regex"),
        (
            "[[servers]]\nport = 65535\ncount = 2",
            "3:1: servers[0].count: there is no port 65536",
        ),
        (
            "[[servers]]\nport = 7\n[[servers]]\nport = 5\ncount = 9",
            "4:1: servers[1].port: 7 stands twice",
        ),
    ],
)
def test_what_can_not_be_meant_is_refused_with_its_place(
    tmp_path: Path, text: str, words: str
) -> None:
    """File, line, column, place in the document, and what would be right."""
    file = written(tmp_path, text)
    with pytest.raises(BadFile) as caught:
        read(file)
    (line,) = caught.value.lines
    assert line == str(caught.value)
    assert line.startswith(f"{file}:{words}")


def test_all_mistakes_are_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Those of types, of variables, of names and of ports, each once."""
    file = written(
        tmp_path,
        """
[[servers]]
port = "a"
ports = 1

[[servers]]
port = 5
installed_models = [1]

[[servers]]
port = 5
environment = { OLLAMA_NO = 1 }
count = 3

[defaults]
wires = 1
""",
    )
    with pytest.raises(BadFile) as caught:
        read(file)
    assert [(each.line, each.place) for each in caught.value.complaints] == [
        (3, "servers[0].port"),
        (4, "servers[0].ports"),
        (8, "servers[1].installed_models[0]"),
        (11, "servers[2].port"),
        (12, "servers[2].environment.OLLAMA_NO"),
        (16, "defaults.wires"),
    ]


def test_mistakes_of_a_server_hide_no_others(tmp_path: Path) -> None:
    """What is wrong with its zone, its upstream or a field of a model isn't all that is told."""
    file = written(
        tmp_path,
        """
[[servers]]
port = 5
zone = "Mars"
upstream = "foo"
rules = [{ fault = { type = "HttpError", status_code = "x" }, probability = 2 }]

[[servers]]
port = 5
zone = "Venus"
installed_models = [{ name = "a", size = "big", family = "f" }]
""",
    )
    with pytest.raises(BadFile) as caught:
        read(file)
    assert [str(each).partition(", and not")[0] for each in caught.value.complaints] == [
        "servers[0].zone: 'Mars' is not the name of a time zone",
        "servers[0].upstream: 'foo' is no URL; one begins with http:// or https://",
        "servers[0].rules[0].fault: `message` is missing",
        "servers[0].rules[0].fault.status_code: it must be a whole number",
        "servers[0].rules[0].probability: it must be a number <= 1",
        "servers[1].port: 5 stands twice",
        "servers[1].zone: 'Venus' is not the name of a time zone",
        "servers[1].installed_models[0]: `digest`, `parameter_size` and `quantization_level` "
        "are missing",
        "servers[1].installed_models[0].size: it must be a whole number",
    ]


def test_one_table_may_be_many_servers(tmp_path: Path) -> None:
    """On ports that follow each other, or on free ones, all with the same settings."""
    text = "[[servers]]\nport = 11700\ncount = 3\nnum_parallel = 2\n[[servers]]\ncount = 2\n"
    fleet = read(written(tmp_path, text))
    assert fleet.ports == [11700, 11701, 11702, 0, 0]
    assert [server.num_parallel for server in fleet.servers] == [2, 2, 2, 1, 1]


def test_a_behaviour_from_the_start(tmp_path: Path) -> None:
    """For one server, or for all that say nothing else."""
    text = """
[defaults]
behavior = { type = "FailMidStream", tokens_before_fail = 5 }
[[servers]]
[[servers]]
behavior = { type = "Normal" }
"""
    first, second = read(written(tmp_path, text)).servers
    assert first.behavior == FailMidStream(tokens_before_fail=5)
    assert second.behavior == Normal()
    assert type(first.settings) is Settings


def test_rules_from_the_start(tmp_path: Path) -> None:
    """Servers of one table have them together; own ones take the place of the defaults'."""
    text = """
[[defaults.rules]]
name = "all"
fault = { type = "Hang" }
[[servers]]
count = 2
rules = [
    { fault = { type = "Hang" }, limit = 1, shared = true },
    { fault = { type = "HttpError", status_code = 503, message = "no" }, path = "/api/*" },
]
[[servers]]
[[servers]]
rules = []
"""
    fleet = read(written(tmp_path, text))
    assert [(given.servers, given.rule) for given in fleet.given] == [
        (("s1", "s2"), Rule(fault=Hang(), limit=1, shared=True)),
        (("s1", "s2"), Rule(fault=HttpError(503, "no"), path="/api/*")),
        (("s3",), Rule(fault=Hang(), name="all")),
    ]


def test_fields_of_the_defaults_and_of_a_server_are_checked_together(tmp_path: Path) -> None:
    """What one of them says may be what the other one needs."""
    text = "[defaults]\nrecord = 'a'\n[[servers]]\nupstream = 'http://127.0.0.1:1'\n"
    (server,) = read(written(tmp_path, text)).servers
    assert server.record == str(tmp_path / "a")


def test_a_host_is_what_servers_believe_to_be_bound_to(tmp_path: Path) -> None:
    """Else they would refuse every other `Host`, as a loopback address makes a real one do."""
    fleet = read(written(tmp_path, "host = '0.0.0.0'\n[[servers]]\n[[servers]]\nbind = 'a'\n"))
    assert fleet.host == "0.0.0.0"
    assert [server.bind for server in fleet.servers] == ["0.0.0.0", "a"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"none\.toml: No such file"):
        read(tmp_path / "none.toml")


def test_a_mark_in_front_of_the_text_counts_for_nothing(tmp_path: Path) -> None:
    """Neither for what is read nor for where it stands."""
    path = tmp_path / "fleet.toml"
    path.write_bytes(b"\xef\xbb\xbf[[servers]]\nport = 11511\n")
    assert [server.port for server in read(path).servers] == [11511]
    path.write_bytes(b"\xef\xbb\xbfsed = 1\n[[servers]]\n")
    with pytest.raises(BadFile, match=r"fleet\.toml:1:1: sed: there is no such field"):
        read(path)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(BadFile, match=r"fleet\.toml: .*utf-8"):
        read(file)


PROFILE = """
name = "mine"
hardware = "a box"
source = "its owner"
trust = "B"
step = { t0_ms = 20.0 }
"""


def test_servers_of_one_fleet_are_different_machines(tmp_path: Path) -> None:
    """One that comes with the package, and one from a file beside the fleet's."""
    (tmp_path / "mine.toml").write_text(PROFILE, encoding="utf-8")
    text = """
clock_speed = 10
[defaults]
profile = "mine.toml"
[[servers]]
model_profiles = { "small:1b" = "seed" }
[[servers]]
profile = "rtx-5090-qwen3-32b"
engine = "legacy"
speed = 0.5
model_profiles = { "small:1b" = "mine.toml" }
"""
    fleet = read(written(tmp_path, text))
    first, second = fleet.servers
    assert fleet.clock_speed == 10
    assert (first.hardware.name, first.hardware_for("small:1b").name) == ("mine", "seed")
    assert first.hardware.step.t0_ms == 20.0
    assert (second.hardware.name, second.hardware_for("small:1b").name) == (
        "rtx-5090-qwen3-32b",
        "mine",
    )
    assert (second.engine, second.speed, first.speed) == ("legacy", 0.5, 1)


def test_of_many_names_the_nearest_alone_is_told(tmp_path: Path) -> None:
    """Nobody reads a list of all faults; where none is near, it is all that there is to say."""
    for word, end in (("Hng", "did you mean Hang?"), ("Quux", "Trickle, WrongLength")):
        with pytest.raises(BadFile) as caught:
            read(written(tmp_path, f"[[servers]]\nbehavior = {{ type = '{word}' }}"))
        assert str(caught.value).endswith(end)
