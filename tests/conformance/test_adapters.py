"""What the adapters write for the products they start, without starting any."""

import os
import sys
from pathlib import Path

import pytest

from ollama_simulator.conformance.balancers import adapter, ports
from ollama_simulator.conformance.balancers.adapter import BrokenEnvironment, Place, Setup
from ollama_simulator.conformance.balancers.choice import chosen
from ollama_simulator.conformance.balancers.haproxy import configured as haproxy
from ollama_simulator.conformance.balancers.installed import Installed, Packages
from ollama_simulator.conformance.balancers.nginx import configured as nginx
from ollama_simulator.conformance.balancers.program import Program
from ollama_simulator.conformance.balancers.reference import Reference

SETUP = Setup((11501, 11502, 11503), 1.5)
PLACE = Place(20_001, Path("FOLDER"), (20_002,))
ADAPTERS = {name: kind for name, kind in adapter.known().items() if issubclass(kind, Installed)}


@pytest.mark.parametrize("name", ADAPTERS)
def test_each_variant_has_claims(name: str) -> None:
    """No variant without claims, no claims without a variant."""
    kind = ADAPTERS[name]
    assert ("", *kind.variants) == tuple(kind.claims)


def test_ports_are_not_given_twice() -> None:
    """Neither within a block nor in one beside it; and they are free."""
    with ports.claimed(3) as some, ports.claimed(2) as others:
        assert len({*some, *others}) == 5
        assert all(ports.FIRST <= port < ports.FIRST + ports.COUNT for port in some)


def test_a_name_a_variant_or_a_path(tmp_path: Path) -> None:
    """What `--balancer` can say, and what is wrong with it."""
    assert isinstance(chosen("reference"), Reference)
    script = tmp_path / "nginx.py"
    script.write_text("")
    assert isinstance(chosen(str(script)), Program)
    assert chosen("haproxy:exclusive").variant == "exclusive"
    with pytest.raises(BrokenEnvironment, match=r"no adapter of this name; there are .*nginx"):
        chosen("ngnix")
    with pytest.raises(BrokenEnvironment, match="no such variant; there are nginx, nginx:defaults"):
        chosen("nginx:tuned")
    with pytest.raises(BrokenEnvironment, match="there is no such file"):
        chosen("./nothing")
    with pytest.raises(BrokenEnvironment, match=r"--programs .*: there is no such folder"):
        chosen("nginx", folders=[tmp_path / "nothing"])
    with pytest.raises(BrokenEnvironment, match="has no program of its own"):
        chosen("reference", program="x")
    with pytest.raises(BrokenEnvironment, match="has a path already"):
        chosen(str(script), program="x")


@pytest.mark.parametrize("name", ADAPTERS)
def test_what_is_missing_is_told_with_its_remedy(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error, never a skip."""
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(BrokenEnvironment, match=r"is not there .*; .*install"):
        _ = chosen(name, folders=[tmp_path]).path  # type: ignore[attr-defined]
    with pytest.raises(BrokenEnvironment, match=r"--program \S+: there is no such file"):
        _ = chosen(name, program=str(tmp_path / "x")).path  # type: ignore[attr-defined]


def test_the_remedy_fits_the_platform() -> None:
    """The system's own package first, then those that go into a folder."""
    both = Packages(apt="this", brew="that", pip="some-thing==1.0")
    assert both.advice("linux", has_apt=True) == "install it with `apt-get install this`"
    assert both.advice("darwin", has_apt=False) == "install it with `brew install that`"
    assert "companions/some-thing/bin/pip install 'some-thing==1.0'" in both.advice(
        "linux", has_apt=False
    )
    assert r"Scripts" in both.advice("win32", has_apt=False)
    assert "npm install --prefix companions/x-y @x/y@1" in Packages(npm="@x/y@1").advice()
    assert "on Debian and Ubuntu; no command is known" in Packages(apt="this").advice(
        "win32", has_apt=False
    )


@pytest.mark.skipif(sys.platform == "win32", reason="environments look different on Windows")
def test_programs_are_found_in_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In PATH first, else in any environment of the folder."""
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    program = tmp_path / "some" / "bin" / "nginx"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho nginx version: nginx/9.8.7 >&2\n")
    os.chmod(program, 0o755)
    found = chosen("nginx", folders=[tmp_path])
    assert isinstance(found, Installed)
    assert found.path == str(program)
    assert found.version() == "9.8.7"
    program.write_text("#!/bin/sh\necho no\n")
    with pytest.raises(BrokenEnvironment, match="does not tell its version: it said 'no"):
        chosen("nginx", folders=[tmp_path]).version()


def test_nginx_is_told_its_times_and_servers() -> None:
    """Tuned: the silence, and retries for a POST. By default: nothing of that."""
    tuned = nginx("", SETUP, PLACE)
    assert "listen 127.0.0.1:20001;" in tuned
    assert "server 127.0.0.1:11502 max_fails=1 fail_timeout=5s;" in tuned
    assert "proxy_read_timeout 1500ms;" in tuned
    assert "non_idempotent" in tuned
    plain = nginx("defaults", SETUP, PLACE)
    assert "server 127.0.0.1:11502;" in plain
    assert "proxy_next_upstream" not in plain
    assert "proxy_read_timeout 86400000ms;" in nginx("", Setup((1,), 0.0), PLACE)


def test_haproxy_is_told_its_times_and_servers() -> None:
    """One request for each server only where it is exclusive; nothing where it is untouched."""
    tuned = haproxy("", SETUP, PLACE)
    assert "bind 127.0.0.1:20001\n" in tuned
    assert "server s2 127.0.0.1:11502\n" in tuned
    assert "timeout server 1500ms\n" in tuned
    assert "retry-on conn-failure" in tuned
    assert "maxconn 1\n" not in tuned
    exclusive = haproxy("exclusive", SETUP, PLACE)
    assert "maxconn 1\n" in exclusive
    assert "timeout queue 200ms\n" in exclusive
    assert "retry-on" not in exclusive
    assert "option" not in haproxy("untouched", SETUP, PLACE)
