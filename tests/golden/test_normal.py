"""What is volatile is replaced if it has the right form; what has another form is not."""

from __future__ import annotations

import msgspec
import pytest

from ollama_simulator.golden.normal import normal
from tests.golden.making import chunked, reply


def body_of(text: str) -> str:
    """A body as it is compared."""
    return normal(reply(text.encode())).body.decode()


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ('"created_at":"2026-11-23T15:07:53.506025794Z"', '"created_at":"<time>"'),
        ('"created_at":"2026-11-23T15:07:53.5Z"', '"created_at":"<time>"'),
        ('"modified_at":"2025-10-09T08:53:20Z"', '"modified_at":"<time>"'),
        ('"expires_at":"2319-03-05T14:55:40.010765142+02:00"', '"expires_at":"<time>"'),
        ('{"created":1795444506,"a":1}', '{"created":<seconds>,"a":1}'),
        ('"created_at":1795444519,"completed_at":1795444519}', None),
        ('{"total_duration":87999811,"load_duration":1}', None),
        ('{"prompt_eval_duration":12500000,"eval_duration":70250000}', None),
        ("http://127.0.0.1:12199/api/chat?ts=1795446725", "http://127.0.0.1:<port>/api/chat?ts="),
        ('"id":"chatcmpl-0"', '"id":"chatcmpl-<number 1>"'),
        ('"id":"cmpl-998"', '"id":"cmpl-<number 1>"'),
        ('"id":"msg_8663318bdd67eb98fa838d3c"', '"id":"msg_<hex 1>"'),
        ('"request_id":"req_1a1a334a5fa601ff9e387512"', '"request_id":"req_<hex 1>"'),
        ('"id":"resp_432336"', '"id":"resp_<number 1>"'),
        ('"id":"rs_resp_432336"', '"id":"rs_resp_<number 1>"'),
        ('"id":"fc_1_2"', '"id":"fc_<number 1>_2"'),
        ('"id":"ws_5_1"', '"id":"ws_<number 1>_1"'),
        ('"id":"call_sg23rd09"', '"id":"call_<letters 1>"'),
    ],
)
def test_the_right_form(text: str, mark: str | None) -> None:
    """A mark takes its place, and the rest stays."""
    found = body_of(text)
    assert found != text
    if mark is not None:
        assert found.startswith(mark)
    for word in text.split('"')[1::2]:
        if word.isidentifier() and "_" in word and not any(map(str.isdigit, word)):
            assert f'"{word}"' in found


@pytest.mark.parametrize(
    "text",
    [
        '"created_at":"2026-11-23T15:07:53.50Z"',  # Go prints no zeros at the end
        '"created_at":"2026-11-23T15:07:53.0Z"',
        '"created_at":"2026-11-23T15:07:53.1234567891Z"',
        '"created_at":"2026-11-23 15:07:53Z"',
        '"created_at":"2026-13-23T15:07:53Z"',
        '"created_at":"2026-11-23T15:07:53"',
        '"created":"1795444506"',
        '"created":17954445061',
        '"created":1795444506.5,',
        '{"total_duration":0}',
        '{"total_duration":-5}',
        '{"total_duration":1.5}',
        '{"total_duration":012}',
        '{"other_duration":12}',
        '"id":"chatcmpl-007"',
        '"id":"chatcmpl-1000"',
        '"id":"msg_8663318bdd67eb98fa838d3"',
        '"id":"msg_8663318BDD67EB98FA838D3C"',
        '"id":"resp_0432336"',
        '"id":"call_sg23rd0"',
        '"id":"call_SG23RD09"',
        '"id":"abc123"',
        "127.0.0.2:12199",
    ],
)
def test_another_form(text: str) -> None:
    """It stays, so it is found to differ."""
    assert body_of(text) == text


def test_one_id_stays_one() -> None:
    """In whatever places it stands, and in whatever chunks."""
    found = normal(chunked(b'"cmpl-5","cmpl-6"', b'"cmpl-5"'))
    assert found.chunks == (b'"cmpl-<number 1>","cmpl-<number 2>"', b'"cmpl-<number 1>"')
    same = body_of('"resp_7","rs_resp_7","ws_7_1","msg_8"')
    assert same == '"resp_<number 1>","rs_resp_<number 1>","ws_<number 1>_1","msg_<number 2>"'
    digits = "0123456789abcdef01234567"
    assert body_of(f'"msg_{digits}","srvtoolu_{digits}"') == '"msg_<hex 1>","srvtoolu_<hex 1>"'


def test_a_length_that_follows() -> None:
    """Replaced only if something was, and only if it is the body's."""
    volatile = b'{"total_duration":12}'
    assert ("Content-Length", "<length of the body>") in normal(reply(volatile)).headers
    assert ("Content-Length", "4") in normal(reply(b"same")).headers
    wrong = msgspec.structs.replace(reply(volatile), headers=(("Content-Length", "99"),))
    assert normal(wrong).headers == (("Content-Length", "99"),)


@pytest.mark.parametrize(
    ("date", "replaced"),
    [
        ("Mon, 23 Nov 2026 15:07:47 GMT", True),
        ("Mon, 23 Nov 2026 15:07:47 UTC", False),
        ("Mon, 3 Nov 2026 15:07:47 GMT", False),
        ("2026-11-23T15:07:47Z", False),
    ],
)
def test_dates(date: str, replaced: bool) -> None:
    """As HTTP writes them."""
    found = normal(reply(headers=(("Date", date),)))
    assert (found.headers == (("Date", "<date>"),)) is replaced
    assert normal(reply(headers=(("date", date),))).headers == (("date", date),)
