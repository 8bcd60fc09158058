"""An adapter's way to a product that somebody installed: the finding, the version, the claims.

Rules of this file:

1. A product is found by `--program`, else in PATH, else in the folders of `--programs`. Nothing is
   ever installed, and what isn't there is an error that says how to install it.
2. What a product claims depends on its configuration, so each variant has claims of its own.

It must not import the scenarios.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec

from ollama_simulator.conformance.balancers.adapter import HOST, Balancer, BrokenEnvironment, Setup
from ollama_simulator.conformance.feature import Feature

FOREVER_S = 86_400.0
"""Seconds for "no time limit" where a product has no word for it."""
CONNECT_S = 1.0
"""Seconds within which every product must have connected to a server."""
PARK_S = 5
"""Seconds for which a server that failed is left alone, where that can be set."""
ASKED_S = 20.0
"""Seconds within which a program must have told its version."""

WIRE = frozenset(
    {
        Feature.NATIVE,
        Feature.OPENAI,
        Feature.COMPLETIONS,
        Feature.ANTHROPIC,
        Feature.PASSTHROUGH,
    }
)
"""What a proxy claims that passes on whatever it is asked."""
TIMES = frozenset({Feature.TIMEOUT, Feature.STALL_TIMEOUT})
RETRYING = frozenset({Feature.RETRIES, Feature.RETRIES_SILENT, Feature.RETRIES_5XX})
MARKING = frozenset({Feature.MARKS, Feature.MARKS_5XX})
SHARING = frozenset({Feature.SHARES, Feature.SPREADS, Feature.LEAST_LOADED})
ONE_EACH = frozenset({Feature.EXCLUSIVE, Feature.REFUSES_BUSY})


class Packages(msgspec.Struct, frozen=True):
    """What a product is called by those who install it; empty where it isn't there."""

    apt: str = ""
    """On Debian and Ubuntu."""
    brew: str = ""
    """On macOS."""
    pip: str = ""
    npm: str = ""
    overrides: Mapping[str, str] = {}
    """Versions that npm must take of what that needs."""

    def advice(self, platform: str = sys.platform, has_apt: bool | None = None) -> str:
        """How to install it on a platform, in words."""
        if has_apt is None:
            has_apt = shutil.which("apt-get") is not None
        if self.apt and has_apt:
            return f"install it with `apt-get install {self.apt}`"
        if self.brew and platform == "darwin":
            return f"install it with `brew install {self.brew}`"
        if self.pip:
            name = re.split(r"[=\[]", self.pip)[0]
            folder, scripts = f"companions/{name}", "Scripts" if platform == "win32" else "bin"
            pip = f"{folder}/{scripts}/pip install '{self.pip}'"
            return (
                f"install it with `python3 -m venv {folder} && {pip}`, "
                "and say `--programs companions`"
            )
        if self.npm:
            name, _, version = self.npm.rpartition("@")
            folder = f"companions/{name.lstrip('@').replace('/', '-')}"
            if self.overrides:
                file = json.dumps(
                    {"dependencies": {name: version}, "overrides": dict(self.overrides)}
                )
                return (
                    f"write {file} to {folder}/package.json, install it with "
                    f"`npm install --prefix {folder}`, and say `--programs companions`"
                )
            return (
                f"install it with `npm install --prefix {folder} {self.npm}`, "
                "and say `--programs companions`"
            )
        there = [f"`apt-get install {self.apt}` on Debian and Ubuntu"] if self.apt else []
        there += [f"`brew install {self.brew}` on macOS"] if self.brew else []
        return f"it is installed with {', '.join(there)}; no command is known for this system"


class Installed(Balancer):
    """A product that is installed, or not."""

    product: ClassVar[str]
    """How its makers call it."""
    programs: ClassVar[tuple[str, ...]]
    """What its program may be called; or the path of a script, in a folder `node_modules`."""
    packages: ClassVar[Packages]
    version_words: ClassVar[tuple[str, ...]] = ("--version",)
    version_form: ClassVar[str] = r"(\d+\.\d+[\w.+~-]*)"
    """Where what it then prints has the version, as a pattern with a group."""
    claims: ClassVar[Mapping[str, frozenset[Feature]]]
    """By variant, the first of which is empty."""

    def __init__(
        self, variant: str = "", program: str | None = None, folders: Sequence[Path] = ()
    ) -> None:
        """`program` is the path of its program, if it is told; `folders` hold virtual
        environments and npm's folders in which it may be."""
        self.variant = variant
        self.features = self.claims[variant]
        self.program = program
        self.folders = tuple(folders)
        self._version: str | None = None
        self._found: str | None = None

    @property
    def path(self) -> str:
        """Its program. Raises `BrokenEnvironment` if there is none."""
        if self._found is None:
            self._found = self.find()
        return self._found

    def find(self) -> str:
        """Look for its program. Raises `BrokenEnvironment` if it isn't there."""
        if self.program is not None:
            if not Path(self.program).is_file():
                raise BrokenEnvironment(f"--program {self.program}: there is no such file")
            return self.program
        unfit: list[str] = []
        for path in self.candidates():
            if not (wrong := self.unfit(path)):
                return path
            unfit.append(f"{path} {wrong}")
        where = ["PATH", *(str(folder) for folder in self.folders)]
        missing = f"{self.product} is not there ({self.programs[0]} in {', '.join(where)})"
        found = "".join(f"; {each}" for each in unfit)
        raise BrokenEnvironment(f"{missing}{found}; {self.packages.advice()}")

    def candidates(self) -> Iterator[str]:
        """Where it may be, as far as there is something."""
        for name in self.programs:
            if "/" not in name:
                found = shutil.which(name)
                if found is None and sys.platform != "win32":
                    # Debian keeps some servers where only root looks.
                    found = shutil.which(name, path="/usr/sbin:/usr/local/sbin")
                if found is not None:
                    yield found
        for folder in self.folders:
            for name in self.programs:
                deep = "node_modules" if "/" in name else "bin"
                for path in (*sorted(folder.glob(f"*/{deep}/{name}")), folder / deep / name):
                    if path.is_file():
                        yield str(path.resolve().parent / path.name)

    def unfit(self, path: str) -> str:
        """Why a program of the right name is not the one that is meant; empty if it is."""
        return ""

    def version(self) -> str:
        """What its program says, asked once."""
        if self._version is None:
            self._version = self.version_of(self.path)
        return self._version

    def version_of(self, path: str) -> str:
        """What a program says of its version. Raises `BrokenEnvironment` if it doesn't."""
        said = said_by([*self.runner(), path, *self.version_words])
        found = re.search(self.version_form, said)
        if found is None:
            raise BrokenEnvironment(f"{path} does not tell its version: it said {said[:200]!r}")
        return found.group(1)

    def runner(self) -> list[str]:
        """What runs its program, if it doesn't run by itself."""
        return []


def package_version(path: str, package: str) -> str | None:
    """The version of a package of Python, by the environment that a script of it is in."""
    name = package.replace("-", "_")
    root = Path(path).parent.parent
    for packages in (*root.glob("lib/python*/site-packages"), root / "Lib/site-packages"):
        for found in packages.glob(f"{name}-*.dist-info"):
            return found.name.removeprefix(f"{name}-").removesuffix(".dist-info")
    return None


def said_by(command: Sequence[str]) -> str:
    """What a command prints. Raises `BrokenEnvironment` if it can't be run, or doesn't end."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=ASKED_S,
            check=False,
        )
    except OSError as error:
        raise BrokenEnvironment(f"can't start {command[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise BrokenEnvironment(f"{' '.join(command)} did not end within {ASKED_S:g} s") from None
    return done.stdout.decode("utf-8", "replace")


def addresses(setup: Setup) -> list[str]:
    """The servers, as `127.0.0.1:PORT`."""
    return [f"{HOST}:{port}" for port in setup.servers]


def silence(setup: Setup) -> float:
    """The longest silence of a server in seconds, for products that must have a number."""
    return setup.timeout or FOREVER_S


def as_root() -> bool:
    """Whether we run as root: some products give that up unless they are told not to."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
