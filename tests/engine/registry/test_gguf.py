"""Heads of GGUF files."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.engine.registry import gguf as heads
from tests.engine.registry.writing import LLAMA, gguf


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_head(order: str) -> None:
    """Metadata, tensors and the sum of their elements, in either byte order."""
    head = heads.read(gguf(LLAMA, {"a.weight": (64, 3), "b": (5,)}, order=order, weights=b"w" * 99))
    assert head.values == {**LLAMA, "general.parameter_count": 197}
    assert head.tensors == (
        {"name": "a.weight", "type": "F16", "shape": [64, 3]},
        {"name": "b", "type": "F16", "shape": [5]},
    )
    assert (head.architecture, head.file_type, head.chat_template) == ("llama", "F16", "")
    assert (head.number("context_length"), head.number("general.file_type")) == (8192, 1)
    assert head.has("embedding_length")
    assert not head.has("pooling_type")


def test_a_head_that_lies() -> None:
    """Parameters are added up in 64 bits, so that whatever is claimed can be shown."""
    head = heads.read(gguf({}, {"a": (2**40, 2**40), "b": (7,)}))
    assert head.values["general.parameter_count"] == 7


def test_old_versions() -> None:
    """The first one counts in 32 bits, and its texts may end in a zero."""
    assert heads.read(gguf({"k": 7}, version=2)).values["k"] == 7
    head = heads.read(gguf({"k\0": "text\0"}, {"a": (3,)}, version=1))
    assert head.values == {"k": "text", "general.parameter_count": 3}


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "unknown"),
        (2, "Q4_0"),
        (3, "Q4_1"),
        (7, "Q8_0"),
        (12, "Q3_K_M"),
        (14, "Q4_K_S"),
        (15, "Q4_K_M"),
        (17, "Q5_K_M"),
        (18, "Q6_K"),
        (25, "IQ4_NL"),
        (27, "IQ3_M"),
        (30, "IQ4_XS"),
        (32, "BF16"),
        (38, "MXFP4_MOE"),
        (99, "unknown"),
    ],
)
def test_file_types(number: int, name: str) -> None:
    """By their numbers in the format; 0 is taken for none."""
    assert heads.read(gguf({"general.file_type": number})).file_type == name


def test_a_head_that_says_nothing() -> None:
    """Ollama has words for what is missing."""
    head = heads.read(gguf({}))
    assert (head.architecture, head.file_type, head.kind) == ("unknown", "unknown", "model")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"general.type": "model"}, "model"),
        ({"general.type": "adapter"}, "adapter"),
        ({"general.type": "mmproj"}, "projector"),
        ({"general.architecture": "x", "x.vision.block_count": 2}, "projector"),
        ({"general.architecture": "x", "x.vision.block_count": 2, "x.block_count": 3}, "model"),
        ({"general.architecture": "clip", "clip.has_vision_encoder": True}, "projector"),
    ],
)
def test_kinds(values: dict[str, object], kind: str) -> None:
    """What layer a file makes."""
    assert heads.read(gguf(values)).kind == kind


def test_what_is_none() -> None:
    """The magic decides."""
    with pytest.raises(heads.Malformed, match="invalid file magic"):
        heads.read(b"GGML\0\0\0\0")
    with pytest.raises(heads.Malformed, match="invalid type: 77"):
        heads.read(gguf({"k": True}).replace(b"\x07\0\0\0\x01", b"\x4d\0\0\0\x01"))


@settings(deadline=None)
@given(st.integers(4, len(gguf(LLAMA, {"a": (2,)})) - 1))
def test_a_beginning_is_incomplete(length: int) -> None:
    """Wherever it is cut, more is wanted, and nothing else goes wrong."""
    with pytest.raises(heads.Incomplete):
        heads.read(gguf(LLAMA, {"a": (2,)})[:length])


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (4352, "4K"),
        (137_000_000, "137M"),
        (22_565_376, "22.57M"),
        (1_000_000_000, "1B"),
        (8_030_261_248, "8.0B"),
        (70_553_706_496, "70.6B"),
    ],
)
def test_numbers_of_parameters(count: int, shown: str) -> None:
    """As Ollama shows them."""
    assert heads.human(count) == shown


@pytest.mark.parametrize("shown", ["7B", "8.0B", "3.2B", "137M", "22.57M", "4K", "0"])
def test_a_shown_number_is_understood(shown: str) -> None:
    """What it counts is shown the same again."""
    assert heads.human(heads.count(shown)) == shown


def test_what_is_no_number() -> None:
    """Then nothing is counted."""
    assert heads.count("unknown") == 0
