"""A fleet in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

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
        ("seed = 7", "it must have [[servers]]"),
        ("servers = []", "`servers`: Expected `array` of length >= 1"),
        ("[[servers]]\nport = 70000", "`servers[0].port`: Expected `int` <= 65535"),
        ("[[servers]]\nports = 1", "`servers[0]`: Object contains unknown field `ports`"),
        ("[[servers]]\nport = 1\n[[servers]]\nport = 1", "`servers[1].port`: 1 stands twice"),
        (
            "control_port = 1\n[[servers]]\nport = 1",
            "`servers[0].port`: 1 is the control port, too",
        ),
        (
            "[[servers]]\nport = 1\n[[servers]]\nport = 101\n[[servers]]\nport = 1001\n"
            "[defaults]\nhelper = true",
            "`servers[0].helper`: 101, the port of the helper of 1, is a server's, too",
        ),
        (
            "control_port = 101\n[[servers]]\nport = 1\nhelper = true",
            "`servers[0].helper`: 101, the port of the helper of 1, is the control port, too",
        ),
        (
            "[[servers]]\nport = 65436\nhelper = true",
            "`servers[0].helper`: there is no port 65536 for the helper of 65436",
        ),
        (
            '[[servers]]\nwire = "0.12"',
            "`servers[0].wire`: Invalid enum value '0.12'; there are 0.33, 0.13.5",
        ),
        ("[[servers]]\nnum_parallel = -1", "`servers[0].num_parallel`: Expected `int` >= 0"),
        ("[[servers]]\nkeep_alive = -1", "`servers[0].keep_alive`: Expected `float` >= 0"),
        ("defaults = 1\n[[servers]]", "`defaults` must be a table"),
        ("[defaults]\nport = 1\n[[servers]]", "`defaults.port`: every server has a port"),
        ("[[servers]]\nenvironment = 1", "`servers[0]`: `environment` must be a table"),
        (
            "[[servers]]\nenvironment = { OLLAMA_QUEUE = 1 }",
            "`servers[0]`: `environment`: OLLAMA_QUEUE is no variable of Ollama's",
        ),
        (
            "[[servers]]\n[[servers.scripts]]\nanswer = [{ content = 'a', wait_ms = 1 }]",
            "`servers[0].scripts[0].answer[0]`: a step has exactly one of",
        ),
        (
            "[[servers]]\n[[servers.scripts]]\nmatches = '('",
            "`servers[0].scripts[0]`: matches is not a regular expression",
        ),
        (
            f"[[servers]]\n[[servers.installed_models]]\n{MODEL}",
            "`servers[0].installed_models[0].name`: 'a b' is no model name",
        ),
        (
            f"[[servers]]\n[[servers.installed_models]]\n{SOUND}"
            f"[[servers.installed_models]]\n{SOUND}",
            "`servers[0].installed_models[1].name`: 'a' stands twice, first at [0]",
        ),
        (
            f"[[servers]]\n[[servers.installed_models]]\n{SOUND}capabilities = ['tool']",
            "`servers[0].installed_models[0].capabilities[0]`: 'tool' is no capability; there are",
        ),
        (
            "[[servers]]\n[[servers.scripts]]\nanswer = [{ error = 'a', status = 200 }]",
            "`servers[0].scripts[0].answer[0].status`: Expected `int` >= 400",
        ),
        (
            "[[servers]]\n[[servers.scripts]]\ndone_reason = 'end'",
            "`servers[0].scripts[0].done_reason`: Expected `str` matching regex '^(stop|length)$'",
        ),
        (
            '[[servers]]\n[[servers]]\nprofile = "abc"',
            "`servers[1]`: profile: there is no profile 'abc'; there are seed, ",
        ),
        (
            '[[servers]]\nmodel_profiles = { "a:b" = "none.toml" }',
            "`servers[0]`: model_profiles.a:b: ",
        ),
        (
            "[[servers]]\nprofile = { name = 'a', hardware = 'b', source = 'c', trust = 'E' }",
            "`servers[0].profile.trust`: Invalid enum value 'E'",
        ),
        (
            "[[servers]]\nengine = 'mlx'",
            "Invalid enum value 'mlx'; there are seed, legacy, current",
        ),
        ("[[servers]]\nspeed = 0", "`servers[0].speed`: Expected `float` >= 1e-06"),
        ("[[servers]]\nspeed = inf", "`servers[0].speed`: Expected `float` <= 1000000.0"),
        ("clock_speed = 0\n[[servers]]", "`clock_speed`: Expected `float` > 0"),
        (
            "clock_speed = 1e-9\n[[servers]]",
            "`clock_speed`: time can't go 1e-09 times as fast; a millionth to a million can be",
        ),
        ("clock_speed = inf\n[[servers]]", "`clock_speed`: time can't go inf times as fast"),
        ("[[servers]", "(at line 1, column 10)"),
    ],
)
def test_what_can_not_be_meant_is_refused_with_its_place(
    tmp_path: Path, text: str, words: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(BadFile) as caught:
        read(file)
    said = str(caught.value)
    assert said.startswith(f"{file}: ")
    assert words in said


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"none\.toml: No such file"):
        read(tmp_path / "none.toml")


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
