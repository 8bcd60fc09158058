"""What all native endpoints share: error shape, checks, numbers at the end of an answer.

Source: native specification 1.7, 2.4, 3.2, 3.3, 3.5, 3.8, 5.6 and 7.

It must not import another dialect.
"""

from typing import Any

import msgspec

from ollama_simulator import names
from ollama_simulator.golang import duration, gojson
from ollama_simulator.golang.parse import Json, number, refused
from ollama_simulator.model import Origin, Refusal, Usage
from ollama_simulator.wire.codec import Codec, Document, Wire
from ollama_simulator.wire.decode import FLAG, TEXT, Array, Own, Place, Record, Text

JSON = "application/json; charset=utf-8"
BARE_JSON = "application/json"
EMPTY = "missing request body"
"""What is said of a request without a body."""

_LEVELS = ("high", "medium", "low", "max")
_THINK = '"high", "medium", "low", "max", true, or false'


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
        """An object with the message alone. What the runner says has a type of its own."""
        media = BARE_JSON if refusal.origin is Origin.RUNNER else JSON
        return Document(media, gojson.encode(Error(refusal.message)))


# --- checks ---------------------------------------------------------------------------------


def checked_name(model: str, absent: Refusal) -> str:
    """A model's name as typed. Raises `absent` if there is none, or says that it is invalid."""
    if not model:
        raise absent
    if not names.valid(model):
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
            return duration.from_number(number(value))
        case bool():
            raise refused("Unsupported type: 'bool'")
        case list():
            raise refused("Unsupported type: '[]interface {}'")
        case _:
            raise refused("Unsupported type: 'map[string]interface {}'")


def _think(value: Json, place: Place) -> Json:
    if isinstance(value, str) and value not in _LEVELS:
        raise refused(f"invalid think value: {gojson.quote(value)} (must be {_THINK})")
    if not isinstance(value, bool | str):
        raise refused(f"think must be a boolean or string ({_THINK})")
    return value


def _object(value: Json, place: Place) -> Json:
    # The words are those of the library that Ollama reads ordered objects with.
    if not isinstance(value, dict):
        raise refused("Value looks like object, but can't find closing '}' symbol")
    return value


KEEP_ALIVE = Own("api.Duration", reader=_keep_alive)
THINK = Own("api.ThinkValue", reader=_think)
OBJECT = Own("map[string]interface {}", reader=_object)
IMAGES = Array("[]api.ImageData", item=Text("api.ImageData"))
STRINGS = Array("[]string", item=TEXT)

TOOL = Record(
    "api.Tool",
    fields={
        "type": TEXT,
        "function": Record(
            "api.ToolFunction",
            fields={
                "name": TEXT,
                "description": TEXT,
                "parameters": Record(
                    "api.ToolFunctionParameters",
                    fields={"type": TEXT, "required": STRINGS, "properties": OBJECT},
                ),
            },
        ),
    },
)

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
