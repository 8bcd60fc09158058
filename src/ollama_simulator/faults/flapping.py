"""A process that crashes and comes back, again and again."""

from ollama_simulator.acts import Stance
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.gone import Duration, milliseconds, until


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
        rounds, within = divmod(milliseconds(age), first + second)
        begun = rounds * (first + second)
        if within < first:
            return until(begun + first, gone=self.starts_down)
        return until(begun + first + second, gone=not self.starts_down)
