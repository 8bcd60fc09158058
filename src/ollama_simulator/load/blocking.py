"""Asks over the network with the standard library's client, which blocks.

Locust makes it give way to others by replacing what blocks; so it serves there where the client
of asyncio can't.

It must not import the player or Locust.
"""

import http.client

from ollama_simulator.load.answer import Answer
from ollama_simulator.load.dialects import Dialect, Question
from ollama_simulator.load.target import Target
from ollama_simulator.net.client import End

AT_ONCE = 65_536
"""Bytes that are read at a time at most; what is there is read at once."""


class BlockingAsker:
    """Sends requests to a target, a connection for each."""

    def __init__(self, target: Target, dialect: Dialect, timeout: float) -> None:
        """`timeout`: seconds from when a request was due, after which it is given up."""
        self.dialect = dialect
        self._target = target
        self._timeout = timeout
        self._tls = target.tls()

    def __call__(self, question: Question, answer: Answer) -> None:
        """Send a request and take what comes, until it ends."""
        connection = self._connection()
        connected = False
        body = self.dialect.body(question)
        answer.begin()
        try:
            connection.timeout = self._left(answer)
            connection.connect()
            connected = True
            self._send(connection, body)
            self._take(connection, answer)
        except TimeoutError:
            answer.give_up(self._timeout)
        except (http.client.RemoteDisconnected, http.client.IncompleteRead):
            answer.broken(End.CUT, "the connection ended before the answer was complete")
        except http.client.HTTPException as error:
            answer.broken(End.MALFORMED, f"not HTTP: {error!r}")
        except ConnectionRefusedError:
            address = f"{self._target.host}:{self._target.port}"
            answer.broken(End.REFUSED, f"connection refused by {address}")
        except OSError as error:
            answer.broken(End.RESET if connected else End.UNREACHABLE, str(error))
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        target = self._target
        if self._tls is None:
            return http.client.HTTPConnection(target.host, target.port)
        return http.client.HTTPSConnection(target.host, target.port, context=self._tls)

    def _send(self, connection: http.client.HTTPConnection, body: bytes) -> None:
        path = self._target.prefix + self.dialect.path
        connection.putrequest("POST", path, skip_host=True, skip_accept_encoding=True)
        for name, value in self._target.headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)

    def _take(self, connection: http.client.HTTPConnection, answer: Answer) -> None:
        # The connection forgets its socket when an answer says that it is the last one.
        sock = connection.sock
        sock.settimeout(self._left(answer))
        response = connection.getresponse()
        answer.head(response.status)
        while data := response.read1(AT_ONCE):
            answer.take(data)
            sock.settimeout(self._left(answer))
        if response.length:
            # Of a body with a length, an early end is no error for the library.
            raise http.client.IncompleteRead(b"")
        answer.end()

    def _left(self, answer: Answer) -> float:
        """The seconds that there still are for it. Raises `TimeoutError`."""
        left = answer.due + self._timeout - answer.now()
        if left <= 0:
            raise TimeoutError
        return left
