"""The files that a new model begins with: another model's, or uploaded ones.

Source: native specification 4.13.

It must not import anything but layer 0 and its own package.
"""

import json
from collections.abc import AsyncGenerator, Mapping

from ollama_simulator import names
from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.engine.registry import gguf
from ollama_simulator.engine.registry.blobs import Blob, bare, sha256
from ollama_simulator.engine.registry.gguf import Head
from ollama_simulator.engine.registry.layers import layers_of
from ollama_simulator.engine.registry.new_file import Made
from ollama_simulator.engine.registry.pull import fetched
from ollama_simulator.engine.registry.remote import failed
from ollama_simulator.model import Event, Layer, Model, Origin, Progress, Refusal


def bad(message: str) -> Refusal:
    """What is the client's fault."""
    return Refusal(400, message, Origin.RUNNER)


class Sources:
    """Collects the files, telling of its progress."""

    def __init__(self, machine: Machine, call: Call) -> None:
        self._machine = machine
        self._store = machine.store
        self._call = call
        self.files: list[Made] = []
        self.base: Model | None = None
        """The model that the files are taken from."""

    async def model(self, name: names.Name) -> AsyncGenerator[Event, None]:
        """Take another model's files, after a pull if it isn't installed."""
        found = self._store.get(name.short)
        if found is None or names.parse(found.model.name.strip()) != name:
            async for event in fetched(self._machine, name, self._call):
                yield event
            found = self._store.get(name.short)
            assert found is not None, "it was pulled"
        if found.model.broken:
            raise failed(found.model.broken)
        self.base = found.model
        *layers, _ = layers_of(found.model)
        for layer in layers:
            blob = self._blob(layer.digest, "stat")
            self.files.append(Made(layer, name.short, blob.head))

    async def uploaded(
        self, files: Mapping[str, str], *, adapter: bool = False
    ) -> AsyncGenerator[Event, None]:
        """Take uploaded files, by the names and digests that the client gave."""
        match self._kind(files):
            case "safetensors":
                if adapter and all(made.head is None for made in self.files):
                    raise bad("no base model was found")
                yield Progress("converting adapter" if adapter else "converting model")
                self.files.append(self._converted(files, "adapter" if adapter else "model"))
            case "gguf":
                if len(files) > 1 and adapter:
                    raise bad("only one adapter is currently supported")
                for path, digest in sorted(files.items()):
                    yield Progress("parsing GGUF")
                    self.files.append(self._parsed(path, digest))
            case _:
                raise bad("unknown type")

    def _kind(self, files: Mapping[str, str]) -> str:
        for path, digest in files.items():
            for kind in ("safetensors", "gguf"):
                if path.endswith(f".{kind}"):
                    return kind
            blob = self._store.blobs.get(bare(digest) or "")
            if blob is None or not blob.size:
                return ""
            if blob.head is not None or blob.start[:4] in gguf.MAGIC:
                return "gguf"
        return ""

    def _blob(self, digest: str, doing: str = "open") -> Blob:
        blob = self._store.blobs.get(digest)
        if blob is None:
            where = f"{self._machine.settings.models}/blobs/sha256-{digest}"
            raise failed(f"{doing} {where}: no such file or directory")
        return blob

    def _parsed(self, path: str, digest: str) -> Made:
        if not digest:
            raise failed(f"read {self._machine.settings.models}/blobs: is a directory")
        key = bare(digest)
        if key is None:
            raise failed("invalid digest format")
        blob = self._blob(key)
        if blob.head is None:
            if blob.start[:4] in gguf.MAGIC:
                raise failed(blob.fault)
            raise bad("supplied file was not in GGUF format")
        layer = Layer(blob.head.kind, key, blob.size)
        return Made(layer, path, blob.head, fresh=True, owner=self._store.owner(key))

    def _converted(self, files: Mapping[str, str], kind: str) -> Made:
        """One weight file of several of another format; what it is called follows from them."""
        keys = {path: bare(digest) for path, digest in sorted(files.items())}
        if None in keys.values():
            raise failed("invalid digest format")
        if keys.get("config.json") not in self._store.blobs:
            raise failed("open config.json: no such file or directory")
        blobs = {path: self._blob(key) for path, key in keys.items() if key is not None}
        size = sum(blob.size for path, blob in blobs.items() if path.endswith(".safetensors"))
        head = _described(blobs["config.json"].start, size)
        digest = sha256(" ".join(sorted(files.values())))
        layer = Layer(kind, digest, size)
        existed = digest in self._store.blobs
        self._store.blobs[digest] = Blob(size, head=head)
        return Made(layer, head=head, fresh=True, existed=existed)


def _described(config: bytes, size: int) -> Head:
    """What the new weight file says of itself: 16 bits for each parameter."""
    try:
        said = json.loads(config)
        family = str(said["architectures"][0]).partition("For")[0].lower()
    except (ValueError, LookupError, TypeError):
        raise failed("unknown architecture") from None
    values = {
        "general.architecture": family,
        "general.file_type": 1,
        "general.parameter_count": size // 2,
        f"{family}.context_length": said.get("max_position_embeddings", 0),
        f"{family}.embedding_length": said.get("hidden_size", 0),
    }
    return Head(values)
