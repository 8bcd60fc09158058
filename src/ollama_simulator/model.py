"""What a client wants and what a server says, free of any dialect.

Rules of this file:

1. A `Job` is one wish; an `Event` is one thing said while granting it. Both are frozen.
2. Times are seconds, as floats, unless the name says otherwise.
3. A `Refusal` is a "no", before or during an answer; the dialect that was spoken words it.
4. JSON that passes through unread (schemas, arguments of tools) is kept as text.

Longer than 300 lines because everything that the layers tell each other is read together.

It must not import anything of this package but `flow`.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec

from ollama_simulator.flow import Flow

Path = Literal["template", "parser", "harmony", "native"]
"""Who splits a model's output into thinking, text and calls (native specification, 5.1: the
paths T, P, H and N)."""


class ToolCall(msgspec.Struct, frozen=True):
    """A call of a tool, as the model made it."""

    name: str
    arguments: str = "{}"
    """A JSON object as Go prints it: the order of its keys kept, those of nested objects sorted."""
    id: str = ""
    index: int = 0
    """Which call of the answer this is, from 0."""


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: str
    content: str = ""
    thinking: str = ""
    images: tuple[bytes, ...] = ()
    """Pictures and sounds, decoded from base64."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_name: str = ""
    tool_call_id: str = ""


class Tool(msgspec.Struct, frozen=True):
    """A tool that the model may call."""

    name: str
    description: str = ""
    source: str = "{}"
    """All of it as Ollama prints it into a prompt: `{"type":"function","function":{...}}`."""


class Layer(msgspec.Struct, frozen=True):
    """One file that an installed model consists of."""

    kind: str
    """`model`, `projector`, `adapter`, `template`, `system`, `license`, `params`, `messages`
    or `config`."""
    digest: str
    """64 hexadecimal digits."""
    size: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An installed model. The first six fields are what the seed's `/models` takes."""

    name: str
    size: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    """Bytes on disk."""
    digest: str
    family: str
    parameter_size: str
    quantization_level: str
    format: str = "gguf"
    families: tuple[str, ...] | None = None
    """None for the family alone; empty for none at all (a stub)."""
    capabilities: tuple[str, ...] = ("completion",)
    """What it can do, in the order of `/api/show` (native specification, 8)."""
    listed_capabilities: tuple[str, ...] | None = None
    """The same as `/api/tags` shows it (4.4); None for no difference."""
    path: Path = "template"
    context_length: int = 0
    """Tokens that it was trained for; 0 if that isn't known."""
    embeds: bool = True
    """Whether it turns texts into vectors, whatever its capabilities: the seed's models all do, a
    real language model refuses (4.9)."""
    embedding_length: int = 0
    """Elements of its vectors; 0 for the default."""
    template: str = "{{ .Prompt }}"
    """The Go template, or for the path `native` the Jinja template of the file."""
    system: str = ""
    license: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = {}
    """Options that hold unless a request has its own (3.5)."""
    messages: tuple[Message, ...] = ()
    """Turns that stand before those of every request."""
    renderer: str = ""
    parser: str = ""
    """Name of the built-in parser for the path `parser` (5.1)."""
    requires: str = ""
    parent: str = ""
    """The model, or the uploaded file, that its weights were taken from (`parent_model`)."""
    remote_model: str = ""
    remote_host: str = ""
    """Where a stub sends its requests (4.21)."""
    weights: str = ""
    """Digest of the weight file; models that share one share a runner (6.3). Empty: its own."""
    layers: tuple[Layer, ...] = ()
    """The files it consists of, in the order of its manifest, the config last."""
    model_info: Mapping[str, Any] = {}
    """What `/api/show` shows of the file's metadata; empty for what follows from the rest."""
    projector_info: Mapping[str, Any] = {}
    tensors: tuple[Mapping[str, Any], ...] = ()
    modified_ns: int | None = None
    """Wall time of its installation; None for now."""
    memory_bytes: int = 0
    """Bytes that it takes when loaded, as `/api/ps` shows them; 0 for what follows from `size`."""
    broken: str = ""
    """What the reader of its damaged manifest says (2.4); empty for a sound one."""
    tokenizer: Literal["words", "quarters"] = "words"
    """What a token is: a word or a mark (`docs/text.md`), or any four characters."""
    runner_template: str = ""
    """The Jinja template that its runner renders with, where that isn't the one it shows."""
    kv_bytes_per_token: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Bytes of KV cache for each token of context, at 16 bits an element; 0 for what the hardware
    profile says."""
    kv_fixed_bytes: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Bytes of state of each slot that don't grow with the context (hybrid models)."""

    @property
    def has_weights(self) -> bool:
        """Whether it consists of more than a pointer to another host."""
        if self.layers:
            return any(layer.kind == "model" for layer in self.layers)
        return bool(self.weights) or not self.remote_host

    @property
    def weight_file(self) -> str:
        """What tells its runner from others."""
        return self.weights or self.digest or self.name


# --- jobs ---------------------------------------------------------------------------------


class Infer(msgspec.Struct, frozen=True):
    """Generate text. Without messages or prompt it only loads the model (or unloads it)."""

    model: str
    """The name as the client typed it."""
    messages: tuple[Message, ...] = ()
    kind: Literal["chat", "generate"] = "chat"
    """Whose checks and words apply: those of `/api/chat` (4.8) or of `/api/generate` (4.7)."""
    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: tuple[int, ...] | None = None
    """Even one of no tokens stands for all that was said before."""
    raw: bool = False
    images: tuple[bytes, ...] = ()
    """Prompt to images belong to `generate` alone."""
    tools: tuple[Tool, ...] = ()
    think: bool | str | None = None
    """None leaves it to the model."""
    think_if_able: bool = False
    """Whether a model that can't think is asked nonetheless, without thinking (Anthropic)."""
    format: str | None = None
    """The raw JSON of `format`: None or `""` for none (3.4)."""
    options: Mapping[str, Any] = {}
    """As the client sent them, numbers as int or float; read by `engine.options`."""
    keep_alive: float | None = None
    """Seconds that the model stays loaded afterwards; `inf` for ever; None for the default."""
    truncate: bool = True
    shift: bool | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    debug: bool = False
    """Only show the prompt that the model would get (`_debug_render_only`)."""
    uses_cache: bool = False
    """Whether the KV cache is read and written (in the seed: `/api/chat` only)."""
    path: str = ""
    """The endpoint that was asked, which the cloud would be asked for; empty for the native one."""

    @property
    def empty(self) -> bool:
        """Whether it asks for no text: a mere load or unload."""
        return not self.messages if self.kind == "chat" else not self.prompt


class Embed(msgspec.Struct, frozen=True):
    """Turn texts into vectors. Without inputs it only loads the model."""

    model: str
    inputs: tuple[str, ...]
    dimensions: int | None = None
    keep_alive: float | None = None
    truncate: bool = True
    options: Mapping[str, Any] = {}
    normalised: bool = True
    """False for the old endpoint: raw vectors, every failure a 500 (4.10)."""
    path: str = ""
    """The endpoint that was asked, which the cloud would be asked for; empty for the native one."""


class Show(msgspec.Struct, frozen=True):
    """Describe one installed model."""

    model: str
    system: str = ""
    """Stands in for the model's own in the Modelfile."""
    options: Mapping[str, Any] = {}
    """Likewise for its parameters."""
    verbose: bool = False
    path: str = ""
    """The endpoint that was asked, which the cloud would be asked for; empty for the native one."""


class ListModels(msgspec.Struct, frozen=True):
    """List the installed models, newest first."""


class ListLoaded(msgspec.Struct, frozen=True):
    """List the models in memory."""


class Nothing(msgspec.Struct, frozen=True):
    """Ask nothing of the engine: the codec knows the answer (liveness, version)."""


class Pull(msgspec.Struct, frozen=True):
    """Fetch a model from the registry (4.11)."""

    model: str
    insecure: bool = False


class Push(msgspec.Struct, frozen=True):
    """Send a model to the registry (4.12)."""

    model: str
    insecure: bool = False


class Create(msgspec.Struct, frozen=True):
    """Make a model of another one, or of files (4.13)."""

    model: str
    fields: Mapping[str, Any]
    """The request's fields by their JSON names, read and typed by the codec."""


class Copy(msgspec.Struct, frozen=True):
    """Give a model a second name (4.15)."""

    source: str
    destination: str


class Delete(msgspec.Struct, frozen=True):
    """Remove a model (4.16)."""

    model: str


class FindBlob(msgspec.Struct, frozen=True):
    """Ask whether a file is there (4.14)."""

    digest: str


class PutBlob(msgspec.Struct, frozen=True):
    """Store a file under its digest (4.14)."""

    digest: str
    body: Callable[[], AsyncIterator[bytes]]
    """Its bytes; asked for only if they are wanted. Raises `Refusal` if they can't be read."""


class Account(msgspec.Struct, frozen=True):
    """Ask who is signed in, or sign out (4.17, 4.18)."""

    sign_out: bool = False


class CloudCall(msgspec.Struct, frozen=True):
    """Have ollama.com do something (4.19, 4.21)."""

    path: str
    """The path there, such as `/api/web_search`."""
    what: str
    """What is unavailable when the cloud is disabled: `web search`, for example."""


class WebSearch(msgspec.Struct, frozen=True):
    """Search the web, for a model that called the built-in tool."""

    query: str


class CloudStatus(msgspec.Struct, frozen=True):
    """Ask whether the cloud is enabled (4.3)."""


Job = (
    Infer
    | Embed
    | Show
    | ListModels
    | ListLoaded
    | Nothing
    | Pull
    | Push
    | Create
    | Copy
    | Delete
    | FindBlob
    | PutBlob
    | Account
    | CloudCall
    | WebSearch
    | CloudStatus
)


# --- events -------------------------------------------------------------------------------


class Usage(msgspec.Struct, frozen=True):
    """What one answer cost (native specification, section 5.6)."""

    total_s: float
    load_s: float
    prompt_tokens: int
    """All tokens of the prompt, cached ones included."""
    prompt_s: float
    """Time spent on the uncached ones."""
    tokens: int
    """Tokens generated."""
    generation_s: float


class Logprob(msgspec.Struct, frozen=True):
    """How likely a token was, and others in its place."""

    token: str
    logprob: float
    top: tuple["Logprob", ...] = ()


class Token(msgspec.Struct, frozen=True):
    """One piece of an answer: what `/api/chat` would send as one line. Any part may be empty."""

    text: str
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[Logprob, ...] = ()


class Quiet(msgspec.Struct, frozen=True):
    """A token was generated that nobody is told of: part of a tag, or of a call."""


class Done(msgspec.Struct, frozen=True):
    """The end of a generation. `usage` is None for a mere load or unload.

    A generation that breaks off without an error ends without it (5.5).
    """

    reason: str
    """`stop`, `length`, `load` or `unload`."""
    usage: Usage | None
    text: str = ""
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()
    """Calls of which the last piece tells (paths `harmony` and `native`)."""
    logprobs: tuple[Logprob, ...] = ()
    context: tuple[int, ...] = ()
    """The tokens of prompt and answer, for `/api/generate`."""


class Rendered(msgspec.Struct, frozen=True):
    """The prompt that the model would have got: the whole answer to a `debug` job."""

    template: str
    images: int = 0


class Progress(msgspec.Struct, frozen=True):
    """One step of a pull, a push or a creation."""

    status: str
    digest: str = ""
    """With `sha256:` in front, or empty."""
    total: int = 0
    completed: int = 0


class Installed(msgspec.Struct, frozen=True):
    """A model with the time it was installed."""

    model: Model
    modified_ns: int
    """Wall time in nanoseconds since 1970."""


class Loaded(msgspec.Struct, frozen=True):
    """A model in memory."""

    model: Model
    expires_ns: int | None
    """Wall time of its unloading; None for never."""
    vram: int
    """Bytes of GPU memory that it takes."""
    context: int
    """Length of its context, in tokens."""
    size: int | None = None
    """Bytes of memory that it takes in all; None for all of it on the GPU."""


class Embeddings(msgspec.Struct, frozen=True):
    """One vector for each input."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage


class Found(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a web search found."""

    title: str
    url: str
    content: str = ""


class Answer(msgspec.Struct, frozen=True):
    """A whole answer of one piece."""

    value: Any
    """By job: `Show` an `Installed`; `ListModels` and `ListLoaded` a tuple of `Installed` and of
    `Loaded`; `Embed` an `Embeddings`; `PutBlob` whether the file is new; `WebSearch` a tuple of
    `Found`; `CloudStatus` whether the cloud is disabled, and by whom (`none`, `env`); all others
    None."""


Event = Token | Quiet | Done | Rendered | Progress | Answer | Flow


# --- refusals -----------------------------------------------------------------------------


class Origin(Enum):
    """Who said no. It decides content type, newline and framing of the error."""

    DECODE = "decode"
    """The request could not be read."""
    HANDLER = "handler"
    """The request is understood and not granted."""
    RUNNER = "runner"
    """The generation (or the pull, the creation) failed: the error is an event of the answer."""
    CLOUD = "cloud"
    """The cloud's proxy refused, in the native shape whatever was spoken (4.21)."""
    PANIC = "panic"
    """The handler broke down: nothing is told but the status."""


class Refusal(Exception):
    """A "no" with an HTTP status and a message for the client."""

    def __init__(
        self,
        status: int,
        message: str,
        origin: Origin = Origin.HANDLER,
        *,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """`extra` are further members of the native error object (`signin_url`)."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.origin = origin
        self.extra = dict(extra or {})


class Abandoned(Refusal):
    """The client left, so the job was given up. What it reads if it only shut its sending
    side down is section 6.7 of the native specification."""


class ModelMissing(Exception):
    """The model is not installed. Each endpoint has words of its own for that."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.model = model
