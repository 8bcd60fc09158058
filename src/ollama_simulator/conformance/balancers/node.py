"""What adapters of npm's packages share: they are scripts, run by Node.

It must not import the scenarios.
"""

import json
import shutil
from pathlib import Path

from ollama_simulator.conformance.balancers.adapter import BrokenEnvironment
from ollama_simulator.conformance.balancers.installed import Installed


class Script(Installed):
    """A package of npm. `programs` is the path of its script, below `node_modules`."""

    def runner(self) -> list[str]:
        """Node. Raises `BrokenEnvironment` if it isn't there."""
        node = shutil.which("node")
        if node is None:
            raise BrokenEnvironment(f"{self.product} needs Node.js, and there is no `node` in PATH")
        return [node]

    def version_of(self, path: str) -> str:
        """That of its package, which stands in a file above the script."""
        for folder in Path(path).parents:
            about = folder / "package.json"
            if about.is_file():
                return str(json.loads(about.read_text("utf-8")).get("version", "unknown"))
        return "unknown"
