"""The Helm chart, by the manifests that `scripts/chart.py` had it render and Kubernetes' schemas
allowed: they are of today's chart, and what they say is true of the simulator."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ollama_simulator import __version__
from ollama_simulator.cli.simulator import CONTROL_PORT
from ollama_simulator.cli.wanted import SERVER_PORTS
from tests.acceptance.program import environment
from tests.acceptance.rawhttp import ask

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "ollama-simulator"
TOKEN = "0123456789abcdef"
GOLDEN = Path(__file__).with_name("chart")
NAMES = sorted(path.name.partition(".")[0] for path in GOLDEN.glob("*.values.yaml"))
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

_spec = importlib.util.spec_from_file_location("chart", ROOT / "scripts" / "chart.py")
assert _spec is not None
assert _spec.loader is not None
SCRIPT = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(SCRIPT)


def values(name: str) -> dict[str, Any]:
    """Those of a golden, with the defaults of the chart."""
    given = yaml.safe_load((GOLDEN / f"{name}.values.yaml").read_text(encoding="utf-8"))
    return {
        key: {**DEFAULTS[key], **given[key]}
        if isinstance(DEFAULTS.get(key), dict) and key in given
        else given.get(key, DEFAULTS.get(key))
        for key in {**DEFAULTS, **given}
    }


def manifests(name: str, kind: str) -> list[dict[str, Any]]:
    """The manifests of a kind."""
    text = (GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")
    return [each for each in yaml.safe_load_all(text) if each and each["kind"] == kind]


def pod(name: str) -> dict[str, Any]:
    """The template of its pods."""
    (stateful,) = manifests(name, "StatefulSet")
    found: dict[str, Any] = stateful["spec"]["template"]
    return found


def container(name: str) -> dict[str, Any]:
    """That of the simulator."""
    (found,) = pod(name)["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def test_the_manifests_are_of_this_chart() -> None:
    told = (GOLDEN / "digest.txt").read_text(encoding="utf-8").strip()
    assert told == SCRIPT.digest(), "the chart changed: scripts/chart.py renders it anew"


@pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_helm_renders_them(name: str) -> None:
    told = SCRIPT.rendered("helm", GOLDEN / f"{name}.values.yaml")
    assert told == (GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not installed")
@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["control.token="], "control.existingSecret or control.token must be given"),
        (["control.token=short"], "token"),
        (["load.tokensPerSecond=100000"], "take more replicas"),
        (["config=seed = 7"], 'it must say host = "0.0.0.0"'),
        (["config=control_host = 1 # not the host"], 'it must say host = "0.0.0.0"'),
        (["servres=3"], "servres"),
    ],
)
def test_helm_refuses_what_can_not_be(given: list[str], complaint: str) -> None:
    words = [
        word for each in ("control.token=0123456789abcdef", *given) for word in ("--set", each)
    ]
    command = ["helm", "template", "sim", str(CHART), *words, *SCRIPT.FOR]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert complaint in done.stderr


def test_it_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == __version__
    assert container("least")["image"] == f"ollama_simulator:{__version__}"


# Values


def keys(table: dict[str, Any], schema: dict[str, Any], at: str = "") -> Iterator[tuple[str, str]]:
    """Each key of the defaults that the schema lacks, and the other way round."""
    told = schema.get("properties", {})
    for key in set(table) ^ set(told):
        yield at + key, "values.yaml" if key in table else "values.schema.json"
    for key in set(table) & set(told):
        if isinstance(table[key], dict) and "properties" in told[key]:
            yield from keys(table[key], told[key], f"{at}{key}.")


def test_the_schema_knows_every_value() -> None:
    """`global` is Helm's own."""
    assert list(keys(DEFAULTS, SCHEMA)) == [("global", "values.schema.json")]
    jsonschema.validate(DEFAULTS, SCHEMA)


@pytest.mark.parametrize(
    ("wrong", "at"),
    [
        ({"servres": 3}, []),
        ({"servers": 0}, ["servers"]),
        ({"servers": 65535 - SERVER_PORTS[0] + 2}, ["servers"]),
        ({"replicas": 1.5}, ["replicas"]),
        ({"control": {"token": "short"}}, ["control", "token"]),
        ({"control": {"token": "sixteen letters!"}}, ["control", "token"]),
        ({"load": {"tokensPerSecond": -1}}, ["load", "tokensPerSecond"]),
        ({"costs": {"token": 1}}, ["costs"]),
        ({"image": {"pullPolicy": "Sometimes"}}, ["image", "pullPolicy"]),
        ({"headroom": 0.5}, ["headroom"]),
    ],
)
def test_the_schema_refuses_what_is_wrong(wrong: dict[str, Any], at: list[str]) -> None:
    with pytest.raises(jsonschema.ValidationError) as caught:
        jsonschema.validate(wrong, SCHEMA)
    assert list(caught.value.absolute_path) == at


def test_as_many_servers_as_the_program_takes() -> None:
    assert SCHEMA["properties"]["servers"]["maximum"] == 65536 - SERVER_PORTS[0] - 1


# What runs


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_root_or_writes_but_to_tmp(name: str) -> None:
    """The restricted profile of Kubernetes' Pod Security Standards, and no files."""
    spec, own = pod(name)["spec"], container(name)["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert user is not None
    told = (spec["securityContext"]["runAsUser"], spec["securityContext"]["runAsGroup"])
    assert told == (int(user[1]), int(user[2]))
    assert own == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = container(name)["volumeMounts"]
    assert [each["mountPath"] for each in mounts if not each.get("readOnly")] == ["/tmp"]


@pytest.mark.parametrize("name", NAMES)
def test_the_token_comes_from_a_secret(name: str) -> None:
    """And stands nowhere else: not in a command line, which everybody in the pod sees."""
    (token,) = [
        each["valueFrom"]["secretKeyRef"]
        for each in container(name)["env"]
        if "TOKEN" in each["name"]
    ]
    assert token["key"] == "token"
    made = manifests(name, "Secret")
    given = values(name)["control"]
    if given["existingSecret"]:
        assert token["name"] == given["existingSecret"]
        assert made == []
    else:
        assert [each["metadata"]["name"] for each in made] == [token["name"]]
        assert made[0]["stringData"] == {"token": given["token"]}
        assert (GOLDEN / f"{name}.yaml").read_text("utf-8").count(given["token"]) == 1


@pytest.mark.parametrize("name", NAMES)
def test_services_lead_to_the_pods(name: str) -> None:
    """The headless one to all of them, and each other one to a pod of its own."""
    (stateful,) = manifests(name, "StatefulSet")
    labels = pod(name)["metadata"]["labels"]
    services = {each["metadata"]["name"]: each["spec"] for each in manifests(name, "Service")}
    headless = services.pop(stateful["spec"]["serviceName"])
    assert headless["clusterIP"] == "None"
    assert headless["selector"].items() <= labels.items()
    base = stateful["metadata"]["name"]
    wanted = values(name)["replicas"] if values(name)["control"]["service"] else 0
    assert list(services) == [f"{base}-{number}-control" for number in range(wanted)]
    for number, (called, spec) in enumerate(services.items()):
        selector = dict(spec["selector"])
        assert selector.pop("statefulset.kubernetes.io/pod-name") == f"{base}-{number}"
        assert selector.items() <= labels.items()
        # The control API lets itself be called so.
        assert f"--control-name={called.replace(f'{base}-{number}', '$(POD)')}" in str(
            container(name)["args"]
        )
    ports = {each["name"]: each["containerPort"] for each in container(name)["ports"]}
    assert ports == {"control": CONTROL_PORT, "ollama": SERVER_PORTS[0]}


@pytest.mark.parametrize("name", NAMES)
def test_metrics_are_scraped_where_they_are_open(name: str) -> None:
    notes = pod(name)["metadata"]["annotations"] or {}
    scraped = {key: told for key, told in notes.items() if key.startswith("prometheus.io/")}
    if "--open-metrics" in container(name)["args"]:
        assert scraped == {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(CONTROL_PORT),
            "prometheus.io/path": "/metrics",
        }
    else:
        assert scraped == {}


@pytest.mark.parametrize("name", NAMES)
def test_resources_follow_from_the_load(name: str) -> None:
    """By the formula of docs/scale.md; a process may use one core, as an event loop can."""
    told = container(name)["resources"]
    given = values(name)
    if given["resources"]:
        assert told == given["resources"]
        return
    load, costs = given["load"], given["costs"]
    processes = given["workers"] + 1 if given["workers"] > 1 else 1
    busy = (
        load["chatsPerSecond"] * costs["chatMicroseconds"]
        + load["tokensPerSecond"] * costs["tokenMicroseconds"]
        + processes * costs["idleMicrosecondsPerSecond"]
    )
    kib = (
        processes * costs["processKiB"]
        + given["servers"] * costs["serverKiB"]
        + load["connections"] * costs["connectionKiB"]
        + processes * load["journal"] * costs["recordKiB"]
    )
    memory = f"{math.ceil(kib * given['headroom'] / 1024)}Mi"
    assert told == {
        "requests": {"cpu": f"{math.ceil(busy * given['headroom'] / 1000)}m", "memory": memory},
        "limits": {"cpu": str(processes), "memory": memory},
    }


def test_costs_are_those_of_the_guide() -> None:
    """Its program reckons with the numbers that the chart does."""
    guide = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    told: dict[str, Any] = {}
    exec(code.partition("def ")[0], told)
    assert DEFAULTS["headroom"] == told["HEADROOM"]
    assert DEFAULTS["costs"] == {
        "chatMicroseconds": told["CHAT_US"],
        "tokenMicroseconds": told["TOKEN_US"],
        "idleMicrosecondsPerSecond": told["IDLE_US"],
        "processKiB": told["PROCESS_KIB"],
        "serverKiB": told["SERVER_KIB"],
        "connectionKiB": told["CONNECTION_KIB"],
        "recordKiB": told["RECORD_KIB"],
    }
    rows = dict(re.findall(r"^\| (a [^|(]+?)(?: \([^|]*\))? \| (.*?) \|", guide, re.MULTILINE))
    assert rows["a token of a paced stream"] == f"{told['TOKEN_US']} µs of CPU"
    assert rows["a chat, its tokens not counted"] == f"{told['CHAT_US']} µs of CPU"
    process = f"{told['IDLE_US']:,} µs of CPU a second, {told['PROCESS_KIB']:,} KiB"
    assert rows["a process"] == process
    assert rows["a server"] == f"{told['SERVER_KIB']} KiB"
    assert rows["a connection"] == f"{told['CONNECTION_KIB']} KiB"
    assert rows["a record of the journal"] == f"{told['RECORD_KIB']} KiB"


@pytest.mark.skipif(sys.platform == "win32", reason="containers of this image run Linux")
@pytest.mark.parametrize("name", NAMES)
def test_the_program_takes_its_options(name: str, tmp_path: Path) -> None:
    """As they are, but for the ports and the number of servers; and the probes get their answer."""
    (stateful,) = manifests(name, "StatefulSet")
    base = f"{stateful['metadata']['name']}-0"
    args = [each.replace("$(POD)", base) for each in container(name)["args"]]
    config = [each["data"]["fleet.toml"] for each in manifests(name, "ConfigMap")]
    assert bool(config) == any(each.startswith("--config=") for each in args)
    if config:
        path = tmp_path / "fleet.toml"
        text = re.sub(r"^(port|count) = \d+$", r"\1 = 0", config[0], flags=re.MULTILINE)
        path.write_text(text.replace("count = 0", "count = 3"), encoding="utf-8")
        args = [f"--config={path}" if each.startswith("--config=") else each for each in args]
    args = [each for each in args if not each.startswith(("--servers=", "--control-port="))]
    some = [] if config else ["--server-ports", "0,0"]
    command = [sys.executable, "-m", "ollama_simulator", "--control-port", "0", *some, *args]
    running = subprocess.Popen(
        [*command, "--log", "json"],
        env=environment() | {"OLLAMA_SIMULATOR_CONTROL_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        assert all(each["url"].startswith("http://0.0.0.0:") for each in told["servers"])
        control = int(told["control_api"].rpartition(":")[2])
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            get = container(name)[probe]["httpGet"]
            assert get["port"] == "control"
            assert ask(control, "GET", get["path"]).status == 200
        status = 200 if "--open-metrics" in args else 401
        assert ask(control, "GET", "/metrics").status == status
        # By the names of its Service and of its pod, from anywhere in the cluster.
        bearer = f"Bearer {TOKEN}"
        for host in (f"{base}-control", f"{base}-control.tests.svc.cluster.local"):
            headers = {"Host": f"{host}:{CONTROL_PORT}", "Authorization": bearer}
            assert ask(control, "GET", "/status", headers=headers).status == 200
    finally:
        running.terminate()
        running.communicate(timeout=30)
    assert running.returncode == 0
