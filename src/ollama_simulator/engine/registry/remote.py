"""What the registries answer: manifests, or why there is none.

Source: native specification 4.11 and 4.12.

It must not import anything but layer 0 and its own package.
"""

from ollama_simulator import names
from ollama_simulator.engine.registry import dial, library
from ollama_simulator.golang.gojson import quote
from ollama_simulator.golang.parse import kind, parse
from ollama_simulator.model import Origin, Refusal
from ollama_simulator.registry import Offer, Registry, Reply
from ollama_simulator.settings import Settings

NO_TLS = "tls: first record does not look like a TLS handshake"


class Unreachable(Exception):
    """The registry can't be asked. The text is the error of Go's client."""


def failed(message: str) -> Refusal:
    """The end of a pull or a push."""
    return Refusal(500, message, Origin.RUNNER)


def ask(settings: Settings, method: str, name: names.Name, rest: str, insecure: bool) -> Registry:
    """The registry of a model, if it can be asked for `rest`. Raises `Unreachable`."""
    scheme = "http" if insecure else "https"
    url = f"{scheme}://{name.host}/v2/{name.namespace}/{name.model}/{rest}"
    for registry in settings.registries:
        if registry.host.lower() == name.host.lower():
            if not registry.tls and not insecure:
                raise Unreachable(f"{method} {quote(url)}: {NO_TLS}")
            return registry
    raise Unreachable(dial.failure(method, url))


def offer(settings: Settings, name: names.Name, insecure: bool) -> Offer:
    """The model that a registry has under a name. Raises `Refusal` as a pull does."""
    try:
        registry = ask(settings, "Get", name, f"manifests/{name.tag}", insecure)
    except Unreachable as error:
        raise failed(f"pull model manifest: {error}") from None
    found = find(registry, name)
    if isinstance(found, Offer):
        return found
    raise failed(f"pull model manifest: {_complaint(found)}")


def find(registry: Registry, name: names.Name) -> Offer | Reply:
    """What a registry answers when it is asked for a manifest."""
    for spelled, reply in registry.replies.items():
        if names.parse(spelled).folded == name.folded:
            return reply
    for held in registry.offers:
        if names.parse(held.model.name).folded == name.folded:
            return held
    found = library.find(name) if registry.library else None
    return Offer(found) if found is not None else Reply(404)


def _complaint(reply: Reply) -> str:
    match reply.status:
        case 404:
            return "file does not exist"
        case 401:
            return "unauthorized: access denied"
        case status if status >= 400:
            return f"{status}: {reply.body}"
    try:
        value = parse(reply.body.encode(), "unexpected end of JSON input")
    except Refusal as refusal:
        return refusal.message
    return f"json: cannot unmarshal {kind(value)} into Go value of type manifest.Manifest"
