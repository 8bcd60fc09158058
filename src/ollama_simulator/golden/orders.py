"""What a real server puts in random order is put in one order, before anything is compared.

Source: native specification 4.4 to 4.6.

Rules of this file:

1. An order that a real server can't have is left alone, so that it is found to differ.

It must not import anything of this package.
"""

import re
from collections.abc import Callable, Iterable

import msgspec

_PARAMETERS = re.compile(rb'(?<="parameters":")(?:[^"\\]|\\.)*(?=")')
_MODELFILE = re.compile(rb'(?<="modelfile":")(?:[^"\\]|\\.)*(?=")')
_MODELS = re.compile(rb'(?<="(?:expires_at)":")[^"]*|(?<="modified_at":")[^"]*')
_EXPIRES = re.compile(rb'"expires_at":"[^"]*"')


class _Listing(msgspec.Struct):
    models: list[msgspec.Raw]


def sorted_out(body: bytes) -> bytes:
    """A body with its randomly ordered parts sorted."""
    if b'"parameters":"' in body:
        body = _PARAMETERS.sub(lambda text: b"\\n".join(sorted(text[0].split(b"\\n"))), body)
    if b'"modelfile":"' in body:
        body = _MODELFILE.sub(lambda text: _modelfile(text[0]), body)
    if body.startswith(b'{"models":['):
        body = _models(body)
    return body


def _modelfile(text: bytes) -> bytes:
    """A Modelfile, as JSON text, with each run of PARAMETER lines sorted."""
    return b"\\n".join(_sorted_runs(text.split(b"\\n"), lambda line: line[:10] == b"PARAMETER "))


def _sorted_runs(lines: Iterable[bytes], chosen: Callable[[bytes], bool]) -> list[bytes]:
    found: list[bytes] = []
    run: list[bytes] = []
    for line in lines:
        if chosen(line):
            run.append(line)
            continue
        found += [*sorted(run), line]
        run = []
    return found + sorted(run)


def _models(body: bytes) -> bytes:
    """A list of installed or of loaded models.

    A real server sorts by whole seconds, newest first, and what is of one second comes in any
    order. When models were loaded differs from run to run, so of loaded models (`expires_at`)
    the whole list may be in any order that its own times allow.
    """
    try:
        entries = [bytes(raw) for raw in msgspec.json.decode(body, type=_Listing).models]
    except msgspec.MsgspecError:
        return body
    if b'{"models":[' + b",".join(entries) + b"]}" != body:
        return body
    seconds = [(_MODELS.search(entry) or [b""])[0][:19] for entry in entries]
    if seconds != sorted(seconds, reverse=True):
        return body
    if b'"expires_at":"' in body:
        entries.sort(key=lambda entry: _EXPIRES.sub(b"", entry))
    else:
        pairs = sorted(zip(seconds, entries, strict=True), key=lambda pair: pair[1])
        entries = [entry for _, entry in sorted(pairs, key=lambda pair: pair[0], reverse=True)]
    return b'{"models":[' + b",".join(entries) + b"]}"
