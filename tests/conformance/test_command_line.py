"""The command line of the reference balancer."""

import pytest

from ollama_simulator.conformance.reference import annotations, command_line
from ollama_simulator.conformance.reference.annotations import Annotations

SERVER = "--server=http://127.0.0.1:11501=One"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("capability=10,speed=100", Annotations(10, 100)),
        ("speed=100, capability=10", Annotations(10, 100)),
        ("speed=5", Annotations(0, 5)),
        ("capability=0", Annotations(0, 0)),
    ],
)
def test_annotations(words: str, found: Annotations) -> None:
    """In any order; what is absent is 0."""
    assert annotations.read(words) == found


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("", "'' is neither capability=N nor speed=N"),
        ("tier=3", "'tier=3' is neither"),
        ("speed=1,speed=2", "speed is there twice"),
        ("speed=101", "'speed=101' is not a number from 0 to 100"),
        ("speed=-1", "'speed=-1' is not a number"),
        ("speed=", "'speed=' is not a number"),
        ("speed=99999999999999999999", "is not a number"),
    ],
)
def test_bad_annotations(words: str, complaint: str) -> None:
    """The culprit is named."""
    with pytest.raises(ValueError, match=complaint):
        annotations.read(words)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            [f"{SERVER}[speed=x]", "--v104"],
            "--server One[speed=x]: 'speed=x' is not a number from 0 to 100",
        ),
        ([f"{SERVER}[speed=3]"], "--server One[speed=3]: the brackets need --v104"),
        ([SERVER, "--kv-q8=m"], "--kv-q8 and --poll need --v104"),
        ([SERVER, "--poll=1"], "--kv-q8 and --poll need --v104"),
        ([SERVER, "--v104", "--poll=0"], "--poll 0 would ask without a pause"),
        ([SERVER, "--v104", "--share"], "so not with --share"),
    ],
)
def test_what_does_not_go_together(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with status 2 and a sentence."""
    with pytest.raises(SystemExit) as end:
        command_line.read(words)
    assert end.value.code == 2
    assert complaint in capsys.readouterr().err


def test_version_104() -> None:
    """It has another time-out, and a synonym."""
    assert command_line.read([SERVER]).timeout == 30
    options = command_line.read(
        [f"{SERVER}[speed=3]", "--v104", "--bind=127.0.0.2:0", "--kv-q8=a", "--kv-q8=b:7b"]
    )
    assert options.servers[0].annotations == Annotations(0, 3)
    assert options.timeout == 120
    assert options.listen == ("127.0.0.2", 0)
    assert options.kv_q8 == ("a", "b:7b")
    assert options.poll == 30
