"""The recipe: what is asked in which order, and what it shows.

Source: engine model, 2.4; its steps are those named in comments.

Rules of this file:

1. It changes nothing on the server but which model is loaded, and asks for nothing that a user
   couldn't: about forty requests, most of them small.
2. Nothing is concluded here but what has to be asked next.

It must not import the fitting.
"""

import asyncio
import itertools
import statistics

from ollama_simulator.calibrate import facts
from ollama_simulator.calibrate.bench import FEW, Bench, Tell, together
from ollama_simulator.calibrate.findings import (
    About,
    Copied,
    Findings,
    Interrupted,
    Prompted,
    Stream,
)
from ollama_simulator.calibrate.overlap import overlap
from ollama_simulator.calibrate.server import Answer, Failed, Server

CONTEXT = 18_432
"""Tokens of context, for prompts of 16,384 and what is behind them."""
SMALL_CONTEXT = 2_048
LEAST_CONTEXT = 4_096
"""With less no prompt is long."""
TOKENS = 128
"""Of an answer whose gaps count."""
FEW_TOKENS = 48
"""The same where one takes longer than `SLOW_S`."""
SLOW_S = 0.1
LONGEST_S = 60.0
"""How long a prompt may take to be read, about."""
BUSY_S = 2.0
"""How long a request may wait for a model that is loaded."""
SLOTS = 4
"""How many answers are asked for at a time."""
BEGUN = 8
"""Pieces of an answer after which a prompt comes beside it."""
HIT = 0.5
"""What part of its first time a prompt takes at most that is still there."""


async def measure(
    server: Server,
    model: str,
    nonce: str,
    tell: Tell,
    *,
    engine: str | None = None,
    context: int | None = None,
) -> Findings:
    """Ask a server about itself until all is known that it shows.

    `engine` goes before what its version says. `context` is what is asked for, in tokens; None for
    enough. Raises `Failed`.
    """
    about = await facts.about(server, model, engine)
    tell(f"{about.model} on Ollama {about.version}, engine {about.engine}")
    wanted = context or CONTEXT
    if about.context_length:
        wanted = min(wanted, about.context_length)
    if wanted < LEAST_CONTEXT:
        raise Failed(f"{wanted:,} tokens of context are too few: it takes {LEAST_CONTEXT:,}")
    return await _Recipe(server, about, nonce, wanted, tell).follow()


class _Recipe:
    def __init__(self, server: Server, about: About, nonce: str, context: int, tell: Tell) -> None:
        self._bench = Bench(server, about, nonce, context, tell)
        self._tell = tell
        self._tokens = TOKENS
        self._sizes: dict[int, int] = {}
        """Bytes in memory by context."""

    async def follow(self) -> Findings:
        """All steps."""
        bench, tell = self._bench, self._tell
        cold_s, warm_s = await self._loads()
        await self._learn()
        tell("a request by itself")
        request = await self._request()
        tell("a short answer")
        shallow = await bench.middle("a short answer", self._answer, _gap)
        tell("a prompt")
        most = bench.context * 7 // 8
        short = await bench.middle("a prompt", lambda: self._prompt(most // 8, 1), _prompt_s)
        count = _affordable(most, short)
        tell(f"a prompt of about {count:,} tokens, and an answer behind it")
        texts: list[str] = []
        long = await bench.middle(
            "a long prompt", lambda: self._prompt(count, self._tokens, texts), _prompt_s
        )
        again = await bench.ask(texts[-1], 1)
        crowds, slots = await self._crowds()
        interrupted = await self._interrupted(count // 2) if slots > 1 else None
        remembers, copied = await self._come_back(count // 4, slots)
        return Findings(
            about=bench.about,
            context=bench.context,
            cold_s=cold_s,
            warm_s=warm_s,
            request_s=request.before_s,
            long_request=_waited(again),
            short=_prompted(short),
            long=_prompted(long),
            shallow=Stream(shallow.gap, 1, shallow.depth),
            deep=Stream(long.gap, 1, long.depth),
            crowds=crowds,
            slots=slots,
            interrupted=interrupted,
            remembers=remembers,
            repeated=_prompted(again),
            copied=copied,
            kv_bytes_per_token=self._kv_bytes(slots),
            unsteady=tuple(bench.unsteady),
        )

    # --- step 1 ---------------------------------------------------------------------------------

    async def _loads(self) -> tuple[float, float]:
        """Two loads, the second out of the page cache, and with the context for the rest."""
        bench, wanted = self._bench, self._bench.context
        bench.context = SMALL_CONTEXT
        self._tell("loading the model")
        cold_s = await bench.load()
        await self._look()
        bench.context = wanted
        while True:
            self._tell(f"loading it with {bench.context:,} tokens of context")
            warm_s = await bench.load()
            if not await self._look() or bench.context // 2 < LEAST_CONTEXT:
                return cold_s, warm_s
            bench.context //= 2
            self._tell("it does not fit on the GPU so")

    async def _look(self) -> bool:
        """Note how much memory the model takes. Returns whether not all is on the GPU."""
        model = await facts.loaded(self._bench.server, self._bench.about.model)
        if model is None:
            raise Failed(
                f"{self._bench.about.model} is not in memory right after an answer: others use "
                "the server"
            )
        self._sizes[self._bench.context] = model.size
        return model.spills

    def _kv_bytes(self, slots: int) -> int:
        small, large = SMALL_CONTEXT, self._bench.context
        grown = self._sizes[large] - self._sizes[small]
        return max(round(grown / (large - small) / slots), 0)

    # --- steps 2 to 4 and 8 ---------------------------------------------------------------------

    async def _learn(self) -> None:
        """How many tokens a word has, and how fast answers are. The first ones don't count."""
        bench = self._bench
        few = await bench.settle()
        many = await bench.ask(bench.texts.words(10 * FEW), 1)
        bench.texts.learn(9 * FEW, max(many.prompt_tokens - few.prompt_tokens, 1))
        if (await bench.ask(bench.texts.tokens(80), 8)).gap > SLOW_S:
            self._tokens = FEW_TOKENS

    async def _request(self) -> Answer:
        """The same small prompt again and again: nothing is to be read, copied or loaded."""
        bench = self._bench
        text = bench.texts.words(FEW)
        await bench.ask(text, 1)
        answer = await bench.middle("a request", lambda: bench.ask(text, 1), _before_s)
        if answer.before_s > BUSY_S:
            raise Failed(
                f"the server is too busy to be measured: a request waited {answer.before_s:.1f} s "
                "for a model that is loaded"
            )
        return answer

    async def _answer(self) -> Answer:
        return await self._bench.ask(self._bench.texts.tokens(80), self._tokens)

    async def _prompt(self, count: int, tokens: int, texts: list[str] | None = None) -> Answer:
        await self._bench.settle()
        text = self._bench.texts.tokens(count)
        if texts is not None:
            texts.append(text)
        return await self._bench.ask(text, tokens)

    # --- steps 5 and 6 --------------------------------------------------------------------------

    async def _crowds(self) -> tuple[tuple[Stream, ...], int]:
        """Two and four answers at a time, and how many of them there really were."""
        found: list[Stream] = []
        for count in (2, SLOTS):
            self._tell(f"{count} answers at a time")
            crowd = overlap(await self._bench.at_once(count, self._tokens))
            if crowd is None or (found and crowd.slots <= found[-1].slots):
                break
            found.append(crowd)
        return tuple(found), found[-1].slots if found else 1

    async def _interrupted(self, count: int) -> Interrupted | None:
        """An answer, and a prompt beside it."""
        bench, begun = self._bench, asyncio.Event()
        self._tell("an answer, and a prompt beside it")

        def heard(pieces: int) -> None:
            if pieces >= BEGUN:
                begun.set()

        async def beside() -> Answer:
            await begun.wait()
            return await bench.ask(bench.texts.tokens(count), 1)

        async def first() -> Answer:
            try:
                return await bench.ask(bench.texts.tokens(80), 2 * self._tokens, heard)
            finally:
                begun.set()

        await bench.settle()
        answer, prompt = await together(first(), beside())
        end = prompt.pieces[0]
        inside = [t for t in answer.pieces if end - prompt.prompt_s <= t <= end + 1e-6]
        if len(inside) < 3:
            return None
        gaps = [later - t for t, later in itertools.pairwise(inside)]
        depth = answer.prompt_tokens + BEGUN + len(inside) / 2
        return Interrupted(statistics.median(gaps), depth, prompt.prompt_tokens)

    # --- step 7 ---------------------------------------------------------------------------------

    async def _come_back(self, count: int, slots: int) -> tuple[bool, Copied | None]:
        """A prompt, another one, and the first again."""
        bench = self._bench
        self._tell("a prompt, another one, and the first again")
        text, other = bench.texts.tokens(count), bench.texts.tokens(count)
        await bench.settle()
        first = await bench.ask(text, 1)
        between = await bench.ask(other, 1)
        again = await bench.ask(text, 1)
        if again.prompt_s > HIT * first.prompt_s:
            return False, None
        if bench.about.engine != "current":
            return True, None
        # The other prompt was saved. Where there is but one slot, the first one was restored, too.
        moved = between.prompt_tokens + (again.prompt_tokens if slots == 1 else 0)
        return True, Copied(moved, _waited(again))


def _affordable(most: int, short: Answer) -> int:
    """Tokens of the longest prompt that is read in reasonable time."""
    # Longer ones are slower, how much isn't known yet.
    rate = short.prompt_tokens / short.prompt_s / 1.5
    return max(min(most, int(LONGEST_S * rate)), 2 * short.prompt_tokens)


def _gap(answer: Answer) -> float:
    return answer.gap


def _before_s(answer: Answer) -> float:
    return answer.before_s


def _prompt_s(answer: Answer) -> float:
    return answer.prompt_s


def _prompted(answer: Answer) -> Prompted:
    return Prompted(answer.prompt_tokens, answer.prompt_s)


def _waited(answer: Answer) -> Prompted:
    return Prompted(answer.prompt_tokens, answer.before_s)
