"""Accepting when no file can be opened any more."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import Any

import pytest

from ollama_simulator.net import kernel, room
from ollama_simulator.net.acceptor import Acceptor
from ollama_simulator.net.room import Room
from tests.net.loops import on_each_loop
from tests.net.peers import until


class Starved:
    """A listening socket of a process that may open no file, for as long as somebody says so."""

    def __init__(self) -> None:
        self.sock = kernel.listen("127.0.0.1", 0)
        self.starved = True
        self.tries = 0

    def fileno(self) -> int:
        """Its number."""
        return self.sock.fileno()

    def accept(self) -> Any:
        """As `accept(2)` fails then."""
        self.tries += 1
        if self.starved:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self.sock.accept()


@on_each_loop
async def test_who_can_not_accept_waits_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks again at its pace, lets everybody in when it can, and says that it is over."""
    monkeypatch.setattr(room, "RETRY_S", 0.02)
    monkeypatch.setattr(room, "CALM_S", 0.1)
    told: list[str] = []
    accepted: list[socket.socket] = []
    starved = Starved()
    acceptor = Acceptor(starved, accepted.append, Room(told.append, lambda: told.append("eased")))  # type: ignore[arg-type]
    acceptor.start()
    with starved.sock:
        clients = [socket.create_connection(starved.sock.getsockname()) for _ in range(3)]
        await until(lambda: starved.tries > 3)
        assert starved.tries < 50
        assert len(told) == 1
        assert "as many files open as it may have" in told[0]
        assert accepted == []
        starved.starved = False
        await until(lambda: len(accepted) == 3)
        await until(lambda: len(told) == 2)
        assert told[1] == "eased"
        await acceptor.stop()
        for each in (*clients, *accepted):
            each.close()


@on_each_loop
async def test_who_stops_while_there_is_no_room_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing begins to accept afterwards, a socket that is closed is not looked at, and nobody
    is told for ever that there is no room."""
    monkeypatch.setattr(room, "CALM_S", 0.1)
    told: list[str] = []
    starved = Starved()
    acceptor = Acceptor(starved, lambda _: None, Room(told.append, lambda: told.append("eased")))  # type: ignore[arg-type]
    acceptor.start()
    with starved.sock, socket.create_connection(starved.sock.getsockname()):
        await until(lambda: starved.tries > 0)
        await acceptor.stop()
        starved.starved = False
        tries = starved.tries
    await asyncio.sleep(3 * room.RETRY_S)
    assert starved.tries == tries
    await until(lambda: told[1:] == ["eased"])


def test_the_last_files_are_not_for_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some, but never more than a part of what is left; and none where there is no limit."""
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    for most, top in ((10_000, 10_000 - room.SPARE), (lowest + 40, lowest + 30), (None, None)):
        monkeypatch.setattr(kernel, "most_files", lambda most=most: most)
        assert Room().top == top
