"""A user of Locust who plays a workload: for a load that takes more than one machine.

A locustfile is one line: `from ollama_simulator.load.locust_user import WorkloadUser`.

Rules of this file:

1. The workers of a play share its sessions in the order in which the master lists them, so that
   all together play the same ones as `load_balancer_test load` would.
2. Locust's users are those of a closed loop. In an open loop they are the places in flight: a
   session that finds all of them taken waits at our expense.
3. Each answer is an event of Locust of the kind `POST`, its first token one of the kind `TTFT`,
   each gap one of the kind `GAP`. Waits are counted from when a request was due.
4. What Locust's statistics can't tell (goodput, exact percentiles) is summed up in tallies, which
   workers send with Locust's own reports.

It must not import the player. Nothing but a locustfile may import it: Locust changes the whole
process.
"""

from argparse import Namespace
from pathlib import Path
from typing import Any, ClassVar

import gevent
import msgspec
from locust import User, constant, events, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from ollama_simulator.clock import WallClock
from ollama_simulator.load import report
from ollama_simulator.load.answer import Answer
from ollama_simulator.load.blocking import BlockingAsker
from ollama_simulator.load.conversation import Conversation
from ollama_simulator.load.dialects import DIALECTS, Question
from ollama_simulator.load.document import TOO_LATE_S, document
from ollama_simulator.load.locust_options import Options, add_options, read_options
from ollama_simulator.load.sample import Sample
from ollama_simulator.load.share import Share
from ollama_simulator.load.tally import Packed, Tally
from ollama_simulator.load.target import BadTarget, Target
from ollama_simulator.workload.session import BadWorkload, Session

OVER = "workload-over"
"""What a worker tells the master when it has nothing left to play."""
TALLY = "workload"
"""Where a worker's report to the master has its tally."""


class Play:
    """What the users of one process share."""

    def __init__(self, environment: Environment) -> None:
        """Raises `BadTarget` and `BadWorkload`."""
        self.environment = environment
        self.options = read_options(environment.parsed_options or Namespace())
        self.options.check()
        target = Target.parse(environment.host or "", tuple(self.options.header))
        traffic = self.options.traffic()
        part, parts = _place(environment, self.options)
        self.ask = BlockingAsker(target, DIALECTS[self.options.api], self.options.timeout)
        self.share = Share(traffic, part, parts, self.options.requests)
        self.tally = Tally(self.options.limits)
        self.users = 0
        """Those who have not stopped."""
        self._clock = WallClock()
        self._start = self._clock.now()

    def now(self) -> float:
        """Seconds since the beginning."""
        return self._clock.now() - self._start

    @property
    def over(self) -> bool:
        """Whether there is nothing left to play, here or on the workers."""
        workers = self.options.workload_workers
        return Running.over >= set(workers) if workers else self.share.over

    def take_tally(self) -> Tally:
        """All that was counted since the last time."""
        tally, self.tally = self.tally, Tally(self.options.limits)
        return tally

    def leave(self) -> None:
        """A user stops. The last one tells, if there is nothing left for anybody."""
        self.users -= 1
        if self.users or not self.share.over:
            return
        if isinstance(self.environment.runner, WorkerRunner):
            self.environment.runner.send_message(OVER)
        else:
            gevent.spawn(_end, self.environment)


def _place(environment: Environment, options: Options) -> tuple[int, int]:
    """Which part this process plays, and of how many."""
    if not isinstance(environment.runner, WorkerRunner):
        return 0, 1
    workers = options.workload_workers
    if environment.runner.client_id not in workers:
        raise BadWorkload("this worker came after the play had begun; it plays in the next one")
    return workers.index(environment.runner.client_id), len(workers)


class Running:
    """The play that this process is in, and on a master what all of them counted."""

    play: ClassVar[Play | None] = None
    tally: ClassVar[Tally] = Tally()
    over: ClassVar[set[str]] = set()
    """The workers that have nothing left to play."""


class WorkloadUser(User):
    """Plays one session after the other."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Begin. Where nothing can be played, that was said already."""
        self._free = 0.0
        self._play = Running.play
        if self._play is not None:
            self._play.users += 1

    def on_stop(self) -> None:
        """End, whatever the reason."""
        if self._play is not None:
            self._play.leave()

    @task
    def session(self) -> None:
        """The next session that nobody has taken yet."""
        play = self._play
        session = play.share.take() if play is not None else None
        if play is None or session is None:
            raise StopUser
        closed = play.share.users is not None
        due = self._free + session.turns[0].think_s if closed else session.at or 0.0
        if play.now() - due > TOO_LATE_S:
            play.tally.held_back += 1
        self._converse(play, session, due)
        self._free = play.now()

    def _converse(self, play: Play, session: Session, due: float) -> None:
        conversation = Conversation(session, play.options.model, play.options.nonce)
        for number, turn in enumerate(session.turns):
            if play.share.spent:
                return
            if number:
                due = play.now() + turn.think_s
            question = conversation.ask()
            gevent.sleep(max(0.0, due - play.now()))
            if not play.share.begin():
                return
            answer = Answer(play.ask.dialect, play.now, due)
            sample = self._one(play, question, answer, session.number, number)
            if sample.error is not None:
                play.tally.not_asked += len(session.turns) - number - 1
                return
            conversation.hear(answer.texts, answer.thoughts)

    def _one(
        self, play: Play, question: Question, answer: Answer, session: int, turn: int
    ) -> Sample:
        try:
            play.ask(question, answer)
        except gevent.GreenletExit:
            play.tally.unfinished += 1
            raise
        sample = answer.sample(session, turn)
        play.tally.add(sample)
        error = None if sample.error is None else RequestFailed(sample.error)
        self._tell("POST", play, sample.end_to_end, answer.size, error)
        if sample.ttft is not None:
            self._tell("TTFT", play, sample.ttft)
        for gap in sample.gaps:
            self._tell("GAP", play, gap)
        return sample

    def _tell(
        self, kind: str, play: Play, seconds: float, size: int = 0, error: Exception | None = None
    ) -> None:
        self.environment.events.request.fire(
            request_type=kind,
            name=play.ask.dialect.path,
            response_time=seconds * 1000,
            response_length=size,
            exception=error,
            context=self.context(),
        )


class RequestFailed(Exception):
    """What Locust lists as an error: the kind of it, so that equal ones are counted together."""


# --- what Locust calls --------------------------------------------------------------------


def _init(environment: Environment, **_: Any) -> None:
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        environment.events.report_to_master.add_listener(_report)
        return
    if isinstance(runner, MasterRunner):
        environment.events.worker_report.add_listener(_reported)
        runner.register_message(OVER, _worker_over, concurrent=True)
    environment.events.quit.add_listener(lambda **_: _print(environment))


def _begin(environment: Environment, **_: Any) -> None:
    """Before the users are there; on a master before the workers hear of it."""
    runner, options = environment.runner, environment.parsed_options
    assert options is not None
    if isinstance(runner, MasterRunner):
        there = (*runner.clients.ready, *runner.clients.spawning, *runner.clients.running)
        options.workload_workers = [client.id for client in there]
    if not isinstance(runner, WorkerRunner):
        options.nonce = options.nonce or f"{WallClock().wall_ns():x}"
    Running.play, Running.tally, Running.over = None, Tally(), set()
    try:
        Running.play = Play(environment)
    except (BadTarget, BadWorkload) as bad:
        environment.process_exit_code = 2
        environment.events.user_error.fire(user_instance=None, exception=bad, tb=None)
        print(f"error: {bad}", flush=True)
        gevent.spawn(_end, environment)


def _end(environment: Environment) -> None:
    """Stop the play; without a web page the program, too."""
    assert environment.runner is not None
    if environment.parsed_options and environment.parsed_options.headless:
        environment.runner.quit()
    else:
        environment.runner.stop()


def _worker_over(environment: Environment, msg: Any, **_: Any) -> None:
    Running.over.add(msg.node_id)
    if Running.play is not None and Running.play.over:
        _end(environment)


def _report(data: dict[str, Any], **_: Any) -> None:
    if Running.play is not None:
        data[TALLY] = msgspec.json.encode(Running.play.take_tally().packed())


def _reported(data: dict[str, Any], **_: Any) -> None:
    if TALLY in data and Running.play is not None:
        packed = msgspec.json.decode(data[TALLY], type=Packed)
        Running.tally.merge(Tally.unpacked(packed, Running.play.options.limits))


def _print(environment: Environment) -> None:
    """At the very end, below Locust's own statistics."""
    from rich.console import Console

    play, options = Running.play, environment.parsed_options
    if play is None or options is None:
        return
    Running.tally.merge(play.take_tally())
    Running.tally.limits = play.options.limits
    closed = play.share.users is not None
    played = play.options.played(
        environment.host or "", options.num_users or 0, float(options.run_time or 0), closed
    )
    found = document(Running.tally, played, "workload" if play.over else "duration")
    Console(highlight=False).print(report.whole(found), soft_wrap=True)
    if play.options.load_json:
        Path(play.options.load_json).write_bytes(msgspec.json.encode(found) + b"\n")


events.init_command_line_parser.add_listener(add_options)
events.init.add_listener(_init)
events.test_start.add_listener(_begin)
