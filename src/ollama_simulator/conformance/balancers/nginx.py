"""The adapter of nginx.

`nginx` is tuned for generation: it streams, keeps time, and asks another server if one fails
before the head of its answer, for a POST too. `nginx:defaults` is the least that people write: an
`upstream` with three servers and a `proxy_pass`, everything else as it comes.

It must not import the scenarios.
"""

from ollama_simulator.conformance.balancers.adapter import HOST, Place, Setup, register
from ollama_simulator.conformance.balancers.installed import (
    CONNECT_S,
    MARKING,
    PARK_S,
    RETRYING,
    SHARING,
    TIMES,
    WIRE,
    Installed,
    Packages,
    addresses,
    as_root,
    silence,
)
from ollama_simulator.conformance.feature import Feature

SPOOLS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
"""Each has a folder, which must be one that we can write, used or not."""

TUNED = """\
    upstream ollama {{
        zone ollama 64k;
        least_conn;
{servers}
        keepalive 16;
    }}
    server {{
        listen {listen};
        client_max_body_size 0;
        location / {{
            proxy_pass http://ollama;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_buffering off;
            proxy_connect_timeout {connect};
            proxy_send_timeout {silence};
            proxy_read_timeout {silence};
            proxy_next_upstream error timeout http_500 http_502 http_503 http_504 non_idempotent;
            proxy_next_upstream_tries {tries};
            proxy_next_upstream_timeout {total};
        }}
    }}
"""
DEFAULTS = """\
    upstream ollama {{
{servers}
    }}
    server {{
        listen {listen};
        location / {{
            proxy_pass http://ollama;
        }}
    }}
"""
CLAIMS = {
    "": WIRE | TIMES | RETRYING | MARKING | SHARING,
    "defaults": WIRE | {Feature.SHARES, Feature.SPREADS},
}


@register
class Nginx(Installed):
    """nginx, open source."""

    name = "nginx"
    product = "nginx"
    programs = ("nginx",)
    packages = Packages(apt="nginx-light", brew="nginx")
    variants = ("defaults",)
    claims = CLAIMS
    home = "nginx"
    version_words = ("-v",)
    version_form = r"nginx/(\S+)"
    grace_s = 2.0

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """In the foreground, with all its files in the folder."""
        folder = place.folder
        path = folder / "nginx.conf"
        path.write_text(configured(self.variant, setup, place), "utf-8")
        return [[self.path, "-c", str(path), "-p", str(folder), "-e", "stderr"]]


def configured(variant: str, setup: Setup, place: Place) -> str:
    """The configuration file."""
    told = "" if variant else f" max_fails=1 fail_timeout={PARK_S}s"
    servers = "\n".join(f"        server {each}{told};" for each in addresses(setup))
    spools = "".join(f"    {name}_temp_path {place.folder}/{name};\n" for name in SPOOLS)
    proxy = (DEFAULTS if variant else TUNED).format(
        servers=servers,
        listen=f"{HOST}:{place.port}",
        connect=milliseconds(CONNECT_S),
        silence=milliseconds(silence(setup)),
        tries=len(setup.servers),
        total=milliseconds(silence(setup) * len(setup.servers)),
    )
    # The workers of a master that runs as root would not be let into the folder.
    user = "user root;\n" if as_root() else ""
    return (
        f"{user}daemon off;\nworker_processes 1;\npid {place.folder}/nginx.pid;\n"
        f"error_log stderr;\nevents {{}}\nhttp {{\n    access_log off;\n{spools}{proxy}}}\n"
    )


def milliseconds(seconds: float) -> str:
    """A time as nginx and HAProxy write it."""
    return f"{round(seconds * 1000)}ms"
