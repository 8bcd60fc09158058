"""How hard a model is to think, in the words of OpenAI's dialects.

Source: compatibility specification 3.4 and 15.

It must not import the engine or the network.
"""

from ollama_simulator.golang import gojson
from ollama_simulator.golang.parse import refused
from ollama_simulator.settings import Profile

_EFFORTS: dict[str, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "max": "max",
    "xhigh": "max",
    "ultra": "max",
}
_OLD_EFFORTS: dict[str, bool | str] = {
    "none": False,
    "low": "low",
    "medium": "medium",
    "high": "high",
}
_CHOICES = '"minimal", "low", "medium", "high", "xhigh", "ultra", "max", or "none"'


def think(effort: str, profile: Profile) -> bool | str | None:
    """What an effort means for `Infer.think`; None leaves it to the model. Raises `Refusal`."""
    if not effort:
        return None
    efforts = _EFFORTS if profile == "0.33" else _OLD_EFFORTS
    if effort in efforts:
        return efforts[effort]
    if profile == "0.33":
        raise refused(f"invalid reasoning value: {gojson.quote(effort)} (must be {_CHOICES})")
    raise refused(
        f'invalid reasoning value: \'{effort}\' (must be "high", "medium", "low", or "none")'
    )
