"""Serves the dashboard: `GET /`, and the files beside it.

Rules of this file:

1. A file is served if it lies in this folder and its kind is in `KINDS`; nothing else ever is.
2. The page may ask nobody but the host that it came from: the policy says so to the browser
   (Content Security Policy Level 3, section 6.1.3).

It must not import the fleet: the page knows it by the control API alone.
"""

import functools
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response

from ollama_simulator.control.web import Asked, get

HERE = Path(__file__).parent
PREFIX = "/dashboard"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""The media types of what is served. The system's own table may lack them, or be wrong."""
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@functools.cache
def served() -> dict[str, tuple[str, bytes]]:
    """Each file by its path in this folder: its media type, and what is in it."""
    return {
        path.relative_to(HERE).as_posix(): (KINDS[path.suffix], path.read_bytes())
        for path in sorted(HERE.rglob("*"))
        if path.suffix in KINDS
    }


def _answer(name: str) -> Response:
    kind, data = served()[name]
    # As a header, since a media type would get a second charset.
    return Response(data, headers={**HEADERS, "content-type": kind})


@get("/")
async def page(request: Asked) -> Response:
    """The dashboard."""
    return _answer("index.html")


@get(f"{PREFIX}/{{name:path}}")
async def file(request: Asked) -> Response:
    """A file that the dashboard asks for."""
    name = request.path_params["name"]
    if name not in served():
        raise HTTPException(404, f"the dashboard has no file {name!r}")
    return _answer(name)


ROUTES = [page, file]
