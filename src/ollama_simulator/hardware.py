"""How one machine spends its time with one model: a hardware profile, and where profiles are found.

Source: engine model, sections 2.1, 2.2 and 3.

Rules of this file:

1. A profile is data: a TOML file in `profiles/`, or one of the user's own. It tells where its
   numbers are from, how far they are to be trusted, and which of them were worked out.
2. A profile that reads its weights faster than its memory allows is refused: no real one does.
3. Its numbers hold for one generation of Ollama's engine on one machine with one model.

It must not import anything of this package.

Longer than 300 lines because all numbers of a profile are read together.
"""

import difflib
import functools
import math
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

DEFAULT = "seed"
"""The profile that takes no time of its own: there only the pace of a behaviour counts."""

Trust = Literal["A", "B", "C", "D"]
"""A: read in source code or a raw measurement with its method; B: a third party's measurement,
method partly known; C: a claim or a secondary report; D: contradictory or implausible."""
Positive = Annotated[float, msgspec.Meta(gt=0)]
NonNegative = Annotated[float, msgspec.Meta(ge=0, le=1e18)]
"""Not infinite: nothing would ever end."""
Bytes = Annotated[int, msgspec.Meta(ge=0)]

PART = 3
"""Letters of a name that say which profiles may have been meant."""
STEEPEST = 4.0
"""The largest exponent by which generating slots get into each other's way: the largest that was
measured is 1.37."""
LEAST_STEP_MS = 0.001
"""A machine that makes tokens in no time would make them without end."""
HEADROOM = 1.02
"""How far above the bandwidth bound a measured rate may be: sizes and bandwidths are rounded."""


class BadProfile(ValueError):
    """A profile that isn't there, can't be read, or can't be true. The text says which and why."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table of a profile."""


class Step(_Part, frozen=True):
    """What every iteration costs."""

    t0_ms: NonNegative = 0.0
    """Milliseconds of an iteration that decodes one token at depth 0."""
    sampling_ms: NonNegative = 0.0
    """The part of them in which the token is drawn: engine `legacy` leaves that out of what it
    reports (1.10)."""


class Prefill(_Part, frozen=True):
    """What the tokens of a prompt cost."""

    r_tps: Positive = math.inf
    """Tokens in a second, before depth counts."""
    q_ns: NonNegative = 0.0
    """Nanoseconds for a token and each token before it."""


class Decode(_Part, frozen=True):
    """What tokens cost beyond the step itself."""

    c_us: NonNegative = 0.0
    """Microseconds for each token of context of each generating slot."""
    b_ms: NonNegative = 0.0
    """Milliseconds for a second generating slot."""
    g: Annotated[float, msgspec.Meta(ge=0, le=STEEPEST)] = 1.0
    """The exponent by which further slots add to that: b * (G - 1) ** g."""


class Batch(_Part, frozen=True):
    """How much fits in an iteration."""

    n: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Tokens; 0 leaves it to the server (`num_batch`)."""


class Overhead(_Part, frozen=True):
    """What a request costs before it waits for a slot."""

    request_ms: NonNegative = 0.0
    """Milliseconds of scheduling and HTTP; they count as `load_duration`."""
    us_per_token: NonNegative = 0.0
    """Microseconds for each token of the prompt: template and tokenizer."""


class Load(_Part, frozen=True):
    """What loading a model costs."""

    fixed_s: NonNegative = 0.0
    disk_Bps: Positive = math.inf
    """Bytes in a second from a disk that holds the weights."""
    pcie_Bps: Positive = math.inf
    """Bytes in a second into the memory of the GPU."""
    pagecache_Bps: Positive = math.inf
    """Bytes in a second of weights that are still in the host's page cache."""
    unload_s: NonNegative = 0.0
    """Seconds until the memory of an evicted model is free."""
    poll_s: NonNegative = 0.0
    """Loads take a multiple of this; 0 for what they take."""


class Cache(_Part, frozen=True):
    """What moving KV state between the slots and the host's memory costs (engine `current`)."""

    copy_Bps: Positive = math.inf


class Jitter(_Part, frozen=True):
    """How regular the iterations are."""

    sigma: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    """Of a log-normal factor of mean 1 on each iteration, common to all slots."""
    stall_p: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    """Share of iterations that take `stall_ms` longer."""
    stall_ms: NonNegative = 0.0


class Memory(_Part, frozen=True):
    """The memory that models are loaded into."""

    vram_bytes: Bytes = 0
    """Of all GPUs, or what a unified memory or the RAM gives models; 0 for no limit."""
    ram_bytes: Bytes = 0
    """Of the host, as far as it serves as page cache; 0 for no limit."""
    bandwidth_Bps: NonNegative = 0.0
    """Bytes in a second that the memory of the model delivers; 0 if that isn't known."""
    gpus: Annotated[int, msgspec.Meta(ge=0)] = 1
    """How many GPUs share it; with none the CPU computes, in the host's memory."""
    graph_bytes: Bytes = 0
    """What a loaded model takes beside its weights and its KV cache."""


class Weights(_Part, frozen=True):
    """The model that the numbers are for."""

    name: str = ""
    """As it would be pulled."""
    size: Bytes = 0
    """Bytes of its file."""
    active_bytes: Bytes = 0
    """Bytes that are read for a token; 0 for all of them (a dense model)."""
    kv_bytes_per_token: Bytes = 0
    """At 16 bits an element."""
    family: str = ""
    parameter_size: str = ""
    quantization_level: str = ""
    context_length: Bytes = 0


class Pace(_Part, frozen=True):
    """Rates that a machine doesn't exceed; all there is where it takes no time of its own."""

    decode_tps: Positive = math.inf
    prefill_tps: Positive = math.inf


class HardwareProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A machine with a model."""

    name: str
    hardware: str
    """What it is, as its maker calls it."""
    source: str
    """Where the numbers are from."""
    trust: Trust
    engine: Literal["legacy", "current", "llama.cpp", "any"] = "any"
    """The generation that it was measured on."""
    derived: tuple[str, ...] = ()
    """Fields that were worked out and not measured, as `table.field`."""
    synthetic: bool = False
    """Whether it is made up, and exempt from the bandwidth bound."""
    note: str = ""
    model: Weights = Weights()
    memory: Memory = Memory()
    step: Step = Step()
    prefill: Prefill = Prefill()
    decode: Decode = Decode()
    batch: Batch = Batch()
    overhead: Overhead = Overhead()
    load: Load = Load()
    cache: Cache = Cache()
    jitter: Jitter = Jitter()
    pace: Pace = Pace()

    def __post_init__(self) -> None:
        bound = self.bound_tps
        # A profile of no time at all decodes at the pace of a behaviour.
        if not self.synthetic and self.step.t0_ms and 1000 / self.step.t0_ms > bound * HEADROOM:
            raise BadProfile(
                f"profile {self.name!r}: step.t0_ms {self.step.t0_ms:g} is "
                f"{1000 / self.step.t0_ms:.1f} tokens a second, and its memory delivers the "
                f"weights only {bound:.1f} times a second"
            )
        if not self.free and self.step.t0_ms < LEAST_STEP_MS:
            raise BadProfile(
                f"profile {self.name!r}: step.t0_ms is {self.step.t0_ms:g}, and where prompts or "
                f"contexts take time an iteration takes at least {LEAST_STEP_MS:g} ms"
            )
        for field in self.derived:
            part, _, name = field.partition(".")
            if name not in getattr(getattr(self, part, None), "__struct_fields__", ()):
                raise BadProfile(f"profile {self.name!r}: derived: there is no field {field!r}")

    @property
    def bound_tps(self) -> float:
        """Tokens in a second that the memory's bandwidth allows; `inf` if it isn't known."""
        read = self.model.active_bytes or self.model.size
        return self.memory.bandwidth_Bps / read if read and self.memory.bandwidth_Bps else math.inf

    @property
    def free(self) -> bool:
        """Whether iterations take no time at all."""
        costs = (self.step.t0_ms, self.prefill.q_ns, self.decode.c_us, self.decode.b_ms)
        return not any(costs) and math.isinf(self.prefill.r_tps)

    def prefill_s(self, tokens: int, *, depth: int = 0, batch: int = 512) -> float:
        """Seconds for so many tokens of a prompt behind `depth` others, with nobody beside it.

        `batch` is that of the server, where the profile has none.
        """
        if self.free:
            return tokens / self.pace.prefill_tps
        iterations = math.ceil(tokens / (self.batch.n or batch))
        positions = tokens * depth + tokens * (tokens - 1) / 2
        return (
            iterations * self.step.t0_ms / 1e3
            + tokens / self.prefill.r_tps
            + positions * self.prefill.q_ns / 1e9
        )

    def decode_s(self, tokens: int, *, depth: int = 0) -> float:
        """Seconds for generating so many tokens behind `depth` others, with nobody beside it."""
        if self.free:
            return tokens / self.pace.decode_tps
        contexts = tokens * depth + tokens * (tokens - 1) / 2
        return tokens * self.step.t0_ms / 1e3 + contexts * self.decode.c_us / 1e6


FOLDER = Path(__file__).parent / "profiles"
"""Where the profiles are that come with the package."""


def names() -> list[str]:
    """The profiles that come with the package, the default first."""
    found = sorted(file.name.removesuffix(".toml") for file in FOLDER.iterdir() if _is_one(file))
    return sorted(found, key=lambda name: name != DEFAULT)


def is_file(name: str) -> bool:
    """Whether a profile is named by the path of its file."""
    return name.endswith(".toml")


@functools.cache
def named(name: str) -> HardwareProfile:
    """A profile by its name, or by the path of a file (it ends in `.toml`). Raises `BadProfile`."""
    if is_file(name):
        return read(Path(name))
    file = FOLDER / f"{name}.toml"
    if name not in names():
        raise BadProfile(_no_profile(name))
    return _read(file.read_text(encoding="utf-8"), name)


def _plain(name: str) -> str:
    """The letters and digits of a name."""
    return "".join(filter(str.isalnum, name.lower()))


def _no_profile(name: str) -> str:
    """A complaint that tells which may have been meant, or else all."""
    part = _plain(name)
    near = [each for each in names() if len(part) >= PART and part in _plain(each)]
    near = near or difflib.get_close_matches(part, names())
    there = f"similar ones are {', '.join(near)}" if near else f"there are {', '.join(names())}"
    return f"there is no profile {name!r}; {there}"


def read(path: Path) -> HardwareProfile:
    """The profile in a file. Raises `BadProfile`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadProfile(f"{path}: {reason}") from None
    return _read(text, str(path))


def _read(text: str, place: str) -> HardwareProfile:
    try:
        return msgspec.toml.decode(text, type=HardwareProfile)
    except (msgspec.DecodeError, tomllib.TOMLDecodeError) as error:
        raise BadProfile(f"{place}: {error}") from None


def _is_one(file: Path) -> bool:
    return file.name.endswith(".toml")
