"""The bytes of a recorded request, its abbreviations spelled out.

Source: native specification 13 (`raw`, `body_generator`, `http_version`).

It must not import anything of this package but `recording`.
"""

import re

from ollama_simulator.golden.recording import Request

HOST = "localhost:11434"
"""What an abbreviated request says in its `Host`."""
CLOSE = ("Connection", "close")
"""What the client of the compat recordings sent."""

_HEX = re.compile(r"([0-9a-f]{2})+(?= \(hex\)$)")
_RUN = re.compile(r'<(?:"(?P<quoted>[^"]+)"|(?P<bare>[^<>" ]+)) x (?P<times>\d+)>')
_CUT = re.compile(r"^[^\r\n]* \.\.\. ")
_METHOD = re.compile(r"([A-Z]+) \S+ (?:HTTP/\d\.\d\r?\n|\.\.\. )")
_SHORT = re.compile(
    r"(?P<method>[A-Z]+) (?P<path>\S+) \.\.\. Content-Length: (?P<length>\d+) \.\.\. "
    r"(?P<body><.*?>)(?: then (?P<next>[A-Z]+ \S+))?"
)


class UnknownRequest(Exception):
    """A request is abbreviated in a way that isn't known. The text quotes it."""


def writes(request: Request, host: str = HOST) -> list[bytes]:
    """What is written, one item for each write; `host` goes in where no `Host` is recorded.

    Raises `UnknownRequest`.
    """
    if request.raw:
        return [spelled(text) for text in request.raw]
    body = body_of(request)
    lines = [f"{request.method} {request.path} HTTP/{request.version}"]
    names = {name.lower() for name, _ in request.headers}
    headers = list(request.headers)
    if "host" not in names and request.version == "1.1":
        # The compat format leaves out what every client sends.
        headers.append(("Host", host))
        if request.body is not None and "content-type" not in names:
            headers.append(("Content-Type", "application/json"))
        if request.body is not None or request.method == "POST":
            headers.append(("Content-Length", str(len(body))))
        headers.append(CLOSE)
    lines += [f"{name}: {value}" for name, value in headers]
    return ["\r\n".join([*lines, "", ""]).encode() + body]


def methods(request: Request) -> list[str]:
    """The methods of the requests that are sent, in order."""
    found = [method for text in request.raw for method in _METHOD.findall(text)]
    return found or [request.method]


def body_of(request: Request) -> bytes:
    """The body, made by its generator if it has one."""
    match request.generator:
        case {"template": template}:
            return _run_out(template).encode()
        case {"repeat": text, "times": times}:
            return str(text).encode() * int(times)
        case {**fields} if fields:
            raise UnknownRequest(f"request: body_generator {fields} is not understood")
    return request.body or b""


def spelled(text: str) -> bytes:
    """A raw request as it was sent. Bytes are written as the characters U+0000 to U+00FF would
    be in UTF-8, except a whole request in hexadecimal digits."""
    if digits := _HEX.match(text):
        return bytes.fromhex(digits[0])
    if short := _SHORT.fullmatch(text):
        head = f"{short['method']} {short['path']} HTTP/1.1\r\nHost: {HOST}\r\n"
        head += f"Content-Length: {short['length']}\r\n\r\n"
        text = head + short["body"]
        if short["next"]:
            text += f"{short['next']} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    if _CUT.search(text):
        raise UnknownRequest(f"request: {text[:80]!r} is abbreviated, and not understood")
    return _run_out(text).encode()


def _run_out(text: str) -> str:
    return _RUN.sub(lambda run: (run["quoted"] or run["bare"]) * int(run["times"]), text)
