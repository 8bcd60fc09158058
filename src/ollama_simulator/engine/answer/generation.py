"""One generation in progress: when its tokens are due, what they come to, what they have cost.

Source: native specification 5.4, 5.6 and 5.7; seed facts, "KV cache and tokens".

Rules of this file:

1. Deadlines are absolute: token k is due k / rate after the prompt was evaluated, however late
   token k-1 was. Where a script tells the gap between tokens, the first has none before it, and
   the end comes after two, as in the recordings.
2. The cache holds what was really evaluated and generated.
3. It never waits: whoever has it does.

It must not import anything but layer 0 and its own package.
"""

import math
from collections.abc import Iterator, Sequence

from ollama_simulator import records
from ollama_simulator.engine import schema
from ollama_simulator.engine.answer import unscripted
from ollama_simulator.engine.answer.bounds import untold
from ollama_simulator.engine.answer.failures import Failures
from ollama_simulator.engine.answer.meter import Meter
from ollama_simulator.engine.answer.output import End, Failure, Kind, Output, Pause, Piece
from ollama_simulator.engine.answer.outputs import outputs
from ollama_simulator.engine.answer.parsers.parsed import Unparsable
from ollama_simulator.engine.answer.paths import way
from ollama_simulator.engine.answer.task import Task
from ollama_simulator.engine.caching.tokens import Words
from ollama_simulator.engine.lease import Lease
from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.engine.render import window
from ollama_simulator.engine.render.tokens import tokens
from ollama_simulator.engine.seat import Seat, Visit
from ollama_simulator.engine.text import questions, retokenized
from ollama_simulator.model import Abandoned, Done, Origin, Quiet, Refusal, Token, Usage

REPLY = "<|assistant|>"
"""What stands in the cache between a prompt and its answer."""
TIMER_S = 1e-6
"""Seconds that a runner's timer tells at least: a real one never says that a prompt took none."""


class Run:
    """A generation that holds a slot. Its times are those of the machine's clock."""

    def __init__(
        self, machine: Machine, task: Task, call: Call, lease: Lease, started: float
    ) -> None:
        """`started` is when its request came."""
        self._machine = machine
        self._task = task
        self._call = call
        self._lease = lease
        self._started = started
        self._failures = Failures(task.wire, machine.ids, chats=task.chats)
        self._way = way(task, machine.ids)
        self.lines = self._way.lines
        """Where its pieces become lines."""
        self.switches = self._way.switches
        """Whether a second pass may have to follow."""
        script = task.script
        gap_ms = script.gap_ms if script is not None else None
        self._scripted_gap = gap_ms is not None
        self._before = 0 if self._scripted_gap else 1
        """How many gaps come before the first token."""
        self._rates = call.pace.rates(lease.profile)
        self._rate = self._rates.decode_tps
        if gap_ms is not None:
            self._rate = 1000 / gap_ms if gap_ms else math.inf
        self._told: list[str] = []
        self.meter = Meter(call.see, task.model.name, started)
        self.count = 0
        """Tokens that were said."""
        self._begun = False
        """Whether the runner has told anything, in any pass."""
        self._first = 0.0
        """What the deadlines are counted from."""
        self._last = 0.0
        self._paused = 0.0
        self._prompt_s = 0.0
        self._full = False
        """Whether the answer ended at its limit."""
        self._evaluated = False
        self._seat: Seat
        self._engine = machine.settings.engine
        self._remembers = task.job.uses_cache or machine.settings.all_remember
        self._prompt = Words(task.prompt.tokens)

    def check(self, *, again: bool) -> None:
        """Raise `Refusal` for a format that can't be obeyed, in the pass that has to obey it."""
        if self._task.format is not None and (again or not self._way.two_passes):
            schema.check(self._task.format)

    # --- the prompt -----------------------------------------------------------------------------

    @property
    def visit(self) -> Visit:
        """What it wants of a slot."""
        task = self._task
        return Visit(
            len(task.prompt.tokens),
            self._prompt if self._remembers else None,
            turns=questions(self._prompt.words) if task.path == "native" else (),
            kept=window.kept(
                task.model, task.job, len(task.prompt.tokens), self._lease.runner.context
            ),
        )

    def sits(self, seat: Seat) -> None:
        """It has got its slot."""
        self._seat = seat

    def reads(self, *, again: bool) -> float:
        """Begin with the prompt, for the first or the second pass. When it may have been read: the
        machine may take longer."""
        script, now = self._task.script, self._machine.clock.now()
        unread = len(self._task.prompt.tokens) - self._seat.cached
        if again:
            unread = self.count
            self._seat.read_again(unread)
        self._prompt_s = unread / self._rates.prefill_tps
        wait = self._prompt_s
        if script is not None and script.prompt_ms is not None:
            wait = script.prompt_ms / 1000
            # However fast a runner is, reading takes it some time, and a zero would not be told.
            self._prompt_s = wait or len(self._task.prompt.tokens) / self._rates.prefill_tps
        self._first = self._last = now + wait
        self.count = 0
        self._paused = 0.0
        return self._first

    def evaluated(self, *, again: bool) -> None:
        """The prompt is read. Raises `Refusal` if the runner won't answer it."""
        script = self._task.script
        self._first = self._last = max(self._first, self._seat.time_of(0))
        self._prompt_s = max(self._prompt_s, self._seat.reading_s)
        if script is not None and script.refuse is not None:
            raise Refusal(script.refuse.status, script.refuse.body, Origin.RUNNER)
        if again:
            self.check(again=True)
            return
        self._evaluated = True
        self._call.see(
            records.Evaluated,
            prompt=len(self._task.prompt.tokens),
            cached=self._seat.cached,
            seconds=self._prompt_s,
        )

    # --- the answer -----------------------------------------------------------------------------

    def outputs(self, *, again: bool) -> Iterator[Output]:
        """What the runner puts out in the first or the second pass."""
        seed, pace = self._machine.seed, self._call.pace.tokens
        said = outputs(self._task, self._way, seed, pace, again=again)
        return untold(said, self._task.script) if self._engine == "legacy" else said

    @property
    def flows(self) -> bool:
        """Whether its tokens can be a flow: they don't depend on when they are asked for."""
        script = self._task.script
        if self.switches or self._task.job.logprobs or (script and script.answer is not None):
            return False
        return self._seat.timeless or math.isinf(self._rate)

    def token(self, output: Output) -> int:
        """The token of the machine that an output has to wait for."""
        if isinstance(output, Pause | End) or (isinstance(output, Piece) and not output.tokens):
            return self.count
        return self.count + 1

    def due(self, output: Output) -> float:
        """When an output comes, its token being made."""
        if isinstance(output, Pause):
            self._first += output.seconds
            self._last += output.seconds
            self._paused += output.seconds
        elif isinstance(output, End):
            if self._scripted_gap:
                self._last = self._first + (self.count + 1) / self._rate
        elif not isinstance(output, Piece) or output.tokens:
            self._last = self.pace(0)
            if not self._seat.timeless:
                self._last = max(self._last, self._seat.time_of(self.count + 1))
        return self._last

    def pace(self, ahead: int) -> float:
        """When the pace allows the next token, or one so many tokens behind it."""
        return self._first + (self.count + ahead + self._before) / self._rate

    def paces(self, count: int) -> list[float]:
        """The same for so many tokens from the next one on."""
        first, rate, begin = self._first, self._rate, self.count + self._before
        return [first + number / rate for number in range(begin, begin + count)]

    def told(self, words: Sequence[str], last: float) -> None:
        """What pieces of one token tell was said as a flow, the last of them due at a moment."""
        if words:
            self.count += len(words)
            self._told += words
            self._last = last

    def unsayable(self, wrong: Unparsable) -> Refusal:
        """What becomes of an answer that can't be split."""
        return Refusal(500, str(wrong), Origin.RUNNER)

    def says(self, output: Output, now: float) -> Token | Quiet | Done | None:
        """What an output comes to. Raises `Refusal` if the answer fails."""
        if isinstance(output, Piece):
            self._begun = True
            if output.tokens:
                self.count += output.tokens
                self.meter.tokens(output.tokens, now)
            self._told.append(output.thinking + output.text)
            try:
                return self.lines.say(self._wanted(output) if output.logprobs else output)
            except Unparsable as wrong:
                raise self.unsayable(wrong) from None
        if isinstance(output, Failure):
            if output.kind is Kind.CRASH:
                self._lease.crash(output.text)
            raise self._failures.refusal(output, begun=self._begun)
        if isinstance(output, End):
            self._seat.end(self.count)
            self._full = output.reason == "length"
            if output.reason is not None:
                return self._done(output.reason, output)
        return None

    def _wanted(self, piece: Piece) -> Piece:
        """A piece without the log probabilities that nobody wants."""
        job = self._task.job
        if job.logprobs and job.top_logprobs:
            return piece
        return unscripted.without(piece, all_of_them=not job.logprobs)

    @property
    def switched(self) -> bool:
        """Whether the second pass of a formatted answer is to begin."""
        return self.lines.switched

    @property
    def abandoned(self) -> Abandoned:
        """What is told to a client that left."""
        return Abandoned(500, self._failures.canceled, Origin.RUNNER)

    def stalled(self, seconds: float) -> None:
        """The reader took so long for a token that the others come later."""
        self._first += seconds
        self._seat.stalled()

    # --- the end --------------------------------------------------------------------------------

    def _done(self, reason: str, end: End) -> Done | None:
        """The last line; None if its text is what begins the second pass."""
        switched = self.switched
        self.count += end.last.tokens
        self._told += filter(None, (end.last.thinking, end.last.text))
        try:
            text, thinking, calls = self.lines.end(end.last)
        except Unparsable as wrong:
            raise Refusal(500, str(wrong), Origin.RUNNER) from None
        if self.switched and not switched:
            return None
        task, prompt = self._task, self._task.prompt
        made = self.count if end.tokens is None else end.tokens
        generation_s = self._last - self._first + self._paused
        if not generation_s and made:
            generation_s = made / self._rates.decode_tps
        generation_s = max(generation_s - self._lease.sampling_s * (self.count - 1), 0.0)
        usage = Usage(
            total_s=self._machine.clock.now() - self._started,
            load_s=self._lease.load_s,
            prompt_tokens=len(prompt.tokens) if end.prompt_tokens is None else end.prompt_tokens,
            prompt_s=max(self._prompt_s, TIMER_S) if end.prompt_s is None else end.prompt_s,
            tokens=made,
            generation_s=generation_s if end.generation_s is None else end.generation_s,
        )
        context: tuple[int, ...] = ()
        if task.job.kind == "generate" and not task.job.raw:
            context = tokens(task.model, prompt.text + "".join(self._told))
        return Done(reason, usage, text, thinking, calls, context=context)

    def leaves(self) -> None:
        """Tell the slot what was evaluated and generated, however the answer ended."""
        self.meter.done()
        if not self._remembers:
            return
        if self._evaluated:
            reply = [REPLY, *retokenized(self._told)]
            # The token that was drawn last is never fed back, unless it ends the answer.
            unfed = self._full and self._engine == "current"
            self._seat.keep(Words(reply[:-1] if unfed else reply))
            return
        late = self._first - self._machine.clock.now()
        uncached = len(self._prompt) - self._seat.cached
        unread = min(late * self._rates.prefill_tps + 0.5, uncached) if late > 0 else 0
        self._seat.keep(Words(), round(unread))
