"""The adapter of HAProxy.

`haproxy` (or `haproxy:retrying`) is tuned: each of the four `option` lines mends something that
the untouched one gets wrong. `haproxy:exclusive` gives each server one request at a time and
refuses the others after 0.2 s. `haproxy:untouched` is the least that starts.

It must not import the scenarios.
"""

from ollama_simulator.conformance.balancers.adapter import HOST, Place, Setup, register
from ollama_simulator.conformance.balancers.installed import (
    CONNECT_S,
    ONE_EACH,
    RETRYING,
    SHARING,
    TIMES,
    WIRE,
    Installed,
    Packages,
    addresses,
    silence,
)
from ollama_simulator.conformance.balancers.nginx import milliseconds
from ollama_simulator.conformance.feature import Feature

SENDS_AT_ONCE = """\
    balance leastconn
    option http-no-delay
    option http-buffer-request
    option httpchk GET /api/version
"""
AGAIN = """\
    option redispatch 1
    retries {tries}
    retry-on conn-failure empty-response response-timeout 500 503
"""
NEVER = """\
    retries 0
"""
WATCHES = """\
    option abortonclose
"""
"""It must be told to the frontend too: else a silent server is kept when its client has left."""
CHECKED = "    default-server check inter 1s fall 1 rise 1"

TUNED = WIRE | TIMES | RETRYING | SHARING | {Feature.HEALTH_CHECKS}
CLAIMS = {
    "": TUNED,
    "retrying": TUNED,
    "exclusive": WIRE | TIMES | ONE_EACH | {Feature.HEALTH_CHECKS},
    "untouched": WIRE | TIMES | {Feature.SHARES, Feature.SPREADS},
}


@register
class HAProxy(Installed):
    """HAProxy, the community edition."""

    name = "haproxy"
    product = "HAProxy"
    programs = ("haproxy",)
    packages = Packages(apt="haproxy", brew="haproxy")
    variants = ("retrying", "exclusive", "untouched")
    aliases = ("retrying",)
    claims = CLAIMS
    home = "HAProxy"
    version_words = ("-v",)
    version_form = r"version (\S+)"
    grace_s = 1.0

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """In the foreground."""
        path = place.folder / "haproxy.cfg"
        path.write_text(configured(self.variant, setup, place), "utf-8")
        return [[self.path, "-db", "-f", str(path)]]


def configured(variant: str, setup: Setup, place: Place) -> str:
    """The configuration file."""
    exclusive, untouched = variant == "exclusive", variant == "untouched"
    quiet = milliseconds(silence(setup))
    queue = "200ms" if exclusive else quiet
    backend = ""
    if not untouched:
        backend = SENDS_AT_ONCE
        backend += NEVER if exclusive else AGAIN.format(tries=max(len(setup.servers) - 1, 1))
        backend += CHECKED + (" maxconn 1\n" if exclusive else "\n")
    servers = "".join(
        f"    server s{number} {address}\n" for number, address in enumerate(addresses(setup), 1)
    )
    return f"""\
global
    maxconn 512
    nbthread 1
defaults
    mode http
    timeout connect {milliseconds(CONNECT_S)}
    timeout client {milliseconds(max(30.0, silence(setup)))}
    timeout server {quiet}
    timeout http-request 10s
    timeout queue {queue}
{"" if untouched else WATCHES}frontend fe
    bind {HOST}:{place.port}
    default_backend be
backend be
{backend}{servers}"""
