"""One model on one server: prompts it has never seen, and the pauses between them.

Source: engine model, 1.4 and 2.4.

Rules of this file:

1. A slot that holds much costs the next request, where it is saved first. So what holds little is
   asked before every prompt whose time counts.
2. What is asked for once takes as long as it takes; what was quick is asked for three times, and
   the middle one counts.

It must not import the recipe.
"""

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from typing import Any

from ollama_simulator.calibrate import facts
from ollama_simulator.calibrate.findings import About
from ollama_simulator.calibrate.server import Answer, Failed, Server
from ollama_simulator.calibrate.texts import Texts

Tell = Callable[[str], None]
"""Takes a line about how it goes."""

TIMES = 3
LONG_S = 20.0
"""What took longer is not asked for again."""
UNSTEADY = 0.1
"""How far two times of the same may be apart, as a share of the middle one."""
UNLOAD_S = 30.0
"""How long a model may take to leave memory."""
POLL_S = 0.25
FEW = 20
"""Words of a prompt that holds little."""


class Bench:
    """Asks a model."""

    def __init__(self, server: Server, about: About, nonce: str, context: int, tell: Tell) -> None:
        self.server = server
        self.about = about
        self.context = context
        """Tokens of context that every request asks for."""
        self.texts = Texts(nonce)
        self.tell = tell
        self.unsteady: list[str] = []

    async def ask(
        self, prompt: str, tokens: int, heard: Callable[[int], None] | None = None
    ) -> Answer:
        """Have a prompt answered with so many tokens. Raises `Failed`."""
        body: dict[str, Any] = {
            "model": self.about.model,
            "prompt": prompt,
            "raw": True,
            "options": {"temperature": 0, "num_predict": tokens, "num_ctx": self.context},
        }
        if self.about.thinks:
            body["think"] = False
        answer = await self.server.generate(body, heard)
        if len(answer.pieces) < min(tokens, 2):
            raise Failed(
                f"{self.about.model} answered with {len(answer.pieces)} pieces of text where "
                f"{tokens} tokens were asked for: there is nothing to measure"
            )
        return answer

    async def settle(self) -> Answer:
        """Have a slot hold little, and the others saved if they ever are."""
        return await self.ask(self.texts.words(FEW), 1)

    async def middle(
        self, what: str, ask: Callable[[], Awaitable[Answer]], of: Callable[[Answer], float]
    ) -> Answer:
        """Ask several times for the same, and take the answer whose number is the middle one."""
        answers: list[Answer] = []
        while len(answers) < TIMES:
            began = self.server.clock.now()
            answers.append(await ask())
            if self.server.clock.now() - began > LONG_S:
                break
        answers.sort(key=of)
        numbers = [of(answer) for answer in answers]
        middle = statistics.median_low(numbers)
        if middle > 0 and numbers[-1] - numbers[0] > UNSTEADY * middle:
            shown = ", ".join(f"{number * 1000:,.1f}" for number in numbers)
            self.unsteady.append(f"{what}: {shown} ms")
        return answers[(len(answers) - 1) // 2]

    async def at_once(self, count: int, tokens: int) -> list[Answer]:
        """So many answers at a time. Raises `Failed`."""
        return await together(*(self.ask(self.texts.tokens(80), tokens) for _ in range(count)))

    async def load(self) -> float:
        """Unload the model if it is loaded, and load it. Returns how long it takes."""
        clock, name = self.server.clock, self.about.model
        await self.server.tell(
            dict[str, Any], "POST", "/api/generate", {"model": name, "keep_alive": 0}
        )
        until = clock.now() + UNLOAD_S
        while await facts.loaded(self.server, name) is not None:
            if clock.now() > until:
                raise Failed(
                    f"{name} is still in memory {UNLOAD_S:g} s after it was to be unloaded: "
                    "somebody else uses it"
                )
            await clock.sleep_until(clock.now() + POLL_S)
        return (await self.settle()).load_s


async def together(*asked: Awaitable[Any]) -> list[Any]:
    """Wait for all of them. Raises the first `Failed` of them."""

    async def safely(each: Awaitable[Any]) -> Any:
        try:
            return await each
        except Failed as failed:
            return failed

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(safely(each)) for each in asked]
    results = [task.result() for task in tasks]
    for result in results:
        if isinstance(result, Failed):
            raise result
    return results
