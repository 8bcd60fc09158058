"""Flaws in how a stream is passed on: held back, torn, rewritten, or ended by the balancer itself.

Longer than 300 lines because it is a list: a class of a few lines for each flaw.
"""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from ollama_simulator.acts import Act, Body, End, Framing, Head
from ollama_simulator.conformance.flaws.flaw import Flawed, FlawedRelay
from ollama_simulator.net.client import Broken, ResponseHead
from ollama_simulator.net.client import End as Ended

BUFFER = 4096
"""Bytes that are read at a time by who reads full buffers."""
LIMIT = 16_384
"""Bytes of a line that is too long for who limits lines."""

Bytes = AsyncGenerator[bytes, None]


def is_events(head: ResponseHead) -> bool:
    """Whether an answer is a stream of server-sent events."""
    return (head.header("content-type") or "").startswith("text/event-stream")


async def buffered(body: AsyncIterator[bytes]) -> Bytes:
    """All of it at its end."""
    whole = b"".join([data async for data in body])
    if whole:
        yield whole


async def by_lines(body: AsyncIterator[bytes], change: Callable[[bytes], bytes]) -> Bytes:
    """Line by line, each changed; what is left without a line feed comes as it is."""
    rest = b""
    async for data in body:
        *lines, rest = (rest + data).split(b"\n")
        if out := b"".join(change(line + b"\n") for line in lines):
            yield out
    if rest:
        yield rest


def in_json(line: bytes, change: Callable[[Any], Any]) -> bytes:
    """A line of JSON, changed; None from `change` leaves it as it is."""
    start = line.find(b"{")
    try:
        changed = change(json.loads(line[start:])) if start >= 0 else None
    except ValueError:
        return line
    if changed is None:
        return line
    return line[:start] + json.dumps(changed, ensure_ascii=False).encode() + b"\n"


# --- held back ------------------------------------------------------------------------------------


class OneBehind(Flawed):
    """Each piece of an answer waits for the next one."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> Bytes:
        held = b""
        async for data in body:
            if held:
                yield held
            held = data
        if held:
            yield held


class FillsBuffers(Flawed):
    """An answer is read 4,096 bytes at a time; what doesn't fill them waits."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> Bytes:
        held = b""
        async for data in body:
            held += data
            while len(held) >= BUFFER:
                yield held[:BUFFER]
                held = held[BUFFER:]
        if held:
            yield held


class HoldsSmall(Flawed):
    """Pieces below 64 bytes wait for more."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> Bytes:
        held = b""
        async for data in body:
            held += data
            if len(held) >= 64:
                yield held
                held = b""
        if held:
            yield held


class BuffersUnlessTold(FlawedRelay):
    """An answer is passed on as it comes only if its server says `X-Accel-Buffering: no`."""

    def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        return body if head.header("x-accel-buffering") == "no" else buffered(body)


class StreamsEventsOnly(FlawedRelay):
    """Only `text/event-stream` is passed on as it comes."""

    def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        return body if is_events(head) else buffered(body)


class BuffersAbsent(FlawedRelay):
    """A request that says nothing of `stream` is taken for one that wants no stream."""

    def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        return body if b'"stream"' in self.body else buffered(body)


# --- torn -----------------------------------------------------------------------------------------


class MendsText(Flawed):
    """Each piece is decoded by itself, and what can't be decoded is replaced."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> Bytes:
        async for data in body:
            yield data.decode("utf-8", "replace").encode()


class TakesPiecesForLines(FlawedRelay):
    """Each piece is taken for whole lines or events; one that is none is dropped."""

    async def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> Bytes:
        end = b"\n\n" if is_events(head) else b"}\n"
        start = (b"data:", b"event:") if is_events(head) else b"{"
        async for data in body:
            if data.startswith(start) and data.endswith(end):
                yield data


class OneEventAPiece(FlawedRelay):
    """Only the first line or event of each piece is passed on."""

    async def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> Bytes:
        end = b"\n\n" if is_events(head) else b"\n"
        async for data in body:
            first, found, _ = data.partition(end)
            yield first + found


class WholeEventsOnly(FlawedRelay):
    """Events and lines are passed on when their line feeds have come; what is left is lost."""

    async def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> Bytes:
        end = b"\n\n" if is_events(head) else b"}\n"
        rest = b""
        async for data in body:
            rest += data
            whole, found, rest = rest.rpartition(end)
            if found:
                yield whole + found


class LimitsLines(Flawed):
    """A line of more than 16 KiB is dropped."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> Bytes:
        async for data in by_lines(body, lambda line: line if len(line) < LIMIT else b""):
            yield data


# --- rewritten ------------------------------------------------------------------------------------


class ReemitsComments(FlawedRelay):
    """A comment within a stream of events is passed on as an event."""

    def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        return by_lines(body, self._change) if is_events(head) else body

    @staticmethod
    def _change(line: bytes) -> bytes:
        return b"data: " + line if line.startswith(b":") else line


class DataLinesOnly(FlawedRelay):
    """Of a stream of events only the lines that begin with `data:` are passed on."""

    def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        return by_lines(body, self._change) if is_events(head) else body

    @staticmethod
    def _change(line: bytes) -> bytes:
        return line if line.startswith(b"data:") or not line.strip() else b""


class SwallowsErrors(Flawed):
    """A line of a stream that tells an error is left out."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> Bytes:
        async for data in by_lines(body, lambda line: b"" if b'"error":' in line else line):
            yield data


class FirstUsageWins(Flawed):
    """The first usage that a stream tells is told ever after; without one it is left out."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> Bytes:
        first: list[Any] = []

        def change(line: Any) -> Any:
            holder = line.get("response", line)
            if "usage" not in holder:
                return None
            first.append(holder["usage"])
            if len(first) == 1 and holder["usage"] and "choices" not in line:
                # These dialects tell it once, and it is not theirs any more.
                first[0] = None
            holder["usage"] = first[0]
            return line

        async for data in by_lines(body, lambda line: in_json(line, change)):
            yield data


class DropsEmptyChoices(Flawed):
    """An event whose `choices` are empty is left out."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> Bytes:
        async for data in by_lines(body, lambda line: b"" if b'"choices":[]' in line else line):
            yield data


class StripsStatistics(Flawed):
    """Ollama's last line is written anew, with what every client needs and nothing else."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> Bytes:
        def change(line: Any) -> Any:
            if line.get("done") is not True:
                return None
            kept = ("model", "created_at", "done", "done_reason")
            found = {key: line[key] for key in kept if key in line}
            text = {"message": {"role": "assistant", "content": ""}, "response": ""}
            return found | {key: text[key] for key in text if key in line}

        async for data in by_lines(body, lambda line: in_json(line, change)):
            yield data


class MergesCalls(Flawed):
    """Every call of a tool has the index 0."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> Bytes:
        async for data in body:
            yield re.sub(rb'"((?:output_)?index)": ?\d+', rb'"\1":0', data)


class LosesThoughts(Flawed):
    """Only the first two pieces of what a model thinks are passed on."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> Bytes:
        count = 0
        async for data in body:
            if re.search(rb'"(thinking|reasoning)":"[^"]|summary_text\.delta', data):
                count += 1
                if count > 2:
                    continue
            yield data


class DropsPictures(FlawedRelay):
    """A long string in a request is left empty."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        self.body = re.sub(rb'"[^"]{9999,}"', b'""', await self.request.body.read())
        async for act in super().relay():
            yield act


# --- ended by the balancer ------------------------------------------------------------------------


class AnswersSilence(FlawedRelay):
    """A server that does not begin to answer in time is answered for, with 200 and nothing."""

    async def unanswered(self, broken: Broken) -> AsyncGenerator[Act, None]:
        if broken.end is not Ended.SILENT:
            async for act in super().unanswered(broken):
                yield act
            return
        yield Head(200, (("Content-Type", "application/json"),))
        yield Body(b"{}", flush=False)
        yield End()


class IgnoresKeepalives(Flawed):
    """Only a piece with text in it ends a server's silence."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> Bytes:
        heard = self.clock.now()
        async for data in body:
            if self.silence is not None and self.clock.now() > heard + self.silence:
                raise Broken(Ended.SILENT, "no text came")
            if not re.match(rb":|.*\"(content|response)\":\"\"", data):
                heard = self.clock.now()
            yield data


class HidesShortLength(FlawedRelay):
    """A length that a server promised is not passed on, and one that it didn't keep not told."""

    def passed_on(self, head: ResponseHead) -> Head:
        told = super().passed_on(head)
        return Head(told.status, told.headers, Framing.CHUNKED)

    async def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> Bytes:
        try:
            async for data in body:
                yield data
        except Broken as broken:
            if head.header("content-length") is None or broken.end is Ended.SILENT:
                raise


class InventsTheEnd(FlawedRelay):
    """A stream without a last line gets one, however it ended."""

    LAST = (
        ("/api/chat", b'{"message":{"content":""},"done":true,"done_reason":"stop"}\n'),
        ("/api/generate", b'{"response":"","done":true,"done_reason":"stop"}\n'),
        ("/v1/messages", b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
        ("/v1/responses", b'event: x\ndata: {"type":"response.completed","response":{}}\n\n'),
        ("/v1/", b"data: [DONE]\n\n"),
    )

    def passed_on(self, head: ResponseHead) -> Head:
        told = super().passed_on(head)
        return Head(told.status, told.headers, Framing.CHUNKED)

    async def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> Bytes:
        tail = b""
        try:
            async for data in body:
                tail = data
                yield data
        except Broken:
            tail = b""
        for path, last in self.LAST:
            if self.request.target.startswith(path):
                done = (b"[DONE]", b'"done":true', b"message_stop", b"response.completed")
                if not any(each in tail for each in done):
                    yield last
                return


class InsistsOnDone(FlawedRelay):
    """A stream that doesn't end with `data: [DONE]`, or `done`, counts as broken."""

    async def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> Bytes:
        tail = b""
        async for data in body:
            tail = data
            yield data
        if b"data: [DONE]" not in tail and b'"done":true' not in tail:
            raise Broken(Ended.CUT, "no [DONE]")


class GluesErrors(FlawedRelay):
    """A broken stream ends properly, with an error that is glued to what was there."""

    ERROR = b'{"error":{"message":"the server is gone"}}'
    prefix = b"data: "

    async def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> Bytes:
        try:
            async for data in body:
                yield data
        except Broken:
            if is_events(head):
                yield self.prefix + self.ERROR + b"\n\n"
            else:
                yield self.ERROR + b"\n"


class BareErrors(GluesErrors):
    """A broken stream ends properly, with an error in bare JSON."""

    prefix = b"\n\n"
