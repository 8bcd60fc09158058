"""The marks that a model's template implies: around its thinking, and before its calls.

Source: native specification 5.1 (path T), and the recordings of the model `gotmpl`.

Rules of this file:

1. Thinking stands between the text before and the text after the place where the template
   prints it; calls stand behind the first text after the place where it asks for them.

It must not import anything but layer 0.
"""

import functools
import re

import msgspec

_ACTION = re.compile(r"\{\{(- )?(.*?)( -)?\}\}", re.DOTALL)
_ASKS = re.compile(r"(else\s+)?if\b")
"""Only such an action is looked for; a mere `range` over the calls shows no mark."""
_BARE = "{"
"""What calls begin with where the template has no mark for them: their JSON."""


class Marks(msgspec.Struct, frozen=True):
    """What a model puts around its thinking and before its calls."""

    opening: str = ""
    closing: str = ""
    """Both empty where the template knows no thinking."""
    call: str = _BARE


@functools.lru_cache(maxsize=256)
def implied(template: str) -> Marks:
    """The marks that a Go template implies."""
    texts, actions = _taken_apart(template)
    opening = closing = ""
    call: str | None = None
    for i, action in enumerate(actions):
        if re.fullmatch(r"\.Thinking(\s*\|.*)?", action):
            opening, closing = texts[i].strip(), texts[i + 1].strip()
        if call is None and _ASKS.match(action) and ".ToolCalls" in action:
            call = next((text for text in texts[i + 1 :] if text.strip()), "")
    call = (call or "").partition(_BARE)[0].strip()
    return Marks(
        opening if closing else "",
        closing if opening else "",
        call or _BARE,
    )


def _taken_apart(template: str) -> tuple[list[str], list[str]]:
    """The texts of a template, trimmed as its actions say, and the actions between them."""
    texts: list[str] = []
    actions: list[str] = []
    at, trims = 0, False
    for found in _ACTION.finditer(template):
        before, action, after = found.groups()
        text = template[at : found.start()]
        text = text.lstrip() if trims else text
        texts.append(text.rstrip() if before else text)
        actions.append(action.strip())
        at, trims = found.end(), after is not None
    rest = template[at:]
    texts.append(rest.lstrip() if trims else rest)
    return texts, actions
