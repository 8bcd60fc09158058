"""A fleet that is restarted, a server after the other."""

from ollama_simulator.acts import Stance
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.gone import Duration, milliseconds, until
from ollama_simulator.faults.pace import Milliseconds


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
        now = milliseconds(age)
        if now < begins:
            return until(begins, gone=False)
        if now < begins + self.down_ms:
            return until(begins + self.down_ms, gone=True)
        return Stance()
