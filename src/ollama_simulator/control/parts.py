"""Control routes for what single servers have: behaviour, models, scripts, KV cache, requests.

Rules of this file:

1. What is read is that of one server. What is set is set on one, on several (`s1,s2`) or on
   `all`, and the answer names them.

It must not import the servers' insides.
"""

from typing import Any

import msgspec

from ollama_simulator import names as model_names
from ollama_simulator.control import body
from ollama_simulator.control.naming import names, one, several
from ollama_simulator.control.operation import Call, Example, Table
from ollama_simulator.faults import fault
from ollama_simulator.model import Model
from ollama_simulator.script import Script

operation = Table("Servers")
S1 = Example(path={"name": "s1"})
ALL = Example(path={"name": "all"})
UNKNOWN = ("UnknownServer",)


class Done(msgspec.Struct, frozen=True):
    """Whom it was done to."""

    servers: tuple[str, ...]
    """Their names."""


class Models(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The models on a server's disk."""

    models: list[Model]


class LoadedModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model in memory that was used last."""

    model: str | None
    """Its name; null for none."""


class SetScripts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The scripts of a server."""

    scripts: list[Script]
    """In the order in which they are tried."""


class Scripts(msgspec.Struct, frozen=True):
    """The scripts of a server, and their use."""

    scripts: list[Script]
    used: list[int]
    """How often each of them was given."""


class KvCache(msgspec.Struct, frozen=True):
    """What is in a server's KV cache."""

    token_count: int
    tokens: list[str]


class Cancelled(msgspec.Struct, frozen=True):
    """What was cancelled."""

    cancelled: int
    """How many requests."""


def behavior() -> Any:
    """The type of a behaviour: any fault that is known."""
    return fault.any_fault()


@operation("GET", "/servers/{name}/behavior", gives=behavior, problems=UNKNOWN, examples=(S1,))
async def get_behavior(call: Call) -> Any:
    """How a server behaves where no rule says otherwise."""
    return one(call).behavior


@operation(
    "PUT",
    "/servers/{name}/behavior",
    takes=behavior,
    gives=Done,
    problems=(*UNKNOWN, "PortTaken", "Unsupported"),
    examples=(
        Example(path={"name": "s1"}, body={"type": "FailMidStream", "tokens_before_fail": 5}),
        Example(path={"name": "all"}, body={"type": "Normal"}),
    ),
    several=True,
)
async def set_behavior(call: Call) -> Done:
    """Set how servers behave from now on. Their rules end."""
    servers, wish = several(call), call.body(behavior())
    for server in servers:
        await server.behave(wish)
    return Done(names(servers))


@operation("GET", "/servers/{name}/models", gives=Models, problems=UNKNOWN, examples=(S1,))
async def get_models(call: Call) -> Models:
    """The models on a server's disk."""
    return Models(one(call).store.models)


@operation(
    "PUT",
    "/servers/{name}/models",
    takes=Models,
    gives=Done,
    problems=UNKNOWN,
    examples=(
        Example(
            path={"name": "s1"},
            body={
                "models": [
                    {
                        "name": "qwen3:32b",
                        "size": 20_000_000_000,
                        "digest": "030ee887880f",
                        "family": "qwen3",
                        "parameter_size": "32.8B",
                        "quantization_level": "Q4_K_M",
                    }
                ]
            },
        ),
    ),
    several=True,
)
async def set_models(call: Call) -> Done:
    """Replace the models on servers' disks. What is loaded stays."""
    servers, wish = several(call), call.body(Models)
    body.check_models(wish.models, "models")
    for server in servers:
        server.store.replace(wish.models)
    return Done(names(servers))


@operation(
    "GET", "/servers/{name}/loaded-model", gives=LoadedModel, problems=UNKNOWN, examples=(S1,)
)
async def get_loaded_model(call: Call) -> LoadedModel:
    """The model in memory that was used last."""
    return LoadedModel(one(call).loaded_model)


@operation(
    "PUT",
    "/servers/{name}/loaded-model",
    takes=LoadedModel,
    gives=Done,
    problems=UNKNOWN,
    examples=(
        Example(path={"name": "s1"}, body={"model": "test-model"}),
        Example(path={"name": "all"}, body={"model": None}),
    ),
    several=True,
)
async def set_loaded_model(call: Call) -> Done:
    """Have a model in memory and no other, at once; null for none."""
    servers, wish = several(call), call.body(LoadedModel)
    if wish.model is not None and not model_names.valid(wish.model):
        looks = "it must look like [host/][namespace/]model[:tag]"
        raise body.bad(("model",), f"{wish.model!r} is no model name; {looks}")
    for server in servers:
        server.load(wish.model)
    return Done(names(servers))


@operation("GET", "/servers/{name}/scripts", gives=Scripts, problems=UNKNOWN, examples=(S1,))
async def get_scripts(call: Call) -> Scripts:
    """The scripts of a server, and how often each was given."""
    found = one(call).scripts
    return Scripts(list(found.all), list(found.used))


@operation(
    "PUT",
    "/servers/{name}/scripts",
    takes=SetScripts,
    gives=Done,
    problems=UNKNOWN,
    examples=(
        Example(
            path={"name": "all"},
            body={"scripts": [{"contains": "weather", "answer": [{"content": "Sunny."}]}]},
        ),
    ),
    several=True,
)
async def set_scripts(call: Call) -> Done:
    """Replace the scripts of servers."""
    servers, wish = several(call), call.body(SetScripts)
    for server in servers:
        server.scripts.replace(wish.scripts)
    return Done(names(servers))


@operation("GET", "/servers/{name}/kv-cache", gives=KvCache, problems=UNKNOWN, examples=(S1,))
async def get_kv_cache(call: Call) -> KvCache:
    """The tokens in the slot that was used last."""
    tokens = one(call).cached_tokens
    return KvCache(len(tokens), tokens)


@operation(
    "DELETE",
    "/servers/{name}/kv-cache",
    gives=Done,
    problems=UNKNOWN,
    examples=(ALL,),
    several=True,
)
async def clear_kv_cache(call: Call) -> Done:
    """Have every slot forget what it holds."""
    servers = several(call)
    for server in servers:
        server.memory.forget()
    return Done(names(servers))


@operation(
    "POST",
    "/servers/{name}/cancel",
    gives=Cancelled,
    problems=UNKNOWN,
    examples=(ALL,),
    several=True,
)
async def cancel_requests(call: Call) -> Cancelled:
    """End the running requests at once, by resetting their connections."""
    return Cancelled(sum(server.cancel() for server in several(call)))
