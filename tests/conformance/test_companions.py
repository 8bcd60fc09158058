"""Every adapter's product that is installed here is started and asked, for real.

None of them must be there: what is not is skipped, by name and with the reason. They are looked
for in PATH, in `.companions` of this repository, and in the folder that the variable `COMPANIONS`
names.
"""

import asyncio
import os
from pathlib import Path

import pytest

from ollama_simulator.clock import WallClock
from ollama_simulator.conformance import scenario
from ollama_simulator.conformance.balancers import adapter
from ollama_simulator.conformance.balancers.adapter import BrokenEnvironment
from ollama_simulator.conformance.balancers.choice import chosen
from ollama_simulator.conformance.balancers.installed import Installed
from ollama_simulator.conformance.player import Game
from ollama_simulator.conformance.report import Result, Verdict
from ollama_simulator.conformance.select import selected
from ollama_simulator.conformance.steadiness import Steadiness
from ollama_simulator.conformance.suite import Suite

CASES = ("basics.relay.openai-stream", "basics.relay.chat-whole")
LOCAL_ONLY = {
    "portkey": "it listens on every interface of this machine",
    "ollama-herd": "it announces itself on the local network",
}
"""What a test must not start unasked, and why. The variable `COMPANIONS` asks."""
FOLDERS = [
    path
    for path in (Path(".companions"), Path(os.environ.get("COMPANIONS", ".companions")))
    if path.is_dir()
]
NAMES = [
    ":".join(filter(None, (name, variant)))
    for name, kind in adapter.known().items()
    if issubclass(kind, Installed)
    for variant in ("", *kind.variants)
]


async def judged(balancer: Installed) -> list[Result]:
    """The verdicts on a balancer, case by case."""
    cases = selected(scenario.known(), CASES)
    async with Steadiness(WallClock()).watching() as steadiness:
        game = Game(balancer, steadiness)
        return await Suite(cases, game, asyncio.Semaphore(2), lambda result: None).run()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
def test_a_sound_fleet_is_reached_through_it(name: str) -> None:
    """It starts with the configuration that it is given, says its version, and passes."""
    if (why := LOCAL_ONLY.get(name)) and "COMPANIONS" not in os.environ:
        pytest.skip(f"{name} is not started unasked: {why}")
    balancer = chosen(name, folders=FOLDERS)
    assert isinstance(balancer, Installed)
    try:
        version = balancer.version()
    except BrokenEnvironment as missing:
        pytest.skip(str(missing))
    assert version[0].isdigit()
    results = asyncio.run(judged(balancer))
    verdicts = {result.verdict for result in results}
    assert verdicts <= {Verdict.PASS, Verdict.SKIPPED}, [result.reasons for result in results]
    assert Verdict.PASS in verdicts
