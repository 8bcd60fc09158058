"""What all native endpoints share: error shape, checks, numbers at the end of an answer.

Source: native specification 1.7, 2.4, 3.2, 3.3, 3.5, 3.8, 5.6 and 7.

It must not import another dialect.
"""

from functools import partial
from typing import Any

import msgspec

from ollama_simulator import names
from ollama_simulator.golang import duration, gojson
from ollama_simulator.golang.decode import (
    ANYTHING,
    FLAG,
    INT,
    TEXT,
    Array,
    Bytes,
    Own,
    Place,
    Record,
    Table,
    Type,
)
from ollama_simulator.golang.parse import Json, number, refused
from ollama_simulator.model import Origin, Refusal, Usage
from ollama_simulator.settings import PROFILES, Profile
from ollama_simulator.wire.codec import Codec, Document, Wire

JSON = "application/json; charset=utf-8"
BARE_JSON = "application/json"
EMPTY = "missing request body"
"""What is said of a request without a body."""


class Error(msgspec.Struct, frozen=True):
    """An error, whole or as a line of a stream."""

    error: str


class Native(Codec):
    """An endpoint under `/api/`."""

    media = JSON

    def broken(self, refusal: Refusal) -> list[bytes]:
        """One more line, with the error."""
        return [gojson.encode(Error(refusal.message)) + b"\n"]

    @classmethod
    def error(cls, refusal: Refusal, wire: Wire) -> Document:
        """An object with the message. What the runner says has a type of its own."""
        media = BARE_JSON if refusal.origin is Origin.RUNNER else JSON
        return Document(media, gojson.encode({"error": refusal.message, **refusal.extra}))


# --- checks ---------------------------------------------------------------------------------


def checked_name(
    model: str, absent: Refusal, profile: Profile = "0.33", unfit: Refusal | None = None
) -> str:
    """A model's name as typed. Raises `absent` if there is none, and says if it is invalid.

    `unfit` is what the old profile says of an invalid one.
    """
    if profile == "0.13.5":
        if not model:
            raise absent
        if model != model.strip() or not names.valid(model):
            raise unfit or Refusal(400, "invalid model name")
        return model
    if not model.strip():
        raise absent
    try:
        base, _ = names.source(model)
    except names.ConflictingSources as error:
        raise Refusal(400, str(error)) from None
    if not names.valid(base):
        raise Refusal(400, "invalid model name")
    return model


def model_required() -> Refusal:
    """What most endpoints say when no model is named."""
    return Refusal(400, "model is required")


def check_top_logprobs(given: int) -> None:
    """Raises `Refusal` if there are too many alternatives, or fewer than none."""
    if not 0 <= given <= 20:
        raise Refusal(400, "top_logprobs must be between 0 and 20")


# --- fields of requests that several endpoints have ------------------------------------------


def _keep_alive(value: Json, place: Place) -> float:
    match value:
        case str():
            return duration.from_text(value)
        case msgspec.Raw():
            ANYTHING.read(value, place)
            return duration.from_number(number(value))
        case bool():
            raise refused("Unsupported type: 'bool'")
        case list():
            raise refused("Unsupported type: '[]interface {}'")
        case _:
            raise refused("Unsupported type: 'map[string]interface {}'")


def _think(levels: tuple[str, ...], value: Json, place: Place) -> Json:
    choices = ", ".join((*(f'"{level}"' for level in levels), "true, or false"))
    if isinstance(value, str) and value not in levels:
        raise refused(f"invalid think value: {gojson.quote(value)} (must be {choices})")
    if not isinstance(value, bool | str):
        raise refused(f"think must be a boolean or string ({choices})")
    return value


def _object(value: Json, place: Place) -> dict[str, Json]:
    # The words are those of the library that Ollama reads ordered objects with.
    if not isinstance(value, dict):
        raise refused("Value looks like object, but can't find closing '}' symbol")
    return value


def _ordered(value: Json, place: Place) -> dict[str, Any]:
    given = _object(value, place)
    return {
        name: {} if entry is None else PROPERTY.read(entry, place) for name, entry in given.items()
    }


def _property_type(value: Json, place: Place) -> str | list[str]:
    return value if isinstance(value, str) else STRINGS.read(value, place)


KEEP_ALIVE = Own("api.Duration", reader=_keep_alive)
THINK: dict[Profile, Own] = {
    "0.33": Own("api.ThinkValue", reader=partial(_think, ("high", "medium", "low", "max"))),
    "0.13.5": Own("api.ThinkValue", reader=partial(_think, ("high", "medium", "low"))),
}
OBJECT = Own("map[string]interface {}", reader=_object)
IMAGES = Array("[]api.ImageData", item=Bytes("api.ImageData"))
STRINGS = Array("[]string", item=TEXT)

_PROPERTY: dict[str, Type] = {
    "type": Own("api.PropertyType", reader=_property_type),
    "items": ANYTHING,
    "description": TEXT,
    "enum": Array("[]interface {}", item=ANYTHING),
}
_NULLED = frozenset({"type"})
_property: dict[str, Type] = {
    **_PROPERTY,
    "properties": Own("api.ToolPropertiesMap", reader=_ordered),
    "required": STRINGS,
}
PROPERTY = Record("api.ToolProperty", own=True, fields=_property, nulls=_NULLED)
# A property may be one of several, each of them a property.
_property["anyOf"] = Array(
    "[]api.ToolProperty", item=Record("api.ToolProperty", fields=_property, nulls=_NULLED)
)

# The old profile's are plain maps, to which the words of Go's own library apply.
_old_property: dict[str, Type] = dict(_PROPERTY)
_OLD_PROPERTY = Record("api.ToolProperty", fields=_old_property, nulls=_NULLED)
_OLD_PROPERTIES = Table("map[string]api.ToolProperty", item=_OLD_PROPERTY)
_old_property["properties"] = _OLD_PROPERTIES
_old_property["anyOf"] = Array("[]api.ToolProperty", item=_OLD_PROPERTY)

PROPERTIES: dict[Profile, Type] = {"0.33": _property["properties"], "0.13.5": _OLD_PROPERTIES}
ARGUMENTS: dict[Profile, Type] = {
    "0.33": OBJECT,
    "0.13.5": Table("api.ToolCallFunctionArguments", item=ANYTHING),
}


def _parameters(profile: Profile) -> Record:
    texts = {"type": TEXT, "$defs": ANYTHING, "items": ANYTHING, "required": STRINGS}
    fields = {**texts, "properties": PROPERTIES[profile]}
    return Record("api.ToolFunctionParameters", fields=fields)


PARAMETERS = {profile: _parameters(profile) for profile in PROFILES}


def _tool(profile: Profile) -> Record:
    fields = {"name": TEXT, "description": TEXT, "parameters": PARAMETERS[profile]}
    function = Record("api.ToolFunction", fields=fields)
    return Record("api.Tool", fields={"type": TEXT, "items": ANYTHING, "function": function})


TOOL = {profile: _tool(profile) for profile in PROFILES}


def _messages(profile: Profile) -> Array:
    call = {"index": INT, "name": TEXT, "arguments": ARGUMENTS[profile]}
    called = {"id": TEXT, "function": Record("api.ToolCallFunction", fields=call)}
    fields = {
        **dict.fromkeys("role content thinking tool_name tool_call_id".split(), TEXT),
        "images": IMAGES,
        "tool_calls": Array("[]api.ToolCall", item=Record("api.ToolCall", fields=called)),
    }
    return Array("[]api.Message", item=Record("api.Alias", own=True, fields=fields))


MESSAGES = {profile: _messages(profile) for profile in PROFILES}

SWITCHES = dict.fromkeys("stream truncate shift logprobs _debug_render_only".split(), FLAG)


# --- answers ---------------------------------------------------------------------------------


def metrics(usage: Usage | None) -> dict[str, Any]:
    """The numbers of the last line, by their keys there."""
    if usage is None:
        return {}
    return {
        "total_duration": gojson.nanoseconds(usage.total_s),
        "load_duration": gojson.nanoseconds(usage.load_s),
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": gojson.nanoseconds(usage.prompt_s),
        "eval_count": usage.tokens,
        "eval_duration": gojson.nanoseconds(usage.generation_s),
    }
