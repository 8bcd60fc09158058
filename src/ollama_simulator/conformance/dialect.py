"""The dialects that a client speaks: what it asks, and how an answer of each looks.

Source: native specification 3 and 4, compatibility specification 3 to 6.

It must not import anything of this package but `feature`.
"""

from typing import Any

import msgspec

from ollama_simulator.conformance.feature import Feature

TOKENS = 20
"""What is asked for where a dialect wants a limit and the caller has none."""
DONE = b"data: [DONE]"
"""The last event of OpenAI's streams."""


class Dialect(msgspec.Struct, frozen=True):
    """One way to ask for a text."""

    name: str
    path: str
    feature: Feature
    media: str
    """Content type of a stream."""
    fewest: int = 1
    """The lowest limit of tokens that can be asked for."""
    part: Feature | None = None
    """The claim of this path alone, where not everybody has it who has the others of `feature`."""

    @property
    def needs(self) -> frozenset[Feature]:
        """The claims without which nobody is asked in it."""
        return frozenset({self.feature} if self.part is None else {self.feature, self.part})

    def body(
        self, model: str, prompt: str, stream: bool | None, tokens: int | None
    ) -> dict[str, Any]:
        """The request. `tokens` limits the answer; None for what the server says. `stream` is
        left out if it is None."""
        asked: dict[str, Any] = {"model": model}
        if self.name in ("generate", "completions"):
            asked["prompt"] = prompt
        elif self.name == "responses":
            asked["input"] = prompt
        else:
            asked["messages"] = [{"role": "user", "content": prompt}]
        if stream is not None:
            asked["stream"] = stream
        if self.feature is Feature.NATIVE:
            if tokens is not None:
                asked["options"] = {"num_predict": tokens}
        elif self.name == "responses":
            if tokens is not None:
                asked["max_output_tokens"] = tokens
        elif tokens is not None or self.name == "messages":
            asked["max_tokens"] = TOKENS if tokens is None else tokens
        return asked


NDJSON = "application/x-ndjson"
SSE = "text/event-stream"
CHAT = Dialect("chat", "/api/chat", Feature.NATIVE, NDJSON)
GENERATE = Dialect("generate", "/api/generate", Feature.NATIVE, NDJSON)
OPENAI = Dialect("openai", "/v1/chat/completions", Feature.OPENAI, SSE)
COMPLETIONS = Dialect(
    "completions", "/v1/completions", Feature.OPENAI, SSE, part=Feature.COMPLETIONS
)
# OpenAI's own service refuses lower limits, so gateways to it raise them.
RESPONSES = Dialect("responses", "/v1/responses", Feature.OPENAI, SSE, fewest=16)
MESSAGES = Dialect("messages", "/v1/messages", Feature.ANTHROPIC, SSE)

DIALECTS = {each.name: each for each in (CHAT, GENERATE, OPENAI, COMPLETIONS, RESPONSES, MESSAGES)}
PATHS = frozenset(each.path for each in DIALECTS.values())
"""Where texts are generated."""


def generated(line: Any) -> str:
    """The text in one line of a stream; empty if there is none."""
    match line:
        case {"message": {"content": str(text)}, "done": False}:
            return text
        case {"response": str(text), "done": False}:
            return text
        case {"choices": [{"delta": {"content": str(text)}}]}:
            return text
        case {"choices": [{"text": str(text)}]}:
            return text
        case {"type": "response.output_text.delta", "delta": str(text)}:
            return text
        case {"delta": {"text": str(text)}}:
            return text
    return ""


def whole(document: Any) -> str | None:
    """The text of an answer that is no stream; None if it is none."""
    match document:
        case {"message": {"content": str(text)}}:
            return text
        case {"response": str(text)}:
            return text
        case {"choices": [{"message": {"content": str(text)}}, *_]}:
            return text
        case {"choices": [{"text": str(text), "finish_reason": str()}, *_]}:
            return text
        case {"type": "message", "content": [{"text": str(text)}, *_]}:
            return text
        case {"object": "response", "output": [*_, {"content": [{"text": str(text)}, *_]}]}:
            return text
    return None


def is_last(line: Any) -> bool:
    """Whether a line, or a whole answer, says that the text is all there."""
    match line:
        case {"done": True}:
            return True
        case {"type": "message_stop" | "response.completed"}:
            return True
        case {"choices": [{"message": dict(), "finish_reason": str()}, *_]}:
            return True
        case {"type": "message", "stop_reason": str()}:
            return True
        case {"object": "response", "status": "completed"}:
            return True
        case {"object": "text_completion", "choices": [{"finish_reason": str()}, *_]}:
            return True
    return False


def is_error(line: Any) -> bool:
    """Whether a line of a stream, or a whole answer, is an error."""
    match line:
        case {"error": str() | dict()}:
            return True
        case {"type": "error" | "response.failed"}:
            return True
    return False
