"""All about one model: `/api/show`.

Source: native specification 4.6.

It must not import another dialect.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ollama_simulator import names
from ollama_simulator.golang import decode, gojson
from ollama_simulator.golang.decode import FLAG, MAP, TEXT, Record
from ollama_simulator.golang.parse import plain
from ollama_simulator.model import Event, Model, Refusal, Show
from ollama_simulator.settings import Profile
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.modelfile import modelfile, parameters
from ollama_simulator.wire.native import EMPTY, Native, checked_name, model_required
from ollama_simulator.wire.ollama_models import Details, installed_model

SHOW = Record(
    "api.ShowRequest",
    fields={
        **dict.fromkeys("model name system template".split(), TEXT),
        "verbose": FLAG,
        "options": MAP,
    },
)

COPILOT = "GitHubCopilotChat/"
"""How the user agent begins that wants the model's name in its metadata."""

HIDDEN = frozenset({"general.name", "tokenizer.chat_template"})
"""Metadata that isn't shown."""

_PARAMETERS = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMBT])", re.ASCII | re.IGNORECASE)
_SCALE = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


class Turn(msgspec.Struct, frozen=True):
    """A message that the model begins with."""

    role: str
    content: str


class Description(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All about a model."""

    license: str = ""
    modelfile: str
    parameters: str = ""
    template: str = ""
    system: str = ""
    details: Details
    messages: tuple[Turn, ...] = ()
    remote_model: str = ""
    remote_host: str = ""
    model_info: Mapping[str, Any] | None = None
    """None in the old version, which has no empty one."""
    projector_info: Mapping[str, Any] = {}
    tensors: tuple[Mapping[str, Any], ...] = ()
    capabilities: tuple[str, ...] = ()
    modified_at: str
    requires: str = ""


class ShowModel(Native):
    """`POST /api/show` (4.6)."""

    job: Show

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, SHOW, EMPTY)
        name = body.get("model") or body.get("name", "")
        self._settings = wire.settings
        self.job = Show(
            shown_name(name, wire.settings.wire),
            body.get("system", ""),
            plain(body.get("options", {})),
            body.get("verbose", False),
        )
        self._agent = next(
            (value for key, value in request.headers if key.lower() == "user-agent"), ""
        )

    def collect(self, events: list[Event]) -> bytes:
        """The description."""
        installed = installed_model(events)
        job, model = self.job, installed.model
        if job.system:
            model = msgspec.structs.replace(model, system=job.system)
        # The request's options are told in the Modelfile only.
        changed = msgspec.structs.replace(model, parameters={**model.parameters, **job.options})
        profile = self._settings.wire
        return gojson.encode(
            Description(
                license="\n".join(model.license),
                modelfile=modelfile(changed, self._settings.models),
                parameters=parameters(model.parameters),
                template=model.template,
                system=model.system,
                details=Details.of(model),
                messages=tuple(Turn(turn.role, turn.content) for turn in model.messages),
                remote_model=model.remote_model,
                remote_host=model.remote_host,
                model_info=self._info(model) or (None if profile == "0.13.5" else {}),
                projector_info=_shown(model.projector_info, job.verbose),
                tensors=model.tensors if _is_read(model) else (),
                capabilities=model.capabilities,
                modified_at=gojson.rfc3339(installed.modified_ns, self._settings.zone),
                requires=model.requires if profile != "0.13.5" else "",
            )
        )

    def _info(self, model: Model) -> dict[str, Any]:
        info = dict(_info(model))
        if self._agent.startswith(COPILOT) and self._settings.wire != "0.13.5":
            info["general.basename"], _ = names.source(self.job.model)
        return _shown(info, self.job.verbose)

    @classmethod
    def missing(cls, model: str) -> str:
        """The name is completed by its tag."""
        return f"model '{names.canonical(names.source(model)[0])}' not found"


def shown_name(name: str, profile: Profile) -> str:
    """The name of a model that is to be described. Raises `Refusal` if it is none."""
    return checked_name(name, model_required(), profile, Refusal(500, "invalid model path"))


def _is_read(model: Model) -> bool:
    """Whether anybody looks into its weight file."""
    return not model.remote_host and "image" not in model.capabilities


def _info(model: Model) -> Mapping[str, Any]:
    """A model's metadata; what follows from its other fields where it has none."""
    if not _is_read(model):
        return _stub_info(model)
    if model.model_info:
        return model.model_info
    info: dict[str, Any] = {"general.architecture": model.family}
    found = _PARAMETERS.fullmatch(model.parameter_size)
    if found is not None and len(found[1]) < 16:
        info["general.parameter_count"] = round(float(found[1]) * _SCALE[found[2].upper()])
    return info | _lengths(model)


def _stub_info(model: Model) -> dict[str, Any]:
    if not model.remote_host or not model.family:
        return {}
    shown = {key: model.model_info[key] for key in ("general.basename",) if key in model.model_info}
    return {"general.architecture": model.family} | shown | _lengths(model)


def _lengths(model: Model) -> dict[str, int]:
    lengths = {"context_length": model.context_length, "embedding_length": model.embedding_length}
    return {f"{model.family}.{name}": length for name, length in lengths.items() if length}


def _shown(info: Mapping[str, Any], verbose: bool) -> dict[str, Any]:
    """Metadata as it is printed: sorted, and its arrays only for who wants to read them."""
    return {key: _value(info[key], verbose) for key in sorted(info) if key not in HIDDEN}


def _value(value: Any, verbose: bool) -> Any:
    match value:
        case float():
            return msgspec.Raw(gojson.float64(value).encode())
        case list() | tuple():
            # An empty one is shown to everybody.
            return [_value(item, verbose) for item in value] if verbose or not value else None
    return value


ROUTES = (Route("POST", "/api/show", ShowModel),)
