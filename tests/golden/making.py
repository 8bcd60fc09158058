"""Recordings and replies made for these tests."""

from __future__ import annotations

from typing import Any

from ollama_simulator.golden.recording import Recording, Reply, recording

DATE = "Mon, 23 Nov 2026 15:07:47 GMT"
VERSION = b'{"version":"0.33.0-rc2"}'


def reply(body: bytes = VERSION, **fields: Any) -> Reply:
    """A whole answer with a length."""
    headers = (
        ("Content-Type", "application/json; charset=utf-8"),
        ("Date", DATE),
        ("Content-Length", str(len(body))),
    )
    kinds: dict[str, Any] = {
        "status_line": "HTTP/1.1 200 OK",
        "headers": headers,
        "framing": "content-length",
        "body": body,
        "after": "open",
    }
    return Reply(**(kinds | fields))


def chunked(*chunks: bytes, **fields: Any) -> Reply:
    """A whole answer in chunks."""
    headers = (
        ("Content-Type", "application/x-ndjson"),
        ("Date", DATE),
        ("Transfer-Encoding", "chunked"),
    )
    body = b"".join(chunks)
    return reply(body, headers=headers, framing="chunked", chunks=chunks, **fields)


def native(**fields: Any) -> dict[str, Any]:
    """A line of the native format: who asks for the version gets it."""
    line: dict[str, Any] = {
        "name": "liveness/version",
        "setup": "server main; any state",
        "script": None,
        "request": {
            "method": "GET",
            "path": "/api/version",
            "headers": [["Host", "localhost:11434"]],
            "body": None,
        },
        "response": {
            "status_line": "HTTP/1.1 200 OK",
            "headers": [
                ["Content-Type", "application/json; charset=utf-8"],
                ["Date", DATE],
                ["Content-Length", str(len(VERSION))],
            ],
            "framing": "content-length",
            "chunks": [],
            "body": VERSION.decode(),
            "ended": "complete",
            "connection_after": "open",
        },
    }
    return line | fields


def posted(path: str, body: str, **fields: Any) -> dict[str, Any]:
    """A line of the native format with a POST."""
    request = {
        "method": "POST",
        "path": path,
        "headers": [["Host", "localhost:11434"], ["Content-Length", str(len(body.encode()))]],
        "body": body,
    }
    return native(request=request, **fields)


def compat(**fields: Any) -> dict[str, Any]:
    """A line of the compat format: a model that isn't there."""
    body = (
        '{"error":{"message":"model \'nope\' not found","type":"not_found_error","param":null,'
        '"code":null}}\n'
    )
    line: dict[str, Any] = {
        "name": "nomodel",
        "request": {
            "method": "POST",
            "path": "/v1/chat/completions",
            "body": {"model": "nope", "messages": [{"role": "user", "content": "x"}]},
        },
        "response": {
            "status": 404,
            "headers": [
                ["Content-Type", "application/json"],
                ["Date", DATE],
                ["Content-Length", str(len(body))],
            ],
            "body": body,
        },
    }
    return line | fields


def made(line: dict[str, Any], number: int = 1, file: str = "some.jsonl") -> Recording:
    """The recording of a line."""
    return recording(line, file, number)
