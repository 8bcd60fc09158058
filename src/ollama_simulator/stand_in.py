"""Who answers in place of a server's engine, as its settings say.

It must not import faults, the journal or anything above.
"""

from collections.abc import Callable

from ollama_simulator import __version__
from ollama_simulator.address import Address
from ollama_simulator.answering import answer
from ollama_simulator.exchange import Handler
from ollama_simulator.recording.reading import read
from ollama_simulator.recording.writing import PROGRAM, Recorder
from ollama_simulator.relaying import Relay, rfc3339
from ollama_simulator.replaying import Replay
from ollama_simulator.settings import Miss, Settings


class StandIn:
    """Another server, a recording, both, or nobody."""

    def __init__(self, settings: Settings, name: str, wall_ns: Callable[[], int]) -> None:
        """Opens what has to be written. Raises `BadRecording`, and `OSError` if it can't be."""
        self._relay: Relay | None = None
        self._replay: Replay | None = None
        if settings.upstream is not None:
            self._relay = Relay(
                Address.parse(settings.upstream), _recorder(settings, name, wall_ns)
            )
        if settings.replay is not None:
            others: dict[Miss, Handler | None] = {"simulate": answer, "relay": self._relay}
            self._replay = Replay(
                read(settings.replay),
                speed=settings.replay_speed,
                otherwise=others.get(settings.replay_miss),
                volatile=settings.replay_volatile,
            )

    @property
    def handler(self) -> Handler | None:
        """What answers an exchange; None for the engine."""
        return self._replay or self._relay

    def rewind(self) -> None:
        """Begin a recording anew."""
        if self._replay is not None:
            self._replay.rewind()

    def close(self) -> None:
        """Give back what is open."""
        if self._relay is not None:
            self._relay.close()


def _recorder(settings: Settings, name: str, wall_ns: Callable[[], int]) -> Recorder | None:
    if settings.record is None or settings.upstream is None:
        return None
    return Recorder(
        settings.record,
        upstream=settings.upstream,
        server=name,
        began=rfc3339(wall_ns()),
        program=f"{PROGRAM} {__version__}",
        most_kept=settings.record_body_limit,
        keep_secrets=settings.record_secrets,
    )
