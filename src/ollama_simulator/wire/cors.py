"""Which web pages may ask, and what their browsers are told.

Source: native specification 1.5, compatibility specification 2.7.

Rules of this file:

1. A request is a page's only if it has an `Origin` that is not the server's own.
2. Origins are compared letter by letter; what is configured without a star in lower case.

It must not import anything of this package but layer 0.
"""

import functools

import msgspec

Headers = tuple[tuple[str, str], ...]

_PAGES = tuple(
    f"{scheme}://{host}{port}"
    for host in ("localhost", "127.0.0.1", "0.0.0.0")
    for port in ("", ":*")
    for scheme in ("http", "https")
)
_PROGRAMS = tuple(f"{scheme}://*" for scheme in "app file tauri vscode-webview vscode-file".split())
ALWAYS = (*_PAGES, *_PROGRAMS)
"""The origins that may ask whatever is configured."""

_STAINLESS = "Arch Async Custom-Poll-Interval Helper-Method Lang Os Package-Version Poll-Helper"
_NAMES = (
    *"Authorization Content-Type User-Agent Accept X-Requested-With Openai-Beta".split(),
    *(
        f"X-Stainless-{name}"
        for name in f"{_STAINLESS} Retry-Count Runtime Runtime-Version Timeout".split()
    ),
)
_PREFLIGHT = (
    ("Access-Control-Allow-Headers", ",".join(_NAMES)),
    ("Access-Control-Allow-Methods", "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"),
    ("Access-Control-Max-Age", "43200"),
)
_ALLOWED = "Access-Control-Allow-Origin"
_VARIES = ("Vary", "Origin")
_PREFLIGHT_VARIES = (
    _VARIES,
    ("Vary", "Access-Control-Request-Method"),
    ("Vary", "Access-Control-Request-Headers"),
)


class Origins(msgspec.Struct, frozen=True):
    """The origins that may ask."""

    all: bool
    names: frozenset[str]
    around: tuple[tuple[str, str], ...]
    """What stands before and behind the star of the others."""

    def allow(self, origin: str) -> bool:
        """Whether a page from there may ask."""
        return (
            self.all
            or origin in self.names
            or any(origin.startswith(a) and origin.endswith(b) for a, b in self.around)
        )


@functools.lru_cache(maxsize=64)
def origins(configured: tuple[str, ...]) -> Origins:
    """Read what is configured; a star stands for anything."""
    given = (*configured, *ALWAYS)
    around = [
        (before, behind) for before, star, behind in (o.partition("*") for o in given) if star
    ]
    names = frozenset(origin.strip().lower() for origin in given)
    return Origins("*" in given, names, tuple(around))


def screen(
    method: str, origin: str | None, host: str, configured: tuple[str, ...]
) -> tuple[int | None, Headers]:
    """The status by which a page's request ends here, if it does, and the headers of its answer."""
    if not origin or origin in (f"http://{host}", f"https://{host}"):
        return None, ()
    known = origins(configured)
    if not known.allow(origin):
        return 403, ()
    allowed = (_ALLOWED, "*" if known.all else origin)
    if method == "OPTIONS":
        return 204, (*_PREFLIGHT, allowed, *(() if known.all else _PREFLIGHT_VARIES))
    return None, (allowed,) if known.all else (allowed, _VARIES)
