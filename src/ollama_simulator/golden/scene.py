"""Arranges on a fresh server what a recording tells: by ordinary clients, as it was arranged.

Rules of this file:

1. Other clients speak over sockets like the one whose answer is compared.
2. What others do goes on in the scene's task group and ends with it.

It must not import anything of this package but layer 0, `fleet` and its own folder.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec

from ollama_simulator.engine.registry.blobs import Blob
from ollama_simulator.fleet import Fleet
from ollama_simulator.golden import acts
from ollama_simulator.golden.client import Connection, fetch
from ollama_simulator.golden.recording import Recording, Reply
from ollama_simulator.golden.scripts import LOAD_MS
from ollama_simulator.golden.world import World
from ollama_simulator.script import Load, Script, Step

SOON_S = 0.05
"""Long enough for a request to be taken up."""
LONG_S = 30.0
"""Longer than any replay."""
SLOW_MS = 1000.0
"""How long a load takes that is to be seen."""
SOME_TEXT = b"no model"
TEXTS = (b"hello blob", b"second blob", b"r" * 1_000_000)
"""What was uploaded as a file in the recordings."""


class NotArranged(Exception):
    """The server could not be brought into the state that the recording tells."""


class Scene:
    """A server being prepared."""

    def __init__(
        self,
        fleet: Fleet,
        world: World,
        recording: Recording,
        scripts: Sequence[Script],
        spawn: Callable[[Coroutine[Any, Any, object]], None],
    ) -> None:
        self._fleet = fleet
        self._world = world
        self._recording = recording
        self._scripts = scripts
        self._spawn = spawn
        (self.port,) = fleet.ports

    def script(self, scripts: Sequence[Script]) -> None:
        """Let the models answer so from now on."""
        self._fleet.script(None, scripts)

    async def arrange(self, act: acts.Act) -> None:
        """Bring one thing about. Raises `NotArranged`."""
        match act:
            case acts.Loaded(model, keep_alive, num_ctx):
                await self._load(model, keep_alive, num_ctx)
            case acts.Busy(model, was_idle):
                if was_idle:
                    await self._load(model)
                await self._begin(model)
            case acts.Loading(model) | acts.Waiting(model):
                self.script([_slow(script) for script in self._scripts])
                self._other("/api/chat", _chat(model))
                await self._pause(SOON_S)
            case acts.Crowd(others, every_ms):
                self.script(self._scripts)
                for _ in range(others):
                    self._other(self._recording.request.path, self._recording.request.json)
                    await self._pause(every_ms / 1000)
            case acts.Crashed(model):
                await self._crash(model)
            case acts.Left(model, bytes_asked, ago_s):
                await self._leave(model, bytes_asked, ago_s)
            case acts.Copied(source, name):
                await self._ask("/api/copy", {"source": source, "destination": name})
            case acts.Stub(name):
                await self._ask("/api/create", {"model": name, "from": "gpt-oss:120b-cloud"})
            case acts.FromFile(name, source):
                await self._from_file(name, source)
            case acts.Pulled(name):
                await self._ask("/api/pull", {"model": name, "insecure": True})
            case acts.Stored(digest):
                await self._store(digest)
            case acts.Half(model, is_open):
                await self._promise(model, is_open)
            case _:
                raise NotArranged(f"setup: {act!r} can't be arranged")

    # --- others -------------------------------------------------------------------------------

    def _other(self, path: str, fields: dict[str, Any]) -> None:
        self._spawn(fetch(self.port, "POST", path, json.dumps(fields).encode()))

    async def _ask(self, path: str, fields: dict[str, Any]) -> Reply:
        """An ordinary request that must be granted."""
        reply = await fetch(self.port, "POST", path, json.dumps(fields).encode())
        if " 200 " not in str(reply.status_line) or b'"error"' in reply.body:
            said = reply.body[:200].decode("utf-8", "replace")
            raise NotArranged(f"setup: {path} {fields}: {reply.status_line} {said}")
        return reply

    async def _load(
        self, model: str, keep_alive: str | None = None, num_ctx: int | None = None
    ) -> None:
        self.script([Script(load=Load(delay_ms=LOAD_MS))])
        fields: dict[str, Any] = {"model": model}
        if keep_alive is not None:
            fields["keep_alive"] = json.loads(keep_alive)
        if num_ctx is not None:
            fields["options"] = {"num_ctx": num_ctx}
        known = self._world.model(model)
        embeds = known is not None and "embedding" in known.capabilities
        await self._ask("/api/embed" if embeds else "/api/generate", fields)

    async def _begin(self, model: str) -> None:
        """Let another client's generation come to its first token."""
        self.script(self._scripts)
        begun = asyncio.Event()
        self._spawn(self._watch(model, begun))
        async with asyncio.timeout(10):
            await begun.wait()

    async def _watch(self, model: str, begun: asyncio.Event) -> None:
        async with Connection(self.port) as connection:
            await connection.send(_post("/api/chat", _chat(model)))
            await connection.some()
            begun.set()
            await connection.after(60)

    async def _crash(self, model: str) -> None:
        """Let the runner die of a request of another client."""
        await self._load(model)
        self.script([Script(answer=(Step(crash=""),))])
        await fetch(self.port, "POST", "/api/chat", json.dumps(_chat(model)).encode())

    async def _leave(self, model: str, bytes_asked: int, ago_s: float) -> None:
        await self._load(model)
        steps: tuple[Step, ...] = (Step(raw="a"), Step(wait_ms=5000.0), Step(raw="b"))
        if bytes_asked:
            # No two are alike, or the guard against repetition would end it.
            steps = tuple(Step(raw=f"{number:1000}") for number in range(bytes_asked // 1000))
        self.script([Script(answer=steps, gap_ms=0.0)])
        async with Connection(self.port) as connection:
            await connection.send(_post("/api/chat", _chat(model)))
            if bytes_asked:
                connection.turn_deaf()
                await self._pause(2.0)
            else:
                await connection.some()
        await self._pause(ago_s)

    async def _from_file(self, name: str, source: str) -> None:
        model = self._world.model(source)
        assert model is not None
        files = {"m.gguf": f"sha256:{model.weights}"}
        await self._ask("/api/create", {"model": name, "files": files})

    async def _store(self, digest: str) -> None:
        """Upload a file. One that no recording shows is put there as some text instead."""
        for text in TEXTS:
            if hashlib.sha256(text).hexdigest() == digest:
                await fetch(self.port, "POST", f"/api/blobs/sha256:{digest}", text)
                return
        blobs = self._fleet.server(self.port).store.blobs
        blobs.setdefault(digest, Blob(len(SOME_TEXT), SOME_TEXT))

    async def _promise(self, model: str, is_open: bool) -> None:
        """Send a whole request that claims to be longer."""
        await self._load(model)
        self.script(self._scripts)
        request = _post("/api/chat", _chat(model)).replace(b"Length: ", b"Length: 5")
        gone = asyncio.Event()

        async def other() -> None:
            async with Connection(self.port) as connection:
                await connection.send(request)
                await connection.pause(LONG_S if is_open else SOON_S)
            gone.set()

        self._spawn(other())
        if not is_open:
            await gone.wait()
        await self._pause(1.0)

    async def _pause(self, seconds: float) -> None:
        clock = self._fleet.clock
        await clock.sleep_until(clock.now() + seconds)


def _slow(script: Script) -> Script:
    """A script whose load takes a while, even if the recording doesn't tell of any."""
    if script.load is None or script.load.delay_ms in (None, LOAD_MS):
        return msgspec.structs.replace(script, load=Load(delay_ms=SLOW_MS))
    return script


def _chat(model: str) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}]}


def _post(path: str, fields: dict[str, Any]) -> bytes:
    body = json.dumps(fields).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost:11434\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
