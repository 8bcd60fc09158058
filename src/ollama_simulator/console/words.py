"""What a record says, in a few words, for people who look on.

Rules of this file:

1. Only what a person wants to see passes by: that a request came and ended, that a fault struck,
   that a server was changed. All else is in the journal.

It must not import the servers.
"""

from ollama_simulator import records
from ollama_simulator.records import Record

GOOD, BAD, CHANGED = "good", "bad", "changed"
"""What an event is: all well, something broke, or somebody changed something."""


class Words:
    """Puts records into words. It remembers what the requests in progress asked for."""

    def __init__(self) -> None:
        self._asked: dict[int | None, str] = {}

    def of(self, record: Record) -> tuple[str, str] | None:
        """What an event is, and its words; None if nobody wants to know."""
        match record:
            case records.Asked(exchange=number, method=method, target=target):
                self._asked[number] = f"{method} {target.partition('?')[0]}"
                return None
            case records.Finished(exchange=number, outcome=outcome, status=status, tokens=tokens):
                request = self._asked.pop(number, "request")
                # What has no tokens counts as one.
                made = f", {tokens} tokens" if tokens > 1 else ""
                kind = GOOD if outcome == "complete" and (status or 0) < 400 else BAD
                return kind, f"{request} → {status or 'no status'} {_ENDS[outcome]}{made}"
            case records.Struck(fault=fault, source=source, rule=rule, exchange=number):
                by = {"rule": f"rule {rule}", "header": "its header"}.get(source, source)
                where = self._asked.get(number, "the door")
                return BAD, f"{fault} struck {where}, by {by}"
            case records.Behaved(behavior=behavior):
                return CHANGED, f"behaves as {behavior}"
            case records.Injected(rule=rule, fault=fault, name=name):
                called = f" ({name})" if name else ""
                return CHANGED, f"rule {rule}{called}: {fault}"
            case records.Healed(rule=rule, why=why):
                return CHANGED, f"rule {rule} ended: {why}"
            case records.DoorMoved(door=door):
                return CHANGED, f"door {door.value}"
            case records.ModelLoaded(model=model, seconds=seconds):
                return CHANGED, f"{model} loaded in {seconds:.1f} s"
            case records.ModelUnloaded(model=model, why=why):
                return CHANGED, f"{model} unloaded: {why}"
            case records.Stopped():
                return CHANGED, "process ended"
            case records.Restarted(seconds=seconds):
                return CHANGED, f"there again after {seconds:.1f} s"
            case records.ServerAdded(port=port):
                return CHANGED, f"added on port {port}"
            case records.ServerRemoved(port=port):
                return CHANGED, f"removed from port {port}"
            case records.Changed(fields=fields):
                return CHANGED, f"other settings: {', '.join(fields)}"
            case records.Hindered(what=what, detail=detail):
                return BAD, f"the simulator lacks {_LACKS.get(what, what)}: {detail}"
            case records.Eased(what=what, seconds=seconds):
                words = _LACKS.get(what, what)
                return CHANGED, f"the simulator has {words} again, after {seconds:.1f} s"
            case records.Failed(error=error):
                return BAD, f"a bug of the simulator: {error}"
        return None


_ENDS = {
    "complete": "complete",
    "fin": "cut (FIN)",
    "rst": "reset",
    "left": "the client left",
    "cancelled": "cancelled",
    "error": "failed",
}
_LACKS = {"worker": "a worker"}
"""What isn't said as it is called."""
