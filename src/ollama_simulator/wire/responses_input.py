"""The items of `input` in a request to `/v1/responses`.

Source: compatibility specification 9.1 and 15.

Rules of this file:

1. An item is read by what its `type` says, on its own: complaints name no field of the request,
   but the way to the item stands in front of them.
2. What is read has one form for both profiles: lists for what may be text or a list.

It must not import another dialect.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ollama_simulator.golang import gojson
from ollama_simulator.golang.decode import ANYTHING, TEXT, Array, Own, Place, Record
from ollama_simulator.golang.parse import Json, kind, refused
from ollama_simulator.model import Refusal
from ollama_simulator.settings import Profile

Item = dict[str, Any]
"""An item with its `type`, or a part of its content."""


def _texts(go: str, names: str) -> Record:
    return Record(go, fields=dict.fromkeys(names.split(), TEXT))


# Go's structs for a first look have no name, so the client reads none.
_TYPE_AND_ROLE = Record(
    r'struct { Type string "json:\"type\""; Role string "json:\"role\"" }',
    name="",
    fields={"type": TEXT, "role": TEXT},
)
_TYPE = Record(r'struct { Type string "json:\"type\"" }', name="", fields={"type": TEXT})

_NULLED = frozenset({"content", "output"})
_MESSAGE = Record(
    "openai.ResponsesInputMessage",
    name="",
    nulls=_NULLED,
    fields={"type": TEXT, "role": TEXT, "content": ANYTHING},
)
_CALL = _texts("openai.ResponsesFunctionCall", "id type call_id name arguments")
_OUTPUT = Record(
    "openai.ResponsesFunctionCallOutput",
    name="",
    nulls=_NULLED,
    fields={"type": TEXT, "call_id": TEXT, "output": ANYTHING},
)
_OLD_OUTPUT = _texts("openai.ResponsesFunctionCallOutput", "type call_id output")
_SUMMARY = _texts("openai.ResponsesReasoningSummary", "type text")
_REASONING = Record(
    "openai.ResponsesReasoningInput",
    fields={
        **dict.fromkeys("id type encrypted_content".split(), TEXT),
        "summary": Array("[]openai.ResponsesReasoningSummary", item=_SUMMARY),
    },
)
_SEARCH = Record(
    "openai.ResponsesWebSearchCall",
    fields={
        **dict.fromkeys("id type status".split(), TEXT),
        "action": _texts("openai.ResponsesWebSearchAction", "type query"),
    },
)

_OLD_PARTS = {
    "input_text": _texts("openai.ResponsesTextContent", "type text"),
    "output_text": _texts("openai.ResponsesOutputTextContent", "type text"),
    "input_image": _texts("openai.ResponsesImageContent", "type detail file_id image_url"),
}
_FILE = _texts("openai.ResponsesFileContent", "type file_data file_id file_url filename")
_PARTS: dict[Profile, dict[str, Record]] = {
    "0.33": {**_OLD_PARTS, "input_file": _FILE},
    "0.13.5": _OLD_PARTS,
}
_ITEMS: dict[Profile, dict[str, Record]] = {
    "0.33": {
        "message": _MESSAGE,
        "function_call": _CALL,
        "function_call_output": _OUTPUT,
        "reasoning": _REASONING,
        "web_search_call": _SEARCH,
    },
    "0.13.5": {
        "message": _MESSAGE,
        "function_call": _CALL,
        "function_call_output": _OLD_OUTPUT,
        "reasoning": _REASONING,
    },
}


def _input(profile: Profile, value: Json, place: Place) -> str | list[Item]:
    return _text_or_list("input", value, partial(_item, profile))


def _text_or_list(name: str, value: Json, read: Callable[[Json], Item]) -> str | list[Item]:
    """A text as it is, or what the items of a list are read as."""
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(value, list):
        into = f"cannot unmarshal {kind(value)} into Go value of type []json.RawMessage"
        raise refused(f"{name} must be a string or array: json: {into}")
    return [_at(f"{name}[{index}]", read, entry) for index, entry in enumerate(value)]


def _at(way: str, read: Callable[[Json], Item], value: Json) -> Item:
    try:
        return read(value)
    except Refusal as refusal:
        raise refused(f"{way}: {refusal.message}") from None


def _item(profile: Profile, value: Json) -> Item:
    seen = _read(_TYPE_AND_ROLE, value)
    kind_of = seen.get("type", "") or ("message" if seen.get("role") else "")
    record = _ITEMS[profile].get(kind_of)
    if record is None:
        raise _unknown(profile, kind_of)
    item = {**_read(record, value), "type": kind_of}
    for name in _NULLED & item.keys():
        item[name] = _text_or_list(name, item[name], partial(_part, _PARTS[profile]))
    return item


def _unknown(profile: Profile, kind_of: str) -> Refusal:
    if profile == "0.13.5":
        return refused(f"unknown input item type: {kind_of}")
    if not kind_of:
        return refused("input item missing required 'type' field")
    return refused(f"unknown input item type: {gojson.quote(kind_of)}")


def _part(parts: Mapping[str, Record], value: Json) -> Item:
    kind_of = _read(_TYPE, value).get("type", "")
    if kind_of not in parts:
        raise refused(f"unknown content type: {kind_of}")
    return _read(parts[kind_of], value)


def _read(record: Record, value: Json) -> Item:
    return {} if value is None else record.read(value, Place())


INPUT: dict[Profile, Own] = {
    "0.33": Own("openai.ResponsesInput", reader=partial(_input, "0.33")),
    "0.13.5": Own("openai.ResponsesInput", reader=partial(_input, "0.13.5")),
}
"""A text, or a list of items."""
