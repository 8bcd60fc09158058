"""npm's `ollama` against a simulated server, where Node and the package are.

`python3 run.py test` fetches the package when npm is there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.script import Step
from tests.clients.conftest import Farm, says

HERE = Path(__file__).resolve().parent
MODULE = HERE.parents[1] / ".venv" / "node" / "node_modules" / "ollama" / "dist" / "index.mjs"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(
    NODE is None or not MODULE.exists(),
    reason="needs Node and npm's ollama: install Node, then delete .venv and run the tests again",
)


def done(farm: Farm, what: str) -> dict[str, Any]:
    """What came of it: an `answer` or an `error`."""
    assert NODE is not None
    program = [NODE, str(HERE / "ollama_client.mjs"), str(MODULE), farm.url, what]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=30, check=True)
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def test_chat(farm: Farm) -> None:
    farm.script(says("Hello", " there"))
    answer = done(farm, "chat")["answer"]
    assert answer["message"] == {"role": "assistant", "content": "Hello there"}
    assert (answer["done_reason"], answer["eval_count"]) == ("stop", 7)


def test_stream(farm: Farm) -> None:
    farm.script(says("Hello", " there"))
    heard = done(farm, "stream")["answer"]
    assert [part["message"]["content"] for part in heard] == ["Hello", " there", ""]


def test_thinking(farm: Farm) -> None:
    farm.script(says(Step(thinking="Hm"), "Yes"))
    message = done(farm, "thinking")["answer"]["message"]
    assert (message["thinking"], message["content"]) == ("Hm", "Yes")


def test_structured_output(farm: Farm) -> None:
    assert isinstance(json.loads(done(farm, "schema")["answer"]["response"])["age"], int)


def test_embed(farm: Farm) -> None:
    assert [len(each) for each in done(farm, "embed")["answer"]["embeddings"]] == [384, 384]


def test_list(farm: Farm) -> None:
    models = done(farm, "list")["answer"]["models"]
    assert {model["name"] for model in models} == {"thinker:latest", "plain:latest"}


def test_pull(farm: Farm) -> None:
    heard = done(farm, "pull")["answer"]
    assert (heard[0], heard[-1]) == ("pulling manifest", "success")


def test_an_unknown_model(farm: Farm) -> None:
    error = done(farm, "missing")["error"]
    assert error == {
        "name": "ResponseError",
        "message": "model 'nope' not found",
        "status_code": 404,
    }


def test_a_stream_that_ends_too_early(farm: Farm) -> None:
    """Unlike the others, this client finds it out (16.3)."""
    farm.script(says("Par", done_reason=None))
    error = done(farm, "stream")["error"]
    assert "Did not receive done or success response in stream" in error["message"]


def test_a_reset_in_a_stream(farm: Farm) -> None:
    farm.behave(FailMidStream(tokens_before_fail=2))
    assert done(farm, "stream")["error"]["message"] == "terminated"
    assert farm.tries() == 1


def test_an_early_end_of_file(farm: Farm) -> None:
    farm.behave(AbruptClose(bytes_before_close=5))
    assert done(farm, "chat")["error"]["message"] == "terminated"
