"""Pictures and sounds inside the messages of OpenAI's dialects.

Source: compatibility specification 5.1.

It must not import the engine or the network.
"""

from ollama_simulator.golang import gobase64
from ollama_simulator.golang.parse import refused
from ollama_simulator.settings import Profile

_TYPES = ("jpeg", "jpg", "png", "webp")


def image(url: str, profile: Profile) -> bytes:
    """The picture in a data URL. Raises `Refusal`, with a word for links since 0.33."""
    if profile != "0.13.5" and url.startswith(("http://", "https://")):
        raise refused(
            "image URLs are not currently supported, please use base64 encoded data instead"
        )
    for prefix in (*(f"data:image/{kind};base64," for kind in _TYPES), "data:;base64,"):
        if url.startswith(prefix):
            try:
                return gobase64.decode(url[len(prefix) :])
            except ValueError:
                break
    raise refused("invalid image input")
