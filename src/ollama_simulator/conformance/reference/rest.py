"""How long a server that answered 429 wants to be left alone (RFC 6585, 4; RFC 9110, 10.2.3).

It must not import the balancer.
"""

import contextlib
from email.utils import parsedate_to_datetime

from ollama_simulator.net.client import ResponseHead


def seconds(head: ResponseHead, now: float) -> float:
    """What the head of an answer asks for, in seconds from `now`, a time of day in seconds; 0 if
    it asks for nothing that can be read."""
    milliseconds = head.header("retry-after-ms") or ""
    if milliseconds.isdecimal():
        return int(milliseconds) / 1000
    words = head.header("retry-after") or ""
    if words.isdecimal():
        return float(words)
    with contextlib.suppress(ValueError):
        return max(0.0, parsedate_to_datetime(words).timestamp() - now)
    return 0.0
