"""The address of another server, completed as Ollama does it.

Source: native specification 4.13 (`remote_host`), Go's net/url.

It must not import anything of this package.
"""

import posixpath
import re

PORT = "11434"

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/?#]*@)?(?P<host>[^/?#]*)"
    r"(?P<path>[^?#]*)(?P<rest>.*)",
    re.DOTALL,
)
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.%]*\]|[^\x00-\x20\x7f<>\"{}|\\^`%\[\]]*)")


class BadRemote(ValueError):
    """It is no address."""


def completed(raw: str) -> str:
    """An address with scheme and port. Raises `BadRemote`."""
    if raw.startswith("/"):
        return f"http://localhost:{PORT}{posixpath.normpath(raw)}"
    if "://" not in raw:
        raw = f"http://{raw}"
    if raw == "http://ollama.com":
        raw = "https://ollama.com:443"
    found = _URL.fullmatch(raw)
    if found is None:
        raise BadRemote(raw)
    path = posixpath.normpath(found["path"]) if found["path"] else ""
    path = "" if path == "/" else path
    user = found["user"] or ""
    return f"{found['scheme'].lower()}://{user}{_with_port(found['host'])}{path}{found['rest']}"


def _with_port(host: str) -> str:
    """A host that has its port; a name of many colons is an address that lacks its brackets."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, ""
    if not _HOST.fullmatch(name) or not re.fullmatch("[0-9]*", port, re.ASCII):
        raise BadRemote(host)
    if not colon or host.endswith("]"):
        return f"{host or 'localhost'}:{PORT}"
    if ":" in name and not name.startswith("["):
        return f"[{host}]:{PORT}"
    return host
