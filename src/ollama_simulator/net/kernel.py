"""Where operating systems differ: sockets that refuse, sockets that reset, and who holds a port.

Rules of this file:

1. Every `sys.platform` of the project stands here.
2. A function says what it does where the platform can't do it.

It must not import anything of this package.
"""

import asyncio
import contextlib
import errno
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

BACKLOG = 1024
"""Connections that the kernel completes before anybody accepts them."""


_KNOCK_S = 0.05
"""Seconds after which a connection on this machine is taken for dropped."""

_TAKEN = {errno.EADDRINUSE, 10013, 10048}
"""The second and third are Windows' WSAEACCES (held exclusively) and WSAEADDRINUSE."""


_FOREIGN = {errno.EADDRNOTAVAIL, 10049}
"""The second is Windows' WSAEADDRNOTAVAIL."""


CAN_BE_DEAF = sys.platform == "linux"
"""Whether `deafen` works: only Linux drops connections to a full queue in silence."""


def raise_limit() -> None:
    """Let this process, and those it starts, have as many sockets as the system lets it ask for.

    Nothing is changed on Windows, which has no such limit.
    """
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        # macOS calls its limit infinite, and refuses that.
        for limit in (hard, 10_240):
            if soft == hard or 0 <= limit <= soft:
                return
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
                return


def most_files() -> int | None:
    """How many files this process may have open; None on Windows, where sockets are none, and
    where there is no limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


class PortTaken(OSError):
    """A port can't be had. The text names it and, where the system tells, its holder."""

    def __str__(self) -> str:
        return str(self.args[1])


def reserve(host: str, port: int, *, again: bool = False) -> socket.socket:
    """A socket that owns a port without listening: the kernel refuses whoever connects.

    Port 0 takes a free one. `again` is for a port that was ours a moment ago and may have
    connections still. Raises `PortTaken`, or `OSError` if the host is not this machine's.
    """
    sock = socket.socket(
        socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )
    try:
        sock.setblocking(False)
        if sys.platform == "win32" and not again:
            # There SO_REUSEADDR would let two programs share a port; this forbids it. But a
            # port with connections can't be had exclusively.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        _reuse(sock, True)
        sock.bind((host, port))
        _reuse(sock, False)
    except OSError as error:
        sock.close()
        if error.errno in _FOREIGN:
            raise OSError(f"{host} is no address of this machine") from None
        raise _taken(error, port) from None
    except OverflowError:
        sock.close()
        raise OSError(f"there is no port {port}") from None
    return sock


def start_listening(sock: socket.socket) -> None:
    """Let a reserved or deaf socket listen. Raises `PortTaken` if its port was taken."""
    try:
        _reuse(sock, True)
        sock.listen(BACKLOG)
    except OSError as error:
        raise _taken(error, sock.getsockname()[1]) from None


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises as `reserve` does."""
    sock = reserve(host, port)
    try:
        start_listening(sock)
    except OSError:
        sock.close()
        raise
    return sock


def _reuse(sock: socket.socket, wanted: bool) -> None:
    # POSIX binds a port with connections in TIME_WAIT only with this option; but while nobody
    # listens, it would let another program with the same option take the port.
    if sys.platform != "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, wanted)


def _taken(error: OSError, port: int) -> OSError:
    if error.errno not in _TAKEN:
        return error
    return PortTaken(error.errno, f"port {port} is taken{_holder(port)}")


def _holder(port: int) -> str:
    """` by NAME (pid N)`, or nothing where the system does not tell."""
    import psutil

    try:
        for entry in psutil.net_connections(kind="tcp"):
            if entry.laddr and entry.laddr.port == port and entry.status == psutil.CONN_LISTEN:
                if entry.pid is None:
                    break
                return f" by {_name(psutil.Process(entry.pid))} (pid {entry.pid})"
    except (psutil.Error, OSError):
        pass
    return ""


def _name(process: "psutil.Process") -> str:
    """What a program is called. Linux cuts that of a script after 15 letters; its command line has
    all of it."""
    import psutil

    name: str = process.name()
    if len(name) >= 15:
        # Another user's may be hidden.
        with contextlib.suppress(psutil.Error):
            words = map(os.path.basename, process.cmdline())
            return next((word for word in words if word.startswith(name)), name)
    return name


async def deafen(sock: socket.socket) -> list[socket.socket]:
    """Make a listening socket drop whoever connects, by filling its queue to the brim.

    Returns what fills it: closing that and `start_listening` heals. Linux only.
    """
    sock.listen(0)
    loop = asyncio.get_running_loop()
    fillers: list[socket.socket] = []
    for _ in range(8):
        filler = socket.socket(sock.family, socket.SOCK_STREAM)
        filler.setblocking(False)
        try:
            async with asyncio.timeout(_KNOCK_S):
                await loop.sock_connect(filler, sock.getsockname())
        except (TimeoutError, OSError):
            filler.close()
            break
        fillers.append(filler)
    return fillers


def unsent(sock: socket.socket) -> int:
    """Bytes that the peer's kernel has not acknowledged; 0 where the system does not tell."""
    try:
        if sys.platform == "linux":
            import fcntl
            import termios

            answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
            return int(struct.unpack("i", answer)[0])
        if sys.platform == "darwin":
            so_nwrite = 0x1024
            return sock.getsockopt(socket.SOL_SOCKET, so_nwrite)
    except (OSError, ValueError):
        # The connection is gone already, and with it whatever was unsent.
        return 0
    return 0


def reset_on_close(sock: socket.socket) -> None:
    """Make `close()` send RST instead of FIN, by a linger time of 0 (RFC 9293, 3.6)."""
    linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    # macOS refuses it for a connection that its peer has ended.
    with contextlib.suppress(OSError, ValueError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
