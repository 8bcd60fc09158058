"""The part of a workload that one of several processes plays.

Rules of this file:

1. Session n of a workload belongs to process n modulo their number, and so does request n of
   those that may be made at most. The parts together are the whole, and each is the same every
   time.

It must not import the player.
"""

import itertools

from ollama_simulator.workload.session import Session, Workload


class Share:
    """One part, handed out to the users of a process one after the other."""

    def __init__(self, workload: Workload, part: int, parts: int, requests: int) -> None:
        """`part` is below `parts`; `requests` is the limit of all of them together."""
        self.users = workload.users
        """Of a closed loop, as the workload has it; None for an open loop."""
        self.over = False
        """Whether there is nothing to begin any more."""
        self._sessions = itertools.islice(workload.sessions(), part, None, parts)
        self._left = len(range(part, requests, parts))

    def take(self) -> Session | None:
        """The next session; None if there is none, or no request may be made any more."""
        session = None if self.spent else next(self._sessions, None)
        self.over = self.over or session is None
        return session

    @property
    def spent(self) -> bool:
        """Whether all requests were made that may be made."""
        return self._left == 0

    def begin(self) -> bool:
        """Count a request. Returns False if it must not be made."""
        if self.spent:
            return False
        self._left -= 1
        return True
