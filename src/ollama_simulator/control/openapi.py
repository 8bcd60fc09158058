"""The description of the control API: OpenAPI 3.1, made from the table of its operations.

Source: OpenAPI 3.1.1.

Rules of this file:

1. Nothing is described here: summaries are docstrings, schemas are those of the types that read
   and write, problems and examples stand at the operations.
2. The same table gives the same text.

It must not import the servers' insides.
"""

import functools
import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from ollama_simulator import __version__
from ollama_simulator.access import OPEN
from ollama_simulator.control.described import Failure
from ollama_simulator.control.operation import Operation
from ollama_simulator.control.problems import KINDS, MEDIA, Details
from ollama_simulator.control.views import SCHEMA
from ollama_simulator.faults import fault
from ollama_simulator.faults.rule import readable
from ollama_simulator.records import Record
from ollama_simulator.schemas import schemas

TAGS = {
    "Fleet": "The fleet, and servers that come and go.",
    "Rules": "Which faults strike which requests, and when.",
    "Servers": "What single servers have, by their names.",
    "Journal": "What happened.",
    "Catalogue": "What there is to choose from.",
    "By port": "The routes of the program that this one follows, and some in their style.",
}
PARAMETERS = {
    "id": ("integer", "The number of a rule, as it was told when the rule was set."),
    "port": ("integer", "The port of a server."),
}
EVERYWHERE = ("BadToken", "ForeignHost", "InternalError")
SECURITY: list[dict[str, list[str]]] = [{}, {"token": []}]
"""Nothing, or a token: what a start says."""


def text(operations: Iterable[Operation]) -> str:
    """The description as a file."""
    packed = msgspec.json.encode(document(tuple(operations)))
    return msgspec.json.format(packed, indent=1).decode() + "\n"


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The description of these operations."""
    types = _Types(operations)
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, types)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "ollama_simulator control API",
            "version": __version__,
            "description": "Adds, breaks and heals simulated Ollama servers, and tells what "
            "happened to them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The simulator that served this."}],
        "tags": [{"name": name, "description": says} for name, says in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": types.components,
            "responses": _problems(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token that the simulator was started with, if it was.",
                }
            },
        },
        "security": SECURITY,
    }


class _Types:
    """The schemas of all types that operations mention."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        wanted: list[Any] = [Details, Failure, readable(), fault.any_fault(), _records()]
        for each in operations:
            gives = made(each.gives)
            several = gives if isinstance(gives, tuple) else (gives,)
            wanted += [kind for kind in (made(each.takes), *several, each.query) if kind]
        roots, components = schemas(wanted, f"{SCHEMA}{{name}}")
        self._roots = {id(kind): root for kind, root in zip(wanted, roots, strict=True)}
        self._kinds = wanted
        self.queries = {
            each.query: components.pop(each.query.__name__)
            for each in operations
            if each.query is not None
        }
        """The schemas of queries, whose fields are parameters."""
        components["Fault"] = {"title": "Fault", "description": "Any fault.", **roots[3]}
        components["Record"] = {"title": "Record", "description": "Any record.", **roots[4]}
        self.components = dict(sorted(components.items()))

    def of(self, kind: Any) -> dict[str, Any]:
        """A reference to the schema of a type."""
        if isinstance(kind, tuple):
            return {"oneOf": [self.of(each) for each in kind]}
        if kind == fault.any_fault():
            return {"$ref": f"{SCHEMA}Fault"}
        for each in self._kinds:
            if each == kind:
                return self._roots[id(each)]
        raise KeyError(kind)


def made(kind: Any) -> Any:
    """A type that may be one that is only made when the faults are known."""
    return kind() if inspect.isfunction(kind) else kind


@functools.cache
def _records() -> Any:
    union: Any = None
    for kind in Record.__subclasses__():
        union = kind if union is None else union | kind
    return union


def _operation(each: Operation, types: _Types) -> dict[str, Any]:
    summary, _, more = inspect.cleandoc(each.does.__doc__ or "").partition("\n")
    out: dict[str, Any] = {
        "operationId": _identifier(each),
        "tags": [each.tag],
        "summary": " ".join(summary.split()),
    }
    if more.strip():
        out["description"] = more.strip()
    if parameters := [*_of_path(each), *_of_query(each, types)]:
        out["parameters"] = parameters
    if each.takes is not None:
        content: dict[str, Any] = {"schema": types.of(made(each.takes))}
        bodies = [example.body for example in each.examples if example.body is not None]
        content["examples"] = {
            f"example{number}": {"value": body} for number, body in enumerate(bodies, 1)
        }
        out["requestBody"] = {
            "required": each.needs_body,
            "content": {"application/json": content},
        }
    if each.path in OPEN:
        out["security"] = []
    out["responses"] = _responses(each, types)
    return out


def _identifier(each: Operation) -> str:
    first, *rest = each.does.__name__.split("_")
    own = first + "".join(word.title() for word in rest)
    return own if not each.refuses and each.tag != "By port" else f"{own}ByPort"


def _of_path(each: Operation) -> Iterator[dict[str, Any]]:
    for part in each.path.split("/"):
        if not part.startswith("{"):
            continue
        name = part.strip("{}")
        kind, says = PARAMETERS.get(name, ("string", _name(each)))
        example: Any = each.examples[0].path[name]
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": says,
            "schema": {"type": kind},
            "example": int(example) if kind == "integer" else example,
        }


def _name(each: Operation) -> str:
    if not each.path.startswith("/servers"):
        return "Its name."
    if each.several:
        return "The name of a server, of several (`s1,s2`), or `all`."
    return "The name of a server."


def _of_query(each: Operation, types: _Types) -> Iterator[dict[str, Any]]:
    if each.query is None:
        return
    given = {name: value for example in each.examples for name, value in example.query.items()}
    for name, schema in types.queries[each.query]["properties"].items():
        own = dict(schema)
        description = own.pop("description")
        # What is left out is said by leaving it out.
        if "anyOf" in own:
            (own,) = [choice for choice in own["anyOf"] if choice.get("type") != "null"]
        out = {"name": name, "in": "query", "description": description, "schema": own}
        if name in given:
            out["example"] = int(given[name]) if own["type"] == "integer" else given[name]
        yield out


def _responses(each: Operation, types: _Types) -> dict[str, Any]:
    out: dict[str, Any] = {}
    answer: dict[str, Any] = {"description": "It is done." if each.status == 204 else "Granted."}
    if each.gives is not None:
        answer["content"] = {each.media: {"schema": types.of(made(each.gives))}}
    elif each.status != 204:
        answer["content"] = {each.media: {"schema": {}}}
    if each.status == 201:
        answer["headers"] = {
            "Location": {"description": "Where it is.", "schema": {"type": "string"}}
        }
    out[str(each.status)] = answer
    changes = each.method != "GET"
    if each.tag == "By port":
        others = (403, *(() if each.path in OPEN else (401,)))
        if _is_passed_on(each):
            others += (503,)
        for status in sorted((*each.refuses, *others)):
            schema = {"$ref": f"{SCHEMA}Failure"}
            out[str(status)] = {
                "description": "It can't be done; nothing has changed.",
                "content": {"application/json": {"schema": schema}},
            }
        return out
    own = [
        *(("BadBody", "TooLarge") if each.takes is not None else ()),
        *(("ForeignPage",) if changes else ()),
        *(("WorkerDown",) if _is_passed_on(each) else ()),
    ]
    by_status: dict[int, list[str]] = {}
    for name in (*own, *each.problems, *EVERYWHERE):
        by_status.setdefault(KINDS[name].status, []).append(name)
    for status, names in sorted(by_status.items()):
        out[str(status)] = (
            {"$ref": f"#/components/responses/{names[0]}"}
            if len(names) == 1
            else _problem(" ".join(KINDS[name].says for name in names))
        )
    return out


def _is_passed_on(each: Operation) -> bool:
    """Whether a worker is asked, where there are some: whatever is about single servers."""
    return "{port}" in each.path or each.path.startswith("/servers/") or each.method == "POST"


def _problem(says: str) -> dict[str, Any]:
    return {"description": says, "content": {MEDIA: {"schema": {"$ref": f"{SCHEMA}Details"}}}}


def _problems() -> dict[str, Any]:
    return {kind.name: _problem(kind.says) for kind in KINDS.values()}
