"""What differs between two runs of the same server is replaced by a mark, and nothing else.

Source: native specification 13 and compat specification 18: dates, ids, durations, the lengths
that follow from them, and the ports that a real server's errors tell.

Rules of this file:

1. A part is replaced only if it has the very form that a real server gives it: a timestamp with a
   zero at the end of its fraction, or an id of 7 letters, stays and is found to differ.
2. Ids are numbered as they appear: one id in two places stays one id.
3. A length is replaced only if it is the length of a body in which something was replaced.

It must not import anything of this package but `recording` and `orders`.
"""

import re

import msgspec

from ollama_simulator.golden.orders import sorted_out
from ollama_simulator.golden.recording import Header, Reply

_ZONE = rb"(?:Z|[+-]\d\d:\d\d)"
_TIME = (
    rb"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T[0-2]\d:[0-5]\d:[0-5]\d(?:\.\d{0,8}[1-9])?"
    + _ZONE
)
_STAMPS = re.compile(rb'"(created_at|modified_at|expires_at)":"' + _TIME + rb'"')
_SECONDS = re.compile(rb'"(created|created_at|completed_at)":[1-9]\d{9}(?=[,}])')
_QUERY = re.compile(rb"\?ts=[1-9]\d{9}(?!\d)")
_DURATIONS = re.compile(
    rb'"(total_duration|load_duration|prompt_eval_duration|eval_duration)":[1-9]\d*(?=[,}])'
)
_PORTS = re.compile(rb"(?<=127\.0\.0\.1:)\d{4,5}(?!\d)")
_IDS = re.compile(
    rb'"(?:'
    rb"(?P<small>(?:chatcmpl|cmpl)-(?:0|[1-9]\d{0,2}))"
    rb"|(?P<hex>(?P<hexkind>msg|req|srvtoolu)_(?P<hexdigits>[0-9a-f]{24}))"
    rb"|(?P<call>call_[a-z0-9]{8})"
    rb"|(?P<number>(?P<before>(?:(?:rs|fc)_)?resp_|msg_|rs_|fc_|ws_)"
    rb"(?P<digits>0|[1-9]\d{0,5})(?P<behind>(?:_\d{1,2})?))"
    rb')"'
)
_DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), (0[1-9]|[12]\d|3[01]) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct"
    r"|Nov|Dec) \d{4} [0-2]\d:[0-5]\d:[0-5]\d GMT"
)


def normal(reply: Reply) -> Reply:
    """The reply with marks in place of what is volatile."""
    ids: dict[bytes, bytes] = {}
    chunks = tuple(_body(chunk, ids) for chunk in reply.chunks)
    body = b"".join(chunks) if reply.chunks else _body(reply.body, ids)
    return msgspec.structs.replace(reply, headers=_headers(reply, body), chunks=chunks, body=body)


def _headers(reply: Reply, marked: bytes) -> tuple[Header, ...]:
    found = []
    follows = marked != sorted_out(reply.body)
    for name, value in reply.headers:
        if name == "Date" and _DATE.fullmatch(value):
            value = "<date>"
        elif name == "Content-Length" and follows and value == str(len(reply.body)):
            value = "<length of the body>"
        found.append((name, value))
    return tuple(found)


def _body(body: bytes, ids: dict[bytes, bytes]) -> bytes:
    """A body, or a chunk of one."""
    body = sorted_out(body)
    body = _STAMPS.sub(rb'"\1":"<time>"', body)
    body = _SECONDS.sub(rb'"\1":<seconds>', body)
    body = _QUERY.sub(b"?ts=<seconds>", body)
    body = _DURATIONS.sub(rb'"\1":<duration>', body)
    body = _PORTS.sub(b"<port>", body)
    return _IDS.sub(lambda found: _id(found, ids), body)


def _id(found: "re.Match[bytes]", ids: dict[bytes, bytes]) -> bytes:
    """The mark of an id. The one number behind several ids (`resp_5`, `rs_resp_5`, `ws_5_1`), or
    the digits (`msg_…`, `srvtoolu_…`), are one."""

    def numbered(kind: bytes, key: bytes) -> bytes:
        return ids.setdefault(kind + key, b"<%s %d>" % (kind, len(ids) + 1))

    if found["small"]:
        kind, _, number = found["small"].partition(b"-")
        return b'"%s-%s"' % (kind, numbered(b"number", number))
    if found["hex"]:
        return b'"%s_%s"' % (found["hexkind"], numbered(b"hex", found["hexdigits"]))
    if found["call"]:
        return b'"call_%s"' % numbered(b"letters", found["call"])
    mark = numbered(b"number", found["digits"])
    return b'"%s%s%s"' % (found["before"], mark, found["behind"])
