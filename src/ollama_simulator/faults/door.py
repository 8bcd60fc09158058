"""Faults that happen before there is a request: what the listening socket and the process do."""

from typing import Annotated, ClassVar

from msgspec import Meta

from ollama_simulator.acts import Door, Stance
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.pace import Milliseconds

Duration = Annotated[int, Meta(ge=1, le=10**10)]
"""Milliseconds, and not none."""
GONE = Stance(Door.SHUT, ended=True)


@register
class ConnectionRefused(Fault, frozen=True):
    """Refuse connections, by the kernel. Idle connections are closed, busy ones finish first.

    A client sees its connect fail at once (RFC 9293, 3.10.7.1). It is a server that drains, or a
    port that nobody listens on; a process that is killed in the midst of its work is `Crash`.
    """

    door: ClassVar[Door] = Door.SHUT


@register
class ConnectTimeout(Fault, frozen=True):
    """Let nobody connect, without a word: a client waits until it gives up. Connections that
    exist go on. Linux only: other systems refuse where Linux drops.

    It is a firewall that drops packets, a host that is off, or a queue of connections that is full.
    """

    door: ClassVar[Door] = Door.DEAF


@register
class Frozen(Fault, frozen=True):
    """Stop like a suspended process (SIGSTOP): the kernel still accepts connections and bytes,
    but nothing is read, written or closed until another behaviour is set.

    Answers in progress stop, too, and go on afterwards. It is a virtual machine that is paused or
    migrated, or a host that swaps.
    """

    door: ClassVar[Door] = Door.FROZEN


@register
class Crash(Fault, frozen=True):
    """Be gone like a process that was killed: every connection is reset, the kernel refuses new
    ones, and what was in memory is lost.

    Answers in progress break off with a reset, streamed or whole, and idle connections are reset,
    too. Models on disk, scripts and rules stay. When the fault is healed the process is started
    anew: no model is loaded, and the KV cache is empty. It is the kernel's killer of processes that
    take too much memory, a power cut, or `kill -9`.
    """

    door: ClassVar[Door] = Door.SHUT

    def stance(self, age: float, place: int = 1) -> Stance:
        """Gone, for as long as it is set."""
        return GONE


@register
class Flapping(Fault, frozen=True):
    """Crash and come back, again and again.

    While it is up the server answers well; each time it goes down its connections are reset, new
    ones refused, and what was in memory is lost, as with `Crash`. It is a container in a crash
    loop. A balancer that trusts the first good answer sends requests into every crash.
    """

    up_ms: Duration = 5000
    """Milliseconds for which it is up each time."""
    down_ms: Duration = 5000
    """Milliseconds for which it is down each time."""
    starts_down: bool = False
    """Whether it begins with being down."""

    def stance(self, age: float, place: int = 1) -> Stance:
        """Gone or not, until the next change."""
        first, second = (
            (self.down_ms, self.up_ms) if self.starts_down else (self.up_ms, self.down_ms)
        )
        rounds, within = divmod(_ms(age), first + second)
        begun = rounds * (first + second)
        if within < first:
            return _until(begun + first, gone=self.starts_down)
        return _until(begun + first + second, gone=not self.starts_down)


@register
class RollingRestart(Fault, frozen=True):
    """Restart a fleet, a server after the other.

    Set on all servers, it takes the first one down at once, the second one so much later, and so
    on, in the order of their numbers; each is up again after a while, and stays so. Going down is
    as with `Crash`: connections are reset, new ones refused, memory is lost. It is an update of a
    deployment that does not wait for answers in progress. If servers are down for longer than they
    are apart, several are down at a time.
    """

    down_ms: Duration = 3000
    """Milliseconds for which each server is down."""
    apart_ms: Milliseconds = 5000
    """Milliseconds from the beginning of one server's downtime to that of the next."""

    def stance(self, age: float, place: int = 1) -> Stance:
        """Gone when it is this server's turn."""
        begins = (place - 1) * self.apart_ms
        now = _ms(age)
        if now < begins:
            return _until(begins, gone=False)
        if now < begins + self.down_ms:
            return _until(begins + self.down_ms, gone=True)
        return Stance()


def _ms(age: float) -> int:
    """Whole milliseconds of an age. One that is a rounding error before a moment is at it: else
    whoever looks at that moment would be told to look again at once."""
    return int(age * 1000 + 1e-3)


def _until(ms: int, *, gone: bool) -> Stance:
    return Stance(GONE.door if gone else Door.OPEN, ended=gone, until=ms / 1000)
