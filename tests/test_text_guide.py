"""What `docs/text.md` says of the text is true."""

from __future__ import annotations

import hashlib
import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ollama_simulator.engine import schema
from ollama_simulator.engine.answer.output import Piece
from ollama_simulator.engine.answer.speech import Split
from ollama_simulator.engine.answer.unscripted import Asked, outputs
from ollama_simulator.engine.conforming.scalars import LONGEST
from ollama_simulator.engine.conforming.value import MOST_VALUES
from ollama_simulator.engine.render.day import TODAY
from ollama_simulator.engine.render.gotemplate.execute import STEPS
from ollama_simulator.engine.text import pieces, prompt_tokens
from ollama_simulator.model import Message

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "text.md").read_text(encoding="utf-8")
CODE, PRINTED = re.findall(r"```(?:python)?\n(.*?)```", GUIDE, re.DOTALL)


def test_the_program_prints_what_it_says() -> None:
    """As a user would run it."""
    run = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"},
    )
    assert run.stdout == PRINTED


@pytest.mark.parametrize("count", [1, 2, 33, 100])
@pytest.mark.parametrize("content", ["hi", "Don't\n stop — größer 日本!", ""])
def test_the_program_is_the_engine(content: str, count: int) -> None:
    """For other prompts and lengths too."""
    known: dict[str, Any] = {}
    exec(CODE.rpartition("print(")[0], known)
    messages = [Message("system", "S s"), Message("user", content)]
    said = [{"role": turn.role, "content": turn.content} for turn in messages]
    expected = "".join(pieces(7, "m:latest", prompt_tokens(messages), count))
    assert known["answer"](7, "m:latest", said, count) == expected


def test_structured_output_is_drawn_as_it_says() -> None:
    """Draw by draw."""
    format = '{"type":"array","items":{"type":"integer"},"minItems":9}'
    key = "\0".join(["7", "m:latest", format, "<|user|>", "hi"]).encode()
    counted = itertools.count()

    def draw(limit: int) -> int:
        digest = hashlib.sha256(key + b"\0" + str(next(counted)).encode()).digest()
        return int.from_bytes(digest[:8]) % limit

    asked = Asked(7, "m:latest", ("<|user|>", "hi"), 20, None, format, thinks=False)
    told = outputs(asked, Split(lambda: "id"))
    said = "".join(piece.text for piece in told if isinstance(piece, Piece))
    assert said == schema.text(format, draw)


@pytest.mark.parametrize("number", [LONGEST, MOST_VALUES])
def test_limits_are_those_of_the_code(number: int) -> None:
    """With their thousands marked."""
    assert f"{number:,}" in GUIDE


def test_the_day_and_the_steps_are_those_of_the_code() -> None:
    """They are named in words."""
    assert TODAY.isoformat() in GUIDE
    assert STEPS == 1_000_000
