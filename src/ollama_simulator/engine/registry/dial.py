"""What Go says of a host that can't be reached. Nothing here connects to anything.

Source: native specification 4.11, 4.21; Go's net and net/http.

It must not import anything but layer 0.
"""

import ipaddress
from urllib.parse import urlsplit

from ollama_simulator.golang.gojson import quote

_PORTS = {"http": 80, "https": 443}


def failure(method: str, url: str) -> str:
    """The text of the error of a request to `url`; `method` as Go spells it there (`Get`)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    return f"{method} {quote(url)}: dial tcp{_why(host, port)}"


def _why(host: str, port: int) -> str:
    """Nobody listens at an address; a name is unknown."""
    if host == "localhost":
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f": lookup {host}: no such host"
    shown = f"[{address}]" if address.version == 6 else str(address)
    return f" {shown}:{port}: connect: connection refused"
