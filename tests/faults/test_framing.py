"""Faults of framing, act by act."""

from __future__ import annotations

import msgspec
import pytest

from ollama_simulator.acts import Act, Body, End, Framing, Hangup, Head, Hold, How, Raw, Tick
from ollama_simulator.faults.bad_chunk import BadChunk, Size
from ollama_simulator.faults.conflicting_framing import Conflict, ConflictingFraming
from ollama_simulator.faults.laid import Ending
from ollama_simulator.faults.wrong_length import WrongLength
from tests.faults.acting import HEAD, STREAM, WHOLE, bent, request
from tests.net.test_perform import Played

RST, FIN = Hangup(How.RST), Hangup(How.FIN)
CHUNKED = Head(200, HEAD.headers, framing=Framing.CHUNKED)
ASKED_HEAD = request("HEAD", "/api/tags", b"")
HEADED: tuple[Act, ...] = (Tick(), HEAD, Body(b"0123456789", flush=False), End())
EMPTY: tuple[Act, ...] = (Tick(), HEAD, Body(b"", flush=False), End())


# --- BadChunk -----------------------------------------------------------------------------


def test_a_chunk_whose_size_is_no_number() -> None:
    """Behind so many tokens; nothing comes behind it."""
    made = bent(BadChunk(1), STREAM)
    assert made == [*(Tick(), CHUNKED, Body(b"aa")), Tick(), Raw(b"size?\r\nbbb\r\n"), FIN]


def test_a_chunk_that_is_longer_than_what_comes() -> None:
    """64 bytes are missing."""
    made = bent(BadChunk(1, Size.TOO_LONG), STREAM)
    assert made[-2:] == [Raw(b"43\r\nbbb"), FIN]


@pytest.mark.parametrize(("tokens", "good"), [(0, b""), (1, b"aa"), (2, b"aabbb")])
def test_good_tokens_before_it(tokens: int, good: bytes) -> None:
    made = bent(BadChunk(tokens), STREAM)
    assert b"".join(act.data for act in made if isinstance(act, Body)) == good
    assert [type(act) for act in made[-2:]] == [Raw, Hangup]
    assert sum(isinstance(act, Raw) for act in made) == 1


def test_a_shorter_stream_has_it_in_place_of_its_terminator() -> None:
    made = bent(BadChunk(99), STREAM)
    assert made[-3:] == [Body(b"done"), Raw(b"size?\r\n\r\n"), FIN]


def test_a_whole_answer_is_chunked() -> None:
    """Its length would be another framing."""
    assert bent(BadChunk(99), WHOLE) == [*WHOLE[:3], CHUNKED, Raw(b"size?\r\n0123456789\r\n"), FIN]
    assert bent(BadChunk(), EMPTY) == [Tick(), CHUNKED, Raw(b"size?\r\n\r\n"), FIN]


def test_a_head_alone_is_torn() -> None:
    torn = Head(200, HEAD.headers, blank_line=False)
    assert bent(BadChunk(), HEADED, ASKED_HEAD) == [Tick(), torn, FIN]


def test_without_chunks_it_is_reset() -> None:
    """HTTP/1.0 has none: FIN would be the proper end of these bytes."""
    old = request(version="1.0")
    assert bent(BadChunk(), STREAM, old)[-1] == RST
    # A head that does not end is no answer, however it ends.
    assert bent(BadChunk(), HEADED, request("HEAD", "/api/tags", b"", version="1.0"))[-1] == FIN


# --- WrongLength --------------------------------------------------------------------------


@pytest.mark.parametrize(("off_by", "length"), [(10, 20), (1, 11), (-3, 7), (-99, 0)])
@pytest.mark.parametrize("acts", [STREAM, WHOLE])
def test_the_length_is_off_by_so_much(off_by: int, length: int, acts: tuple[Act, ...]) -> None:
    """All bytes come, in one piece; a stream's, too."""
    made = bent(WrongLength(off_by), acts)
    data = b"".join(act.data for act in acts if isinstance(act, Body))
    ticks = [act for act in acts if isinstance(act, Tick)]
    assert made == [*ticks, Head(200, HEAD.headers, length=length), Body(data), FIN]


@pytest.mark.parametrize(
    ("ending", "last"), [(Ending.FIN, FIN), (Ending.RST, RST), (Ending.HOLD, Hold())]
)
def test_how_it_ends(ending: Ending, last: Act) -> None:
    for acts in (STREAM, WHOLE, EMPTY):
        assert bent(WrongLength(5, ending), acts)[-1] == last


def test_fin_is_fin_in_http_1_0_too() -> None:
    """A length was told, so there it is an early end as well."""
    assert bent(WrongLength(5), STREAM, request(version="1.0"))[-1] == FIN


def test_an_empty_body_and_a_head_alone() -> None:
    """The first is waited for in vain; the second completes, as there is nothing to wait for."""
    ten = Head(200, HEAD.headers, length=10)
    assert bent(WrongLength(), EMPTY) == [Tick(), ten, Body(b""), FIN]
    twenty = Head(200, HEAD.headers, length=20)
    assert bent(WrongLength(), HEADED, ASKED_HEAD) == [Tick(), twenty, End()]


def test_a_length_that_was_told_is_not_the_last_word() -> None:
    """A handler may have said the right one."""
    head = Head(200, HEAD.headers, length=10)
    made = bent(WrongLength(1), (Tick(), head, Body(b"0123456789", flush=False), End()))
    assert made[1] == Head(200, HEAD.headers, length=11)


def test_the_right_length_is_no_fault() -> None:
    with pytest.raises(msgspec.ValidationError, match="off_by is 0: that is the right length"):
        msgspec.convert({"type": "WrongLength", "off_by": 0}, WrongLength)


# --- ConflictingFraming -------------------------------------------------------------------


def sent(
    fault: ConflictingFraming, acts: tuple[Act, ...], method: str = "GET"
) -> tuple[list[str], bytes]:
    """The headers of framing, and the bytes of the body, as they go out."""
    asked = request(method, "/", b"")
    played = Played(*bent(fault, acts, asked), method=method)
    played.play()
    head, _, body = b"".join(played.writes).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return [line for line in lines if line.startswith(("Transfer-", "Content-Length"))], body


TWICE = ["Transfer-Encoding: chunked"] * 2


def test_chunked_twice() -> None:
    """Two headers, and one layer of chunks."""
    assert sent(ConflictingFraming(), STREAM) == (
        TWICE,
        b"2\r\naa\r\n3\r\nbbb\r\n1\r\nc\r\n4\r\ndone\r\n0\r\n\r\n",
    )
    assert sent(ConflictingFraming(), WHOLE) == (TWICE, b"a\r\n0123456789\r\n0\r\n\r\n")
    assert sent(ConflictingFraming(), EMPTY) == (TWICE, b"0\r\n\r\n")
    assert sent(ConflictingFraming(), HEADED, "HEAD") == (TWICE, b"")


def test_a_length_and_chunks() -> None:
    """The length is that of the whole body, or of the first token; the body is in chunks."""

    def framing(length: int) -> list[str]:
        return [f"Content-Length: {length}", "Transfer-Encoding: chunked"]

    both = ConflictingFraming(Conflict.BOTH)
    assert sent(both, STREAM) == (
        framing(2),
        b"2\r\naa\r\n3\r\nbbb\r\n1\r\nc\r\n4\r\ndone\r\n0\r\n\r\n",
    )
    assert sent(both, WHOLE) == (framing(10), b"a\r\n0123456789\r\n0\r\n\r\n")
    assert sent(both, EMPTY) == (framing(0), b"0\r\n\r\n")
    assert sent(both, HEADED, "HEAD") == (framing(10), b"")
