"""Speech to text: `/v1/audio/transcriptions`.

Source: compatibility specification 11.

Rules of this file:

1. The sound goes to the model as a part of a chat that streams, whatever the request says. With
   its first word the head is sent, before the type of the answer is known: so the answer has the
   type of a native stream, unless it came in one piece.
2. What is said after that, an error included, changes nothing but the text.

It must not import another dialect than `openai`.
"""

from ollama_simulator.golang import gojson
from ollama_simulator.golang.parse import refused
from ollama_simulator.model import Done, Event, Infer, Message, Origin, Refusal, Token
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.form import BadForm, form
from ollama_simulator.wire.native import BARE_JSON, checked_name, model_required
from ollama_simulator.wire.ollama import NDJSON
from ollama_simulator.wire.openai import OpenAI

TASK = "Write down what is said, word for word, and nothing else."
QUESTION = "What is said here?"


class Transcriptions(OpenAI):
    """`POST /v1/audio/transcriptions`."""

    job: Infer
    stream = True
    media = NDJSON

    def __init__(self, request: Request, wire: Wire) -> None:
        headers = ((name.lower(), value) for name, value in request.headers)
        content_type = next((value for name, value in headers if name == "content-type"), "")
        try:
            given = form(content_type, request.body)
        except BadForm as error:
            raise refused(f"failed to parse multipart form: {error}") from None
        model = given.values.get("model", "")
        if not model:
            raise refused("model is required")
        if "file" not in given.files:
            raise refused("file is required: http: no such file")
        sound = given.files["file"]
        if not sound:
            raise refused("audio file is empty")
        asked = Message("user", QUESTION, images=(sound,))
        task = Message("system", _task(given.values))
        options = {"temperature": 0}
        self.job = Infer(model, (task, asked), options=options, path=request.path)
        try:
            checked_name(model, model_required(), wire.settings.wire)
        except Refusal as refusal:
            self.wrong = refusal
        self._plain = given.values.get("response_format") == "text"
        self._pieces: list[str] = []
        self._begun = False

    def encode(self, event: Event) -> list[bytes]:
        """Nothing but the head at first, and the whole text at the end."""
        assert isinstance(event, Token | Done), f"a chat does not say {event}"
        first = not self._begun
        self._begun = True
        self._pieces.append(event.text)
        if isinstance(event, Token):
            return [b""] if first else []
        if first:
            self.media = "text/plain" if self._plain else BARE_JSON
        text = "".join(self._pieces).strip()
        return [text.encode() if self._plain else gojson.encode({"text": text}) + b"\n"]

    def absorb(self, refusal: Refusal) -> list[bytes] | Refusal:
        """No proxy stands in front, so what the cloud refuses is told as all else is."""
        if refusal.origin is Origin.CLOUD:
            return Refusal(refusal.status, refusal.message)
        return refusal

    def collect(self, events: list[Event]) -> bytes:
        """Never asked for: it is always a stream."""
        raise AssertionError("a transcription is not collected")


def _task(values: dict[str, str]) -> str:
    language, hint = values.get("language"), values.get("prompt")
    spoken = f" The language is {language}." if language else ""
    return TASK + spoken + (f" It is about this: {hint}" if hint else "")


ROUTES = (Route("POST", "/v1/audio/transcriptions", Transcriptions, since="0.33"),)
"""The old profile has none."""
