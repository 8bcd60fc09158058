"""What the adapters write for the products they start, without starting any."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest

from ollama_simulator.conformance.balancers import (
    adapter,
    apache,
    caddy,
    envoy,
    litellm,
    ports,
    redbird,
    traefik,
    varnish,
)
from ollama_simulator.conformance.balancers.adapter import BrokenEnvironment, Place, Setup
from ollama_simulator.conformance.balancers.choice import chosen
from ollama_simulator.conformance.balancers.haproxy import configured as haproxy
from ollama_simulator.conformance.balancers.installed import Installed, Packages
from ollama_simulator.conformance.balancers.nginx import configured as nginx
from ollama_simulator.conformance.balancers.ollama_herd import OllamaHerd
from ollama_simulator.conformance.balancers.program import Program
from ollama_simulator.conformance.balancers.reference import Reference
from ollama_simulator.conformance.balancers.url import Url
from ollama_simulator.conformance.balancers.vllm_router import VllmRouter
from ollama_simulator.conformance.player import fitting
from ollama_simulator.net import kernel
from ollama_simulator.settings import Settings

SETUP = Setup((11501, 11502, 11503), 1.5)
PLACE = Place(20_001, Path("FOLDER"), (20_002,))
ADAPTERS = {name: kind for name, kind in adapter.known().items() if issubclass(kind, Installed)}


@pytest.mark.parametrize("name", ADAPTERS)
def test_each_variant_has_claims(name: str) -> None:
    """No variant without claims, no claims without a variant."""
    kind = ADAPTERS[name]
    assert ("", *kind.variants) == tuple(kind.claims)


@pytest.mark.parametrize("name", adapter.known())
def test_each_adapter_is_documented(name: str) -> None:
    """A section of its own, which names its variants and packages."""
    text = (Path(__file__).parents[2] / "docs" / "balancers.md").read_text("utf-8")
    assert f"\n## `{name}`\n" in text
    section = text.split(f"\n## `{name}`\n")[1].split("\n## ")[0]
    kind = adapter.known()[name]
    for variant in kind.variants:
        assert f"`{name}:{variant}`" in section
    if issubclass(kind, Installed):
        packages = kind.packages
        if packages.apt:
            assert f"apt-get install {packages.apt}`" in section
        for each in (packages.brew, *(re.split("==|@", each)[0] for each in (packages.pip,))):
            assert each in section
        assert packages.npm.rpartition("@")[0] in section


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
    assert "retries 0\n" in exclusive
    assert tuned.index("option abortonclose") < tuned.index("frontend fe")
    assert "option" not in haproxy("untouched", SETUP, PLACE)


def test_envoy_waits_as_long_as_it_is_told() -> None:
    """Silence is limited, the whole answer is not; and no limit is no limit."""
    text = json.dumps(envoy.configured(SETUP, 20_001))
    assert '"per_try_idle_timeout": "1.5s"' in text
    assert '"timeout": "0s"' in text
    assert text.count('"port_value": 1150') == 3
    endless = json.dumps(envoy.configured(Setup((1,), 0.0), 20_001))
    assert "per_try_idle_timeout" not in endless
    assert '"stream_idle_timeout": "0s"' in endless


def test_caddys_differ_where_their_names_say() -> None:
    """The buffers, the limit of one, and what 2.6.2 doesn't know."""
    tuned = caddy.configured("", SETUP, 20_001)
    assert "reverse_proxy 127.0.0.1:11501 127.0.0.1:11502 127.0.0.1:11503 {" in tuned
    assert "read_timeout 1.5s" in tuned
    for line in ("request_buffers 1MB", "lb_retries 2", "persist_config off"):
        assert line in tuned
        assert line not in caddy.configured("2.6.2", SETUP, 20_001)
    assert "request_buffers" not in caddy.configured("no-buffers", SETUP, 20_001)
    exclusive = caddy.configured("exclusive", SETUP, 20_001)
    assert "unhealthy_request_count 1" in exclusive
    assert "lb_" not in exclusive.replace("lb_policy", "")
    assert "read_timeout" not in caddy.configured("", Setup((1,), 0.0), 20_001)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no sh to play a Caddy on Windows")
def test_a_caddy_of_another_age_is_not_the_one_that_is_meant(tmp_path: Path) -> None:
    """Debian's is passed over for `caddy`, and the new one for `caddy262`."""
    for name, version, wrong in (("caddy", "2.6.2", "2.6.2"), ("caddy262", "v2.11.7", "2.11.7")):
        program = tmp_path / name / "bin" / "caddy"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho '{version} h1:x'\n")
        os.chmod(program, 0o755)
        adapter = chosen(name)
        assert isinstance(adapter, Installed)
        assert adapter.unfit(str(program)) == f"is {wrong}"


def test_traefik_tells_nobody_of_itself() -> None:
    """And has its times and servers."""
    assert traefik.static(20_001, "routes")["global"] == {
        "checkNewVersion": False,
        "sendAnonymousUsage": False,
    }
    text = json.dumps(traefik.dynamic(SETUP))
    assert '"responseHeaderTimeout": "1.5s"' in text
    assert '"url": "http://127.0.0.1:11503"' in text


def test_apache_is_told_its_times_and_servers(tmp_path: Path) -> None:
    """A member each, and one request at a time only where it is exclusive."""
    (tmp_path / "mod_proxy.so").touch()
    text = apache.configured("", SETUP, PLACE, str(tmp_path))
    assert f"LoadModule proxy_module {tmp_path}/mod_proxy.so\n" in text
    assert "mpm_event" not in text
    assert text.count(" timeout=2 flushpackets=on") == 3
    assert "max=1" not in text
    assert "max=1 acquire=200" in apache.configured("exclusive", SETUP, PLACE, str(tmp_path))


def test_varnish_is_told_its_times_and_servers() -> None:
    """A backend each."""
    text = varnish.configured(SETUP)
    assert text.count(".between_bytes_timeout = 1.5s;") == 3
    assert "all.add_backend(s3);" in text


def test_litellm_tells_nobody_and_is_asked_with_its_key() -> None:
    """A deployment for each server; nothing is fetched or sent."""
    adapter = chosen("litellm")
    assert adapter.environment(PLACE)["LITELLM_TELEMETRY"] == "False"
    assert adapter.environment(PLACE)["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    told = litellm.configured(SETUP)
    assert [each["litellm_params"]["api_base"] for each in told["model_list"]] == [
        f"http://127.0.0.1:{port}/v1" for port in SETUP.servers
    ]
    assert adapter.headers(SETUP) == (
        ("Authorization", f"Bearer {told['general_settings']['master_key']}"),
    )


def test_herd_has_an_agent_for_each_server() -> None:
    """And its statistics of usage are off."""
    adapter = OllamaHerd(program=sys.executable)
    front, *agents = adapter.commands(SETUP, PLACE)
    assert front[1:] == ["--host", "127.0.0.1", "--port", "20001"]
    assert [each[4] for each in agents] == [f"http://127.0.0.1:{port}" for port in SETUP.servers]
    assert adapter.environment(PLACE)["FLEET_NODE_TELEMETRY"] == "false"


def test_vllm_router_wants_health_of_its_servers() -> None:
    """Also of those that a scenario sets up in its own way."""
    adapter = VllmRouter(program=sys.executable)
    words = adapter.commands(SETUP, PLACE)[0]
    assert words[-4:] == ["--worker-urls", *(f"http://127.0.0.1:{each}" for each in SETUP.servers)]
    assert words[words.index("--prometheus-port") + 1] == "20002"
    assert fitting(None, adapter) == Settings(health=True)
    assert fitting((Settings(speed=2.0),), adapter) == (Settings(speed=2.0, health=True),)
    assert fitting(None, Reference()) is None


def test_portkey_is_told_its_servers_with_each_request() -> None:
    """It has no list of its own."""
    ((name, value),) = chosen("portkey").headers(SETUP)
    told = json.loads(value)
    assert name == "x-portkey-config"
    assert told["request_timeout"] == 1500
    assert [each["custom_host"] for each in told["targets"]] == [
        f"http://127.0.0.1:{port}/v1" for port in SETUP.servers
    ]


def test_redbird_is_a_script_of_its_users(tmp_path: Path) -> None:
    """It takes the library from where it is, and registers each server."""
    text = redbird.script(str(tmp_path / "index.js"), SETUP, 20_001)
    assert f'from "{(tmp_path / "index.js").as_uri()}";' in text
    assert text.count("proxy.register(") == 3


def test_a_url_of_this_machine() -> None:
    """Nothing is started for it; others can't reach the servers."""
    adapter = Url("http://localhost:8080/")
    with adapter.ports() as claimed:
        assert claimed == (8080,)
    assert adapter.commands(SETUP, PLACE) == []
    for wrong, words in {
        "https://127.0.0.1": "must be like http://",
        "http://127.0.0.1/v1": "must be like http://",
        "http://10.0.0.1:80": "from this machine only",
        "http://127.0.0.1:x": "--url http://127.0.0.1:x: Port",
        "127.0.0.1:80": "must be like http://",
    }.items():
        with pytest.raises(BrokenEnvironment, match=re.escape(words)):
            Url(wrong)


class Hasty(Url):
    """One that is not waited for."""

    ready_s = 0.1


def test_a_url_where_nobody_listens() -> None:
    """That is told before anything is played; and who listens, but never answers, is told of in
    other words than what we started."""

    async def use(adapter: Url) -> None:
        async with adapter.in_use(), adapter.running(SETUP):
            pytest.fail("it is taken to be ready")

    with kernel.reserve("127.0.0.1", 0) as sock:
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        words = f"--url {url}: nothing listens there (connection refused by {url[7:]})"
        with pytest.raises(BrokenEnvironment, match=re.escape(words)):
            asyncio.run(use(Url(url)))
        kernel.start_listening(sock)
        words = (
            f"--url {url}: it did not answer GET /api/version with 200 within 0.1 s, though the "
            "servers behind it are there"
        )
        with pytest.raises(BrokenEnvironment, match=re.escape(words)):
            asyncio.run(use(Hasty(url)))
