"""How one server is set up: what Ollama reads from its environment, and what surrounds it.

Source: native specification 6.1.

It must not import anything of this package but `address`, `hardware`, `limits`, `model`,
`names`, `recording`, `registry` and `script`.
"""

from collections.abc import Mapping
from typing import Annotated, Literal
from zoneinfo import available_timezones

import msgspec

from ollama_simulator import hardware, names
from ollama_simulator.address import Address, BadAddress
from ollama_simulator.hardware import HardwareProfile, Weights
from ollama_simulator.limits import USUAL, Limits
from ollama_simulator.model import Found, Model
from ollama_simulator.recording.matching import VOLATILE
from ollama_simulator.recording.reading import BadRecording, read
from ollama_simulator.recording.writing import MOST_KEPT, check_file
from ollama_simulator.registry import OLLAMA, Registry
from ollama_simulator.script import Script

Profile = Literal["0.33", "0.13.5"]
"""Which Ollama is imitated on the wire."""
PROFILES: tuple[Profile, ...] = ("0.13.5", "0.33")
"""All of them, the oldest first."""
Count = Annotated[int, msgspec.Meta(ge=0)]
"""How many; none is a number, less is a mistake."""
Caching = Literal["seed", "legacy", "current"]
"""Which generation of Ollama's engine keeps the KV cache (engine model, 1.0): `seed` remembers the
last conversation of the server, on `/api/chat` only; `legacy` is that of Ollama before 0.30,
`current` that since."""
Miss = Literal["simulate", "refuse", "relay"]
"""What is done with a request that was not recorded."""
KvType = Literal["f16", "q8_0", "q4_0"]
HELPER_OFFSET = 100
"""How much higher a helper's port is than that of its server (seed facts, 1.0.4)."""
RECORDS = 100_000
"""Records that a simulator keeps, so that it can run for ever."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of one server. Times in seconds."""

    wire: Profile = "0.33"
    profile: str | HardwareProfile = hardware.DEFAULT
    """The machine: the name of a hardware profile, the path of one (`.toml`), or one itself."""
    model_profiles: Mapping[str, str | HardwareProfile] = {}
    """Profiles of single models, by name, where they differ from that of the server."""
    engine: Caching = "seed"
    speed: Annotated[float, msgspec.Meta(ge=1e-6, le=1e6)] = 1.0
    """How fast the machine is compared with its profile: 0.5 takes twice the time."""
    cache_endpoints: Literal["chat", "all"] | None = None
    """Whose requests use the KV cache: those of `/api/chat`, or all that generate; None for what
    the engine does (`seed`: `chat`, the others: `all`)."""
    multiuser_cache: bool = False
    """Whether the engine `legacy` may copy a prefix from one slot into another (1.3)."""
    cache_ram_mib: Annotated[int, msgspec.Meta(ge=-1)] = 8192
    """MiB that the engine `current` keeps in the host's memory for each runner; -1 for any
    number, 0 for none (1.4)."""
    kv_cache_type: KvType = "f16"
    """How the KV cache is stored: `q8_0` takes 17/32 of the memory of `f16`, `q4_0` 9/32."""
    gpu_overhead: Count = 0
    """Bytes of VRAM that no model may use."""
    helper: bool = False
    """Whether a Windows helper listens on the server's port + 100 (seed facts, 1.0.4)."""
    health: bool = False
    """Whether `GET /health` is answered 200. No Ollama does so, but some routers insist on it."""
    fault_header: bool = False
    """Whether a request may ask for a fault of its own, by the header `X-Simulator-Fault`."""
    keep_bodies: Count = 0
    """How many bytes of each request's body the journal keeps; 0 for none."""
    downtime: Annotated[float, msgspec.Meta(ge=0, le=1e9)] | None = None
    """Seconds that a restart takes; None for 5 to 15, drawn from the fleet's seed."""
    limits: Limits = USUAL
    """How much of a client it bears: bytes, headers, seconds, connections."""
    num_parallel: Count = 1
    max_queue: Count = 512
    max_loaded_models: Count = 0
    """0 for three for each GPU."""
    keep_alive: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """Seconds; `inf` for ever; None for 5 minutes under 0.33 and for ever under 0.13.5."""
    load_timeout: float = 300.0
    """0 and less for none."""
    gpu: bool = True
    """Whether the GPU of the machine is used; without one `size_vram` is 0 (4.5)."""
    context_length: Count = 0
    """0 for what the model and the memory allow (1.2)."""
    bind: str = "127.0.0.1"
    """The address that the server believes to listen on; a loopback one switches the check of
    `Host` on (1.6). It doesn't move the listener."""
    origins: tuple[str, ...] = ()
    no_cloud: bool = False
    cloud: str = "https://ollama.com:443"
    """Where the cloud would be. The simulator never connects to it."""
    remotes: tuple[str, ...] = ("ollama.com",)
    models: str = "/home/ollama/.ollama/models"
    """Where it says its files are."""
    hostname: str = "ollama"
    zone: str = "UTC"
    """The zone of the times that `/api/tags`, `/api/ps` and `/api/show` tell, such as
    `Europe/Helsinki`."""
    web_search: tuple[Found, ...] | None = None
    """What every web search finds; None for no such service, so that each of them fails."""
    key: bool = False
    """Whether it has a key file to sign in with."""
    pull_bytes_per_second: Annotated[float, msgspec.Meta(gt=0)] = 100_000_000.0
    registries: tuple[Registry, ...] = (OLLAMA,)
    """What can be pulled, and from where. All other hosts are out of reach."""
    installed_models: tuple[Model, ...] | None = None
    """What is installed at the start, and after a reset; None for the test model, and those that
    its profiles were measured with."""
    scripts: tuple[Script, ...] = ()
    """What is answered when, from the start, and after a reset."""
    upstream: str | None = None
    """The URL of a server that answers in place of the engine; faults are wrapped round what it
    says. Nothing else is connected to."""
    record: str | None = None
    """The file in which its answers are recorded; what is there is gone on with."""
    record_body_limit: Count = MOST_KEPT
    """Bytes of a request's body that are recorded; of a longer one its digest is."""
    record_secrets: bool = False
    """Whether headers that hold secrets, as `Authorization`, are recorded as they are."""
    replay: str | None = None
    """A recording that answers in place of the engine."""
    replay_speed: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """How many times as fast as recorded; `inf` for at once."""
    replay_miss: Miss = "simulate"
    """What is done with a request that was not recorded: the engine answers, it is refused (501),
    or the `upstream` is asked."""
    replay_volatile: tuple[str, ...] = VOLATILE
    """Members of a JSON body, or paths such as `options.seed`, that don't count when a request is
    compared with the recorded ones."""

    def __post_init__(self) -> None:
        if self.zone != "UTC" and self.zone not in available_timezones():
            raise ValueError(f"zone: {self.zone!r} is not the name of a time zone")
        self._check_stand_ins()
        profiles = {"profile": self.profile}
        profiles |= {f"model_profiles.{name}": each for name, each in self.model_profiles.items()}
        for field, profile in profiles.items():
            if isinstance(profile, str):
                try:
                    hardware.named(profile)
                except hardware.BadProfile as bad:
                    raise hardware.BadProfile(f"{field}: {bad}") from None

    def _check_stand_ins(self) -> None:
        if self.upstream is not None:
            try:
                if "://" not in self.upstream:
                    words = "is no URL; one begins with http:// or https://"
                    raise BadAddress(f"{self.upstream!r} {words}")
                Address.parse(self.upstream)
            except BadAddress as bad:
                raise BadAddress(f"upstream: {bad}") from None
        if self.record is not None and self.upstream is None:
            raise ValueError("record: there is no upstream whose answers could be recorded")
        for field, file, check in (
            ("record", self.record, check_file),
            ("replay", self.replay, read),
        ):
            try:
                if file is not None:
                    check(file)
            except BadRecording as bad:
                raise BadRecording(f"{field}: {bad}") from None
        if self.replay_miss == "relay" and self.upstream is None:
            raise ValueError("replay_miss: there is no upstream that could be asked")

    @property
    def all_remember(self) -> bool:
        """Whether every request that generates uses the KV cache, and not only a chat."""
        given = self.cache_endpoints
        return self.engine != "seed" if given is None else given == "all"

    @property
    def hardware(self) -> HardwareProfile:
        """The machine."""
        return _profile(self.profile)

    @property
    def on_gpu(self) -> bool:
        """Whether models are in the memory of a GPU: the machine has one, and it is used."""
        return self.gpu and self.hardware.memory.gpus > 0

    @property
    def measured(self) -> tuple[Weights, ...]:
        """The models that its profiles were measured with: that of the machine, and those that
        `model_profiles` calls by their names."""
        found = {names.parse(self.hardware.model.name).folded: self.hardware.model}
        for name, profile in self.model_profiles.items():
            model = _profile(profile).model
            if names.parse(name.strip()).folded == names.parse(model.name).folded:
                found.setdefault(names.parse(model.name).folded, model)
        return tuple(found.values())

    def hardware_for(self, model: str) -> HardwareProfile:
        """The profile of a model, by any spelling of the name it is installed under."""
        if self.model_profiles:
            meant = names.parse(model.strip()).folded
            for name, profile in self.model_profiles.items():
                if names.parse(name.strip()).folded == meant:
                    return _profile(profile)
        return _profile(self.profile)


def _profile(profile: str | HardwareProfile) -> HardwareProfile:
    return hardware.named(profile) if isinstance(profile, str) else profile
