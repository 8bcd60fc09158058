"""Chat in OpenAI's dialect as it was until 0.32.5: the profile 0.13.5.

Source: compatibility specification 15.

It must not import `anthropic`.
"""

from ollama_simulator.golang import gojson
from ollama_simulator.model import Done, Refusal, Token
from ollama_simulator.wire.codec import Route
from ollama_simulator.wire.openai import DONE
from ollama_simulator.wire.openai_chat import ChatCompletions, Said, calls_of, likely_of


class OldChatCompletions(ChatCompletions):
    """`POST /v1/chat/completions`: every chunk has role and content, the last one the reason."""

    def piece(self, event: Token | Done) -> bytes:
        """What one event says, in one frame."""
        return self._old(event, None)

    def end(self, done: Done) -> bytes:
        """What the last event says, with the reason."""
        self.called = self.called or bool(done.calls)
        reason = "tool_calls" if self.called else done.reason
        return self._old(done, reason) + self.counted(done) + DONE

    def broken(self, refusal: Refusal) -> list[bytes]:
        """An empty piece without a model (14.3)."""
        return [self.frame(Said("assistant", ""), model="")]

    def why(self, done: Done | None, called: bool) -> str | None:
        """Calls are the reason of every answer that has some, even if it broke off."""
        return "tool_calls" if called else super().why(done, called)

    def second(self) -> int:
        """Each frame tells its own."""
        return self._wire.wall_ns() // gojson.SECOND_NS

    def _old(self, event: Token | Done, reason: str | None) -> bytes:
        calls = calls_of(event.calls)
        self.called = self.called or bool(calls)
        said = Said("assistant", event.text, event.thinking, calls)
        return self.frame(said, reason=reason, likely=likely_of(event))


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/chat/completions", OldChatCompletions, until="0.13.5"),
)
