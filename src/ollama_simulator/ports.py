"""The ports of a fleet's servers: taken, or found free, and with those of their helpers.

It must not import the fleet or anything above.
"""

import socket
from contextlib import ExitStack

from ollama_simulator.net import kernel
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.settings import HELPER_OFFSET

HOST = "127.0.0.1"
"""Where everything listens, unless somebody says otherwise."""
TRIES = 100
"""How often a free port is looked for that has a free one so much higher."""

Sockets = tuple[socket.socket, socket.socket | None]
"""That of a server, and that of its helper."""


def alone(host: str, port: int) -> Sockets:
    """Take a server's port; 0 takes a free one. Raises `PortTaken`."""
    return kernel.listen(host, port), None


def with_helper(host: str, port: int) -> Sockets:
    """Take a server's port and its helper's; of free ports, one that has both. Raises
    `PortTaken`."""
    with ExitStack() as others:
        for tries_left in reversed(range(TRIES if port == 0 else 1)):
            sock = kernel.listen(host, port)
            found: int = sock.getsockname()[1]
            try:
                return sock, kernel.reserve(host, found + HELPER_OFFSET)
            except OSError as error:
                # It is kept until the end: else the kernel may offer it again.
                others.callback(sock.close)
                if not tries_left:
                    words = f"{error}; the helper of the server on port {found} needs it"
                    if isinstance(error, PortTaken):
                        raise PortTaken(error.errno, words) from None
                    raise OSError(words) from None
    raise AssertionError("the last try returns or raises")
