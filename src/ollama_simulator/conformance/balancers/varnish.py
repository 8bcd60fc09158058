"""The adapter of Varnish, as a proxy that keeps nothing.

It takes its servers in turn, and asks another one if one fails before its answer; so it does for a
client that has gone meanwhile. To do so it needs the whole body first. It compiles its
configuration, for which it needs a C compiler.

A small body is kept, and so is a chunked one: passed on as it comes, one that its client breaks off
would reach the server with an end, as if it were whole. What is larger than it may keep ends in a
closed connection.

It must not import the scenarios.
"""

from ollama_simulator.conformance.balancers.adapter import HOST, Place, Setup, register
from ollama_simulator.conformance.balancers.installed import (
    CONNECT_S,
    RETRYING,
    TIMES,
    WIRE,
    Installed,
    Packages,
    silence,
)
from ollama_simulator.conformance.feature import Feature

CLAIMS = {
    "": WIRE | TIMES | RETRYING | {Feature.HEALTH_CHECKS, Feature.SHARES, Feature.SPREADS},
}
REST = """\
sub vcl_init {{
    new all = directors.round_robin();
{added}}}
sub vcl_recv {{
    set req.backend_hint = all.backend();
    if (req.http.Transfer-Encoding) {{
        std.cache_req_body(64MB);
    }} elsif (req.method != "GET" && std.integer(req.http.Content-Length, 0) < 1000000) {{
        std.cache_req_body(1MB);
    }}
    return (pass);
}}
sub vcl_backend_fetch {{
    if (bereq.retries > 0) {{
        set bereq.backend = all.backend();
    }}
}}
sub vcl_backend_response {{
    if ((beresp.status == 500 || beresp.status == 503) && bereq.retries < {again}) {{
        return (retry);
    }}
}}
sub vcl_backend_error {{
    if (bereq.retries < {again}) {{
        return (retry);
    }}
}}
"""


@register
class Varnish(Installed):
    """Varnish cache."""

    name = "varnish"
    product = "Varnish"
    programs = ("varnishd",)
    packages = Packages(apt="varnish gcc libc6-dev", brew="varnish")
    parallel = 3
    claims = CLAIMS
    home = "Varnish"
    version_words = ("-V",)
    version_form = r"varnish-(\d\S*)"
    grace_s = 2.0
    ready_s = 30.0

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """In the foreground, without a port for commands."""
        path = place.folder / "ollama.vcl"
        path.write_text(configured(setup), "utf-8")
        told = [
            "-F",
            "-a",
            f"{HOST}:{place.port}",
            "-f",
            str(path),
            "-n",
            f"{place.folder}/varnish",
        ]
        return [[self.path, *told, "-T", "none", "-j", "none", "-s", "malloc,32M"]]


def configured(setup: Setup) -> str:
    """The VCL."""
    quiet = f"{silence(setup):g}s" if silence(setup) < 1000 else f"{silence(setup):.0f}s"
    backends = "".join(
        f'backend s{number} {{\n    .host = "{HOST}";\n    .port = "{port}";\n'
        f"    .connect_timeout = {CONNECT_S:g}s;\n    .first_byte_timeout = {quiet};\n"
        f"    .between_bytes_timeout = {quiet};\n    .probe = version;\n}}\n"
        for number, port in enumerate(setup.servers, 1)
    )
    added = "".join(
        f"    all.add_backend(s{number});\n" for number in range(1, len(setup.servers) + 1)
    )
    probe = (
        'probe version {\n    .url = "/api/version";\n    .interval = 1s;\n    .timeout = 1s;\n'
        "    .window = 1;\n    .threshold = 1;\n    .initial = 1;\n}\n"
    )
    rest = REST.format(added=added, again=max(len(setup.servers) - 1, 1))
    return f"vcl 4.1;\nimport directors;\nimport std;\n{probe}{backends}{rest}"
