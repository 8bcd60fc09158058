"""What a balancer can claim to do, beyond what every balancer must do.

Rules of this file:

1. A case names the features that it `needs`; a balancer that doesn't claim them is not judged
   by it. A feature is a claim of the balancer's author, never concluded from how it behaves.
2. What everybody must do is no feature.

It must not import anything of this package.
"""

from collections.abc import Iterable
from enum import Enum


class Feature(Enum):
    """A claim, by the word that the command line knows it by."""

    NATIVE = "native"
    OPENAI = "openai"
    COMPLETIONS = "completions"
    ANTHROPIC = "anthropic"
    PASSTHROUGH = "passthrough"
    TIMEOUT = "timeout"
    STALL_TIMEOUT = "stall-timeout"
    RETRIES = "retries"
    RETRIES_SILENT = "retries-silent"
    RETRIES_5XX = "retries-5xx"
    MARKS = "marks"
    MARKS_5XX = "marks-5xx"
    HEALTH_CHECKS = "health-checks"
    EXCLUSIVE = "exclusive"
    REFUSES_BUSY = "refuses-busy"
    BAD_GATEWAY = "bad-gateway"
    SEED_ORDER = "seed-order"
    SHARES = "shares"
    QUEUES = "queues"
    SPREADS = "spreads"
    LEAST_LOADED = "least-loaded"
    RETRY_AFTER = "retry-after"
    CREDENTIALS = "credentials"
    DRAINS = "drains"
    MODEL_AWARE = "model-aware"
    WARM_FIRST = "warm-first"
    AFFINITY = "affinity"
    AGGREGATES = "aggregates"
    TIERS = "tiers"
    SWITCHES_KV = "switches-kv"

    @property
    def meaning(self) -> str:
        """What is claimed, in a sentence."""
        return MEANINGS[self]


MEANINGS: dict[Feature, str] = {
    Feature.NATIVE: "Ollama's own paths, /api/..., reach a server.",
    Feature.OPENAI: "OpenAI's paths, /v1/chat/completions and its like, reach a server.",
    Feature.COMPLETIONS: "So does the older one of these, /v1/completions.",
    Feature.ANTHROPIC: "Anthropic's path /v1/messages reaches a server.",
    Feature.PASSTHROUGH: "Any method and path reach a server, and bytes pass unchanged.",
    Feature.TIMEOUT: "A server that does not begin to answer is given up after a time that the "
    "suite can set.",
    Feature.STALL_TIMEOUT: "So is one that falls silent within an answer.",
    Feature.RETRIES: "A request whose server refuses, resets or closes before the head of an "
    "answer is sent to another one, and its client doesn't notice.",
    Feature.RETRIES_SILENT: "So is one whose server does not begin to answer in time.",
    Feature.RETRIES_5XX: "So is one whose server answers 500 or 503.",
    Feature.MARKS: "A server that failed is passed over for a while.",
    Feature.MARKS_5XX: "So is one that answered 500 or 503.",
    Feature.HEALTH_CHECKS: "Servers are asked for their health, and passed over while it is bad.",
    Feature.EXCLUSIVE: "A server has at most one request at a time.",
    Feature.REFUSES_BUSY: "While every server is busy, requests are refused with 503.",
    Feature.BAD_GATEWAY: "A request whose server fails before its answer is answered 502, and "
    "nobody else is asked.",
    Feature.SEED_ORDER: "Servers are chosen in the order of the command line, by what is known of "
    "them: Reliable, Unreliable, second chance given.",
    Feature.SHARES: "A server may have several requests at a time; none is refused for that.",
    Feature.QUEUES: "While every server is busy, requests wait for one.",
    Feature.SPREADS: "Requests are spread evenly, at random or in turn.",
    Feature.LEAST_LOADED: "A request goes to a server with the fewest requests in progress.",
    Feature.RETRY_AFTER: "A server that answered 429 with Retry-After is left alone so long.",
    Feature.CREDENTIALS: "Each server has credentials of its own, which the balancer puts in the "
    "place of the client's.",
    Feature.DRAINS: "Told to end, it lets streams in progress come to their end.",
    Feature.MODEL_AWARE: "A request goes to a server that has its model.",
    Feature.WARM_FIRST: "A server that has the model in memory is preferred.",
    Feature.AFFINITY: "A conversation goes to the server that has it in its KV cache.",
    Feature.AGGREGATES: "GET /api/tags and /v1/models tell the models of all servers.",
    Feature.TIERS: "Servers have capability tiers and speeds, and requests go to the lowest tier "
    "and then to the fastest server.",
    Feature.SWITCHES_KV: "Servers' KV-cache types are switched through their helpers, for the "
    "models that need another.",
}

SEED = frozenset({Feature.EXCLUSIVE, Feature.REFUSES_BUSY, Feature.BAD_GATEWAY, Feature.SEED_ORDER})
"""What only the contract of the seed's balancer demands."""

V104 = frozenset(
    {
        Feature.MODEL_AWARE,
        Feature.WARM_FIRST,
        Feature.AFFINITY,
        Feature.AGGREGATES,
        Feature.TIERS,
        Feature.SWITCHES_KV,
    }
)
"""What version 1.0.4 of the seed's balancer adds."""

BUNDLES: dict[str, frozenset[Feature]] = {"seed": SEED, "v104": SEED | V104}
"""Words for several claims at once."""


def read(words: Iterable[str]) -> frozenset[Feature]:
    """The claims that words name: features or bundles. Raises `ValueError` with the culprit."""
    found: set[Feature] = set()
    for word in words:
        if word in BUNDLES:
            found |= BUNDLES[word]
            continue
        try:
            found.add(Feature(word))
        except ValueError:
            there = ", ".join([*BUNDLES, *(each.value for each in Feature)])
            raise ValueError(f"{word!r} is no feature; there are {there}") from None
    return frozenset(found)
