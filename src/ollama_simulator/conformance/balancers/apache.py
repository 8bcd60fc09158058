"""The adapter of Apache httpd, with mod_proxy_balancer.

It asks another server only when one refuses the connection. One process, so that what it counts is
true of all requests. `apache:exclusive` gives each server one request at a time, and refuses the
others after 0.6 s.

It must not import the scenarios.
"""

import math
from pathlib import Path

from ollama_simulator.conformance.balancers.adapter import (
    HOST,
    BrokenEnvironment,
    Place,
    Setup,
    register,
)
from ollama_simulator.conformance.balancers.installed import (
    CONNECT_S,
    ONE_EACH,
    PARK_S,
    SHARING,
    TIMES,
    WIRE,
    Installed,
    Packages,
    addresses,
    as_root,
    silence,
)
from ollama_simulator.conformance.balancers.nginx import milliseconds
from ollama_simulator.conformance.feature import Feature

FOLDERS = (
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/libexec/apache2",
    "/opt/homebrew/lib/httpd/modules",
    "/usr/local/lib/httpd/modules",
)
"""Where its modules may be."""
MODULES = (
    "mpm_event",
    "authz_core",
    "unixd",
    "proxy",
    "proxy_http",
    "proxy_balancer",
    "slotmem_shm",
    "lbmethod_bybusyness",
)
CLAIMS = {
    # It leaves alone who refuses, is silent or answers 500 or 503, but not who closes.
    "": WIRE | TIMES | SHARING | {Feature.MARKS_5XX},
    "exclusive": WIRE | TIMES | ONE_EACH,
}


@register
class Apache(Installed):
    """Apache httpd 2.4."""

    name = "apache"
    product = "Apache httpd"
    programs = ("apache2", "httpd")
    packages = Packages(apt="apache2", brew="httpd")
    variants = ("exclusive",)
    claims = CLAIMS
    home = "Apache httpd"
    version_words = ("-v",)
    version_form = r"Apache/(\S+)"
    grace_s = 2.0

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """In the foreground."""
        modules = next((each for each in FOLDERS if Path(each, "mod_proxy.so").is_file()), None)
        if modules is None:
            raise BrokenEnvironment(f"no module mod_proxy of Apache in {', '.join(FOLDERS)}")
        path = place.folder / "httpd.conf"
        path.write_text(configured(self.variant, setup, place, modules), "utf-8")
        return [[self.path, "-f", str(path), "-DFOREGROUND"]]


def configured(variant: str, setup: Setup, place: Place, modules: str) -> str:
    """The configuration file."""
    # Whole seconds: of `1500ms` a member would read the number, and wait for 1500 s.
    seconds = math.ceil(silence(setup))
    alone = " max=1 acquire=200" if variant == "exclusive" else ""
    members = "".join(
        f'    BalancerMember "http://{each}" connectiontimeout={milliseconds(CONNECT_S)} '
        f"timeout={seconds} flushpackets=on retry={PARK_S}{alone}\n"
        for each in addresses(setup)
    )
    loads = "".join(
        f"LoadModule {each}_module {modules}/mod_{each}.so\n"
        for each in MODULES
        if Path(modules, f"mod_{each}.so").is_file()
    )
    # A worker must not be root; it needs no file of ours.
    user = 'User "#65534"\nGroup "#65534"\n' if as_root() else ""
    return f"""\
ServerRoot "{place.folder}"
ServerName {HOST}
PidFile "{place.folder}/httpd.pid"
DefaultRuntimeDir "{place.folder}"
ErrorLog /dev/stderr
Listen {HOST}:{place.port}
{loads}{user}ServerLimit 1
StartServers 1
ThreadsPerChild 64
MaxRequestWorkers 64
MinSpareThreads 1
MaxSpareThreads 64
Timeout {seconds}
ProxyTimeout {seconds}
LimitRequestBody 0
AllowEncodedSlashes NoDecode
ProxyPreserveHost On
<Proxy "balancer://ollama">
{members}    ProxySet lbmethod=bybusyness failonstatus=500,503 failontimeout=On maxattempts=2
</Proxy>
ProxyPass "/" "balancer://ollama/" nocanon
"""
