"""Models that run elsewhere: why they don't.

Source: native specification 4.19 and 4.21, compatibility specification 13.

Rules of this file:

1. Nothing is ever sent to the cloud: it is switched off, unsigned for, or out of reach.
2. What the proxy refuses has the native shape in every dialect (`Origin.CLOUD`).

It must not import anything but layer 0 and `dial`.
"""

from urllib.parse import urlsplit

from ollama_simulator.engine.registry import dial
from ollama_simulator.model import Origin, Refusal
from ollama_simulator.settings import Settings

REMOTE_MODEL = "remote model is unavailable"
MODEL_DETAILS = "remote model details are unavailable"
WEB_SEARCH = "web search is unavailable"


def disabled(what: str, origin: Origin = Origin.CLOUD) -> Refusal:
    """What is said while the cloud is switched off."""
    return Refusal(403, f"ollama cloud is disabled: {what}", origin)


def refuse(settings: Settings, path: str, wall_ns: int, what: str = REMOTE_MODEL) -> Refusal:
    """Why a request that goes to `path` at the cloud fails.

    `wall_ns` is the time of day, which the request would be signed with; `what` is unavailable
    while the cloud is switched off.
    """
    if settings.no_cloud:
        return disabled(what)
    if not settings.key:
        return Refusal(401, "unauthorized", Origin.CLOUD)
    url = f"{settings.cloud}{path}?ts={wall_ns // 10**9}"
    return Refusal(502, dial.failure("Post", url), Origin.CLOUD)


def stub(settings: Settings, host: str, path: str, wall_ns: int) -> Refusal:
    """Why a stub whose requests go to a path at another host doesn't answer.

    What goes to Ollama's own host is signed with the key and the time of day, `wall_ns`.
    """
    if settings.no_cloud and settings.wire != "0.13.5":
        return disabled(REMOTE_MODEL, Origin.HANDLER)
    name = urlsplit(host).hostname
    if name not in settings.remotes:
        return Refusal(400, "this server cannot run this remote model")
    url = f"{host}{path}"
    if name == "ollama.com":
        if not settings.key:
            # The key lies beside the folder of the models.
            key = f"{settings.models.removesuffix('/models')}/id_ed25519"
            return Refusal(500, f"open {key}: no such file or directory")
        url += f"?ts={wall_ns // 10**9}"
    return Refusal(500, dial.failure("Post", url))
