"""Asks over the network, with the project's own client: a connection for each request.

It must not import the player.
"""

import ssl

from ollama_simulator.load.answer import Answer
from ollama_simulator.load.dialects import Dialect, Question
from ollama_simulator.load.target import Target
from ollama_simulator.net.client import Broken, Client


class Asker:
    """Sends requests to a target."""

    def __init__(self, target: Target, dialect: Dialect) -> None:
        self.dialect = dialect
        self._target = target
        self._tls: ssl.SSLContext | None = target.tls()

    async def __call__(self, question: Question, answer: Answer) -> None:
        """Send a request and take what comes, until it ends."""
        target = self._target
        body = self.dialect.body(question)
        answer.begin()
        try:
            async with await Client.connect(target.host, target.port, None, self._tls) as client:
                path = target.prefix + self.dialect.path
                await client.ask("POST", path, target.headers, body)
                answer.head((await client.head(None)).status)
                async for data in client.body(None):
                    answer.take(data)
                answer.end()
        except Broken as broken:
            answer.broken(broken.end, str(broken))
