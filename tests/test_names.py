"""Model names: what is one, and which spellings are the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.names import (
    ConflictingSources,
    Source,
    canonical,
    parse,
    pulled,
    source,
    split,
    valid,
)

FIRST = st.sampled_from("abzAZ09_")


def part(rest: str, longest: int) -> st.SearchStrategy[str]:
    """One part of a name."""
    others = st.text(st.sampled_from("abzAZ09_" + rest), max_size=longest - 1)
    return st.builds(lambda first, more: first + more, FIRST, others)


HOSTS = part("-.:", 12)
NAMESPACES = part("-", 8)
MODELS = part("-.", 8)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("plain", ("registry.ollama.ai", "library", "plain", "latest")),
        ("plain:7b", ("registry.ollama.ai", "library", "plain", "7b")),
        ("me/plain", ("registry.ollama.ai", "me", "plain", "latest")),
        ("hf.co/bart/Foo-GGUF:Q4", ("hf.co", "bart", "Foo-GGUF", "Q4")),
        ("host:5000/me/plain", ("host:5000", "me", "plain", "latest")),
        ("https://host/me/plain:1", ("host", "me", "plain", "1")),
        ("  plain \n", ("registry.ollama.ai", "library", "plain", "latest")),
        ("plain:", ("registry.ollama.ai", "library", "plain", "!MISSING!")),
        ("/plain", ("registry.ollama.ai", "!MISSING!", "plain", "latest")),
        ("http://127.0.0.1:5000/me/plain", ("127.0.0.1:5000", "me", "plain", "latest")),
        ("a/b/c/d", ("a/b", "c", "d", "latest")),
    ],
)
def test_split(name: str, parts: tuple[str, str, str, str]) -> None:
    """The four parts of a name, with the defaults filled in (2.1)."""
    assert split(name) == parts


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "_a-b.c",
        "plain:latest",
        "plain:1.0-q4_K",
        "me-too/plain",
        "host:5000/me/plain:x",
        "https://host/me/plain",
        " plain ",
        "a" * 80,
        "m:" + "t" * 80,
        "n" * 80 + "/m",
        "h" * 350 + "/n/m",
    ],
)
def test_valid(name: str) -> None:
    """Names that fit the grammar, up to the longest (2.1)."""
    assert valid(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ":",
        "/",
        "plain:",
        ":7b",
        "/plain",
        "nope/",
        "//m",
        "a/b/c/d",
        "a b",
        "-a",
        ".a",
        "m:-t",
        "m@sha256:abc",
        "na.me/m",
        "host:5000/m",
        "m\u00e4h",
        "m\uff11",
        "m\nn",
        "a" * 81,
        "m:" + "t" * 81,
        "n" * 81 + "/m",
        "h" * 351 + "/n/m",
        "http://host/m",
    ],
)
def test_invalid(name: str) -> None:
    """Names that don't fit: empty sides, foreign characters, a part too many or too long."""
    assert not valid(name)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("plain", "plain:latest"),
        ("plain:7b", "plain:7b"),
        ("library/plain", "plain:latest"),
        ("registry.ollama.ai/library/plain:latest", "plain:latest"),
        ("registry.ollama.ai/me/plain", "me/plain:latest"),
        ("hf.co/library/plain", "hf.co/library/plain:latest"),
        ("https://hf.co/me/plain:1", "hf.co/me/plain:1"),
        ("Me/Plain", "Me/Plain:latest"),
        ("Registry.Ollama.AI/Library/Plain", "Plain:latest"),
    ],
)
def test_canonical(name: str, short: str) -> None:
    """The short form has a tag always, and namespace and host where they are not the default."""
    assert canonical(name) == short


@settings(deadline=None)
@given(HOSTS, NAMESPACES, MODELS, MODELS)
def test_full_names_come_apart_again(host: str, namespace: str, model: str, tag: str) -> None:
    """A name that was put together from its parts has these parts, and is valid."""
    name = f"{host}/{namespace}/{model}:{tag}"
    assert split(name) == (host, namespace, model, tag)
    assert valid(name)


@settings(deadline=None)
@given(HOSTS, NAMESPACES, MODELS, MODELS)
def test_the_short_form_means_the_same(host: str, namespace: str, model: str, tag: str) -> None:
    """Shortening loses nothing: it can be repeated, and the full form stays the same."""
    name = f"{host}/{namespace}/{model}:{tag}"
    short = canonical(name)
    assert canonical(short) == short
    assert split(short) == split(name)


@settings(deadline=None)
@given(st.text(max_size=30) | st.text(st.sampled_from("a1-_.:/ \n\u00e4"), max_size=9))
def test_any_text_is_judged(name: str) -> None:
    """Nonsense raises nothing, and its short form is as valid and means as much as itself."""
    assert not valid(name) or valid(canonical(name))
    assert not valid(name) or split(canonical(name)) == split(name)


def test_a_name_as_typed_keeps_its_spaces() -> None:
    """Endpoints that don't trim find such a name invalid, and show it (2.1, 2.4)."""
    name = parse(" plain ")
    assert not name.valid
    assert name.full == "registry.ollama.ai/library/ plain :latest"
    assert parse("plain:").full == "registry.ollama.ai/library/plain:!MISSING!"


@pytest.mark.parametrize(
    ("name", "base", "where"),
    [
        ("plain", "plain", Source.ANY),
        ("plain:7b", "plain:7b", Source.ANY),
        (" plain:cloud ", "plain", Source.CLOUD),
        ("plain:7b:Cloud", "plain:7b", Source.CLOUD),
        ("plain:7b-cloud", "plain:7b", Source.CLOUD),
        ("plain:7b-CLOUD", "plain:7b", Source.CLOUD),
        ("plain-cloud", "plain-cloud", Source.ANY),
        ("host:5000/me/plain-cloud", "host:5000/me/plain-cloud", Source.ANY),
        ("plain:local", "plain", Source.LOCAL),
        ("cloud", "cloud", Source.ANY),
    ],
)
def test_source(name: str, base: str, where: Source) -> None:
    """The suffixes that say where a model runs (2.2)."""
    assert source(name) == (base, where)


@pytest.mark.parametrize("name", ["x:cloud:local", "x:local:cloud", "x:7b-cloud:local"])
def test_conflicting_sources(name: str) -> None:
    """A name can't say both."""
    with pytest.raises(ConflictingSources) as caught:
        source(name)
    assert str(caught.value) == f'use either :local or :cloud, not both: "{name}"'


@pytest.mark.parametrize(
    ("name", "installed"),
    [
        ("x:cloud", "x:cloud"),
        ("x:7b:cloud", "x:7b-cloud"),
        ("x:7b-cloud", "x:7b-cloud"),
        ("x:7b", "x:7b"),
        ("x:local", "x"),
        ("host:5000/me/x:cloud", "host:5000/me/x:cloud"),
    ],
)
def test_pulled(name: str, installed: str) -> None:
    """A model of the cloud is installed under a name of the old form (4.11)."""
    assert pulled(name) == installed
