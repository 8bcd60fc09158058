"""One server of a fleet breaks: the one that the balancer likes best.

It must not import other scenarios.
"""

from ollama_simulator.acts import Door
from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.faults import Chosen
from ollama_simulator.conformance.run import Run
from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.empty_reply import EmptyReply
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.server import SimServer

REFUSED = ConnectionRefused()
CLOSED = EmptyReply()
RESET = FailMidStream(tokens_before_fail=2, tokens_per_sec=400)
SHORT = AbruptClose(bytes_before_close=200)
"""Less than the shortest answer that is asked for here, in every dialect."""
SILENT = Hang()


def status(code: int) -> HttpError:
    """An error that is told."""
    return HttpError(status_code=code, message="the runner has terminated")


class Broken:
    """The server that breaks."""

    def __init__(self, run: Run, fault: Fault) -> None:
        self._run = run
        self._fault = fault
        self._server: SimServer | None = None
        self._chosen = Chosen()

    async def begin(self) -> None:
        """Break: by a shut door the favourite, else whoever is asked next."""
        if self._fault.door is not Door.OPEN:
            self._server = await self._run.favourite()
            await self._run.behave(self._fault, self._server)
            return
        self._chosen = await self._run.strike_first(self._fault)

    @property
    def server(self) -> SimServer:
        """Who it is. Raises `NotArranged` if nobody was asked yet."""
        if self._server is None:
            self._server = self._run.named(self._chosen.name or "")
        return self._server

    @property
    def met(self) -> bool:
        """Whether it is known to have failed a request. A shut door tells nobody."""
        return self._chosen.name is not None

    async def heal(self) -> None:
        """Be sound again."""
        await self._run.behave(QUICK)


async def break_one(run: Run, fault: Fault) -> Broken:
    """Break a server, and leave it so."""
    broken = Broken(run, fault)
    await broken.begin()
    return broken
