"""Has a server's helper restart it with another type of KV cache.

Source: seed facts, "Version 1.0.4".

It must not import the balancer.
"""

from ollama_simulator.clock import Clock, Interrupt
from ollama_simulator.conformance.reference.known import Known, ask
from ollama_simulator.settings import HELPER_OFFSET

LONGEST_S = 60.0
"""Seconds that a restart may take; the plan counts on 15."""
LOOK_S = 0.1
"""Seconds between two looks at a helper whose server restarts."""


async def switch(known: Known, kv_cache: str, clock: Clock, gone: Interrupt) -> bool:
    """Switch a server, and wait until it is back, or until our client has gone. Returns whether
    it has the type."""
    backend = known.backend
    helper = (backend.host, backend.port + HELPER_OFFSET)
    if await ask(*helper, "POST", "/set-kv-cache", {"type": kv_cache}) is None:
        return False
    known.kv_cache = kv_cache
    known.restarted()
    limit = clock.now() + LONGEST_S
    while clock.now() < limit:
        match await ask(*helper, "GET", "/health"):
            case {"status": "healthy", "kv_cache_type": str(kind)}:
                return kind == kv_cache
        if not await clock.sleep_until(clock.now() + LOOK_S, gone):
            return False
    return False
