"""The address of another server, completed as Ollama does it.

Source: native specification 4.13 (`remote_host`), Go's net/url.

It must not import anything of this package.
"""

import posixpath
import re
from urllib.parse import quote

PORT = "11434"

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/?#]*@)?(?P<host>[^/?#]*)"
    r"(?P<path>[^?#]*)(?P<rest>.*)",
    re.DOTALL,
)
_HOST = re.compile(
    r"(?P<name>\[[^\]]*\]|[^\x00-\x20\x7f{}|\\^`%\[\]:]*)(?P<port>:[0-9]*)?", re.ASCII
)
_MISTAKE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SAFE_IN_PATH = "/:@$&+,;=%~"
_SAFE_IN_HOST = "[]:<>\"!$&'()*+,;=~"


class BadRemote(ValueError):
    """It is no address."""


def completed(raw: str) -> str:
    """An address with scheme and port. Raises `BadRemote`."""
    if raw.startswith("/"):
        return f"http://localhost:{PORT}{_path(raw) or '/'}"
    if "://" not in raw:
        raw = f"http://{raw}"
    if raw == "http://ollama.com":
        raw = "https://ollama.com:443"
    found = _URL.fullmatch(raw)
    host = _HOST.fullmatch(found["host"]) if found is not None else None
    if found is None or host is None or _MISTAKE.search(found["path"]):
        raise BadRemote(raw)
    name = quote(host["name"], _SAFE_IN_HOST)
    if host["port"] is None:
        # An address in brackets gets two more; that is how Ollama writes it.
        name = f"[{name}]" if ":" in name else name or "localhost"
    port = f":{PORT}" if host["port"] is None else host["port"]
    path = _path(found["path"]) if found["path"] else ""
    return f"{found['scheme'].lower()}://{found['user'] or ''}{name}{port}{path}{found['rest']}"


def _path(path: str) -> str:
    """A path without dots and doubled slashes, and none for the root."""
    short = posixpath.normpath("/" + path.lstrip("/"))
    return "" if short == "/" else quote(short, _SAFE_IN_PATH)
