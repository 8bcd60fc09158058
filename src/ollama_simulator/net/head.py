"""The head of a request, read as Go's library reads it.

Source: native specification 1.1.

Rules of this file:

1. An ordinary head that came in one piece is read by one pattern. Any other goes line by line,
   and what is wrong is said as soon as its line is there; what can't begin a method, as a TLS
   greeting, at once.
2. The words and the order of the complaints are Go's.
3. Clients send the same head again and again. So ordinary ones of usual size are kept, and nobody
   changes a head.

It must not import anything but `golang`, `limits`, `recorded` and the standard library.
"""

import re

from ollama_simulator.golang import url
from ollama_simulator.limits import USUAL, Limits
from ollama_simulator.net.recorded import LARGEST, MOST, Recorded, recorded

LONGEST_KEPT = 1024
"""Bytes of a head up to which it is kept."""
MOST_KEPT = 1024
"""Heads that are kept; when there are so many, all are forgotten."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_METHOD = re.compile(_TOKEN)
_BEGINNING = re.compile(_TOKEN.encode())
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z -]+")
"""Go finds the space in a name only after it has read the whole head."""
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_VERSION = re.compile(r"HTTP/([0-9])\.([0-9])")
_HOST = re.compile(r"[0-9A-Za-z!$%&'()*+,.:;=\[\]_~-]*")
_NOT_DECLARED = frozenset({"transfer-encoding", "trailer", "content-length"})
"""What no trailer may be called."""
_CLOSE = re.compile(r"(?:^|[ ,\t])close(?:$|[ ,\t])", re.IGNORECASE)
_KEEP_ALIVE = re.compile(r"(?:^|[ ,\t])keep-alive(?:$|[ ,\t])", re.IGNORECASE)
_CONTINUE = re.compile(r"(?:^|[ ,\t])100-continue(?:$|[ ,\t])", re.IGNORECASE)

_ORDINARY = re.compile(
    rb"([A-Z]+) (/[A-Za-z0-9._~$&+,/:;=@?-]*) HTTP/1\.([01])\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n"
)

_LINES = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)+")
"""Ordinary headers. The last may go on in the line behind it."""


class BadRequest(Exception):
    """Bytes that are no request. Says what Go's library answers before it asks anybody."""

    def __init__(self, line: str = "400 Bad Request", body: str | None = None) -> None:
        """`line` is the status line without its version; it is the body, too, if there is none."""
        super().__init__(line)
        self.line = line
        self.body = line if body is None else body

    def reply(self) -> bytes:
        """The whole answer, without date and length."""
        return (
            f"HTTP/1.1 {self.line}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Connection: close\r\n\r\n{self.body}"
        ).encode("latin-1")


class Head:
    """A head that was read."""

    def __init__(
        self,
        method: str,
        target: str,
        version: tuple[int, int],
        headers: list[tuple[str, str]],
        size: int = 0,
    ) -> None:
        """Of so many bytes. Raises `BadRequest` if the headers contradict each other."""
        self.method = method
        self.target = target
        self.headers = tuple(headers)
        self.recorded: Recorded | None = None
        """What is recorded of it, if that isn't all."""
        if size > LARGEST or len(headers) > MOST:
            self.recorded = recorded(target, headers)
        index: dict[str, list[str]] = {}
        for name, value in headers:
            index.setdefault(name.lower(), []).append(value)
        self.index = index
        """The values by their names in lower case."""
        # What an HTTP/2 client says first has no headers; Go lets its handler see that.
        preface = (method, target, version) == ("PRI", "*", (2, 0))
        hosts = index.get("host", ())
        if len(hosts) > 1:
            raise BadRequest
        recent = version >= (1, 1)
        self.chunked = recent and _chunked(index)
        self.length = _length(index)
        """Bytes of the body; what is declared of a chunked one is ignored."""
        if self.chunked:
            declared = ",".join(index.get("trailer", ())).split(",")
            if not _NOT_DECLARED.isdisjoint(name.strip().lower() for name in declared):
                raise BadRequest
        if version[0] != 1 and not preface:
            raise BadRequest("505 HTTP Version Not Supported: unsupported protocol version")
        if recent and not hosts and method != "CONNECT" and not (preface and not headers):
            raise BadRequest("400 Bad Request: missing required Host header")
        if hosts and not _HOST.fullmatch(hosts[0]):
            raise BadRequest("400 Bad Request: malformed Host header")
        self.version = "1.1" if recent else "1.0"
        """As an answer shows it."""
        wish = ",".join(index["connection"]) if "connection" in index else ""
        self.closing = bool(_CLOSE.search(wish)) or not (recent or _KEEP_ALIVE.search(wish))
        """Whether the client wants the connection to end."""
        expect = index["expect"][0] if "expect" in index else ""
        self.expects = recent and bool(_CONTINUE.search(expect))
        """Whether it waits for 100 Continue before it sends the body."""
        self.alone = not (self.chunked or self.length or self.closing)
        """Whether it is the whole request, behind which the connection goes on."""


_kept: dict[bytes, Head] = {}


def kept(data: bytes) -> Head | None:
    """The head that is all of these bytes, if it is kept."""
    return _kept.get(data)


def _chunked(index: dict[str, list[str]]) -> bool:
    codings = index.get("transfer-encoding")
    if codings is None:
        return False
    if len(codings) != 1 or codings[0].lower() != "chunked":
        raise BadRequest("501 Not Implemented", "Unsupported transfer encoding")
    return True


def _length(index: dict[str, list[str]]) -> int:
    lengths = index.get("content-length")
    if lengths is None:
        return 0
    digits = lengths[0]
    # Go wants digits of ASCII and nothing else, and a number that fits into 63 bits.
    if len(set(lengths)) > 1 or not (digits.isascii() and digits.isdigit() and len(digits) < 5000):
        raise BadRequest
    length = int(digits)
    if length >= 2**63:
        raise BadRequest
    return length


class HeadReader:
    """Puts one head together from bytes as they come; many, as long as each comes in one piece."""

    def __init__(self, least: int = 1, limits: Limits = USUAL) -> None:
        """`least` is the number of bytes with which a head begins to be looked at."""
        self._least = least
        self._largest = limits.head_bytes
        self._most = limits.headers
        self._buffer = bytearray()
        self._at = 0
        """Where the first line begins that was not looked at."""
        self._line: tuple[str, str, tuple[int, int]] | None = None
        self._headers: list[tuple[str, str]] = []
        self._open: list[str] = []
        """The lines of a header that the next line may go on with."""
        self._spaced = False

    @property
    def begun(self) -> int:
        """Bytes of a head that came in pieces."""
        return len(self._buffer)

    def feed(self, data: bytes) -> tuple[Head, bytes] | None:
        """Take bytes. Returns the head and what follows it, or None. Raises `BadRequest`."""
        if self._buffer:
            return self._slowly(data)
        size = data.find(b"\r\n\r\n", 0, LONGEST_KEPT) + 4
        if (known := _kept.get(data[:size])) is not None and not self.refuses(known, size):
            return known, data[size:]
        if found := _ORDINARY.match(data):
            if found.end() > self._largest:
                raise _too_large()
            method, target, minor, block = found.groups()
            lines = [line.partition(":") for line in block.decode("latin-1").split("\r\n")]
            lines.pop()
            if self._most and len(lines) > self._most:
                raise _too_large()
            headers = [(name, value.strip(" \t")) for name, _, value in lines]
            head = Head(method.decode(), target.decode(), (1, int(minor)), headers, found.end())
            if found.end() == size:
                if len(_kept) == MOST_KEPT:
                    _kept.clear()
                _kept[data[:size]] = head
            return head, data[found.end() :]
        return self._slowly(data)

    def refuses(self, head: Head, size: int) -> bool:
        """Whether a head that others were let in with is too large for us."""
        return size > self._largest or 0 < self._most < len(head.headers)

    def _slowly(self, data: bytes) -> tuple[Head, bytes] | None:
        buffer = self._buffer
        searched = len(buffer) if len(buffer) >= self._least else 0
        buffer += data
        if len(buffer) < self._least:
            return None
        if not _BEGINNING.match(buffer):
            raise BadRequest
        while (end := buffer.find(b"\n", max(self._at, searched), self._largest)) >= 0:
            if self._line is not None and self._many():
                continue
            line = buffer[self._at : end].decode("latin-1").removesuffix("\r")
            self._at = end + 1
            if self._line is None:
                self._line = _request_line(line)
            elif self._header(line):
                rest = bytes(buffer[self._at :])
                return self._whole(), rest
        if len(buffer) >= self._largest:
            raise _too_large()
        return None

    def _many(self) -> bool:
        """Take ordinary headers all at once. Returns whether there were any."""
        found = _LINES.match(self._buffer, self._at, self._largest)
        if found is None:
            return False
        *lines, last, _ = found.group().decode("latin-1").split("\r\n")
        if lines:
            # What was open is over, as none of these goes on with it.
            self._header(lines[0])
            parts = (line.partition(":") for line in lines)
            self._headers += [(name, value.strip(" \t")) for name, _, value in parts]
            if self._most and len(self._headers) > self._most:
                raise _too_large()
            self._open = []
        self._header(last)
        self._at = found.end()
        return True

    def _whole(self) -> Head:
        assert self._line is not None, "a head begins with its request line"
        head = Head(*self._line, self._headers, self._at)
        if self._spaced:
            raise BadRequest("400 Bad Request: invalid header name")
        return head

    def _header(self, line: str) -> bool:
        """Take a line after the first. Returns whether it ends the head."""
        if line[:1] in (" ", "\t"):
            if not self._open:
                raise BadRequest
            self._open.append(line.strip(" \t"))
            return False
        if self._open:
            name, _, value = " ".join(self._open).partition(":")
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise BadRequest
            self._spaced = self._spaced or " " in name
            self._headers.append((name, value.lstrip(" \t")))
            if self._most and len(self._headers) > self._most:
                raise _too_large()
        if line and ":" not in line:
            raise BadRequest
        self._open = [line.strip(" \t")]
        return not line


def _request_line(line: str) -> tuple[str, str, tuple[int, int]]:
    """Method, target and version. Raises `BadRequest`."""
    method, _, rest = line.partition(" ")
    target, _, protocol = rest.partition(" ")
    version = _VERSION.fullmatch(protocol)
    if version is None or not _METHOD.fullmatch(method):
        raise BadRequest
    tunnel = method == "CONNECT" and not target.startswith("/")
    try:
        url.parse(f"http://{target}" if tunnel else target)
    except ValueError:
        raise BadRequest from None
    return method, target, (int(version[1]), int(version[2]))


def _too_large() -> BadRequest:
    return BadRequest("431 Request Header Fields Too Large")
