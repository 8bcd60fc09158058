"""The adapter of redbird, as typical of what is built on http-proxy of Node.

Known bad company: no health checks, no time limits, no second try; and a client that leaves is
told to nobody.

It must not import the scenarios.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from ollama_simulator.conformance.balancers.adapter import HOST, Place, Setup, register
from ollama_simulator.conformance.balancers.installed import WIRE, Packages, addresses
from ollama_simulator.conformance.balancers.node import Script
from ollama_simulator.conformance.feature import Feature

CLAIMS = {"": WIRE | {Feature.SHARES, Feature.SPREADS}}


@register
class Redbird(Script):
    """redbird, from a script of a few lines."""

    name = "redbird"
    product = "redbird"
    programs = ("redbird/dist/index.js",)
    packages = Packages(npm="redbird@1.0.2")
    claims = CLAIMS
    home = "redbird (npm)"
    ready_s = 30.0

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """The script, which its users write."""
        path = place.folder / "proxy.mjs"
        path.write_text(script(self.path, setup, place.port), "utf-8")
        return [[*self.runner(), str(path)]]

    def configuration(self, place: Place, commands: Iterable[Iterable[str]]) -> str:
        """Without the place where a machine keeps the library."""
        folder = Path(self.path).as_uri().removesuffix(f"node_modules/{self.programs[0]}")
        return super().configuration(place, commands).replace(folder, "./")


def script(library: str, setup: Setup, port: int) -> str:
    """What its users write."""
    routes = "".join(f'proxy.register("{HOST}", "http://{each}");\n' for each in addresses(setup))
    return (
        f'import {{ Redbird }} from "{Path(library).as_uri()}";\n'
        f"const proxy = new Redbird({json.dumps({'port': port, 'host': HOST})});\n{routes}"
    )
