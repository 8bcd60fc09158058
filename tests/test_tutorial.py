"""The first hour, as the tutorial tells it: what it has you type does what it says."""

from __future__ import annotations

import json
import re
import shlex
import urllib.request
from http.client import IncompleteRead
from pathlib import Path

import pytest

from tests.acceptance.program import Program
from tests.plugin.session import installed, session

ROOT = Path(__file__).resolve().parent.parent
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    found = re.findall(r"```(\w*)\n(.*?)```", TUTORIAL, re.DOTALL)
    return [text for name, text in found if name == language]


def test_its_curl_lines_in_their_order() -> None:
    """An answer of twenty lines; a rule; an answer that breaks off; the journal."""
    whole, rule, cut, journal = (shlex.split(block) for block in blocks("bash"))
    with Program("--control-port", "0", "--server-ports", "0,0,0") as program:
        places = dict(
            zip(("11500", "11501"), (program.control_port, program.ports[0]), strict=True)
        )

        def ask(words: list[str]) -> tuple[bytes, bool]:
            """What comes, and whether all of it did."""
            (url,) = (word for word in words if word.startswith("http"))
            data = words[words.index("-d") + 1].encode() if "-d" in words else None
            for told, real in places.items():
                url = url.replace(f"127.0.0.1:{told}", f"127.0.0.1:{real}")
            pieces = []
            with urllib.request.urlopen(urllib.request.Request(url, data), timeout=30) as answer:
                try:
                    for line in answer:
                        pieces.append(line)
                except (ConnectionResetError, IncompleteRead):
                    return b"".join(pieces), False
            return b"".join(pieces), True

        said, complete = ask(whole)
        assert complete
        assert len(said.splitlines()) == 21, "twenty tokens, and the end"
        assert "\nTwenty-one lines come, " in TUTORIAL
        assert json.loads(ask(rule)[0])["servers"] == ["s1"]
        said, complete = ask(cut)
        assert not complete
        assert len(said.splitlines()) == 5
        assert ask(cut)[1]
        kinds = [each["kind"] for each in json.loads(ask(journal)[0])["records"]]
        assert kinds[-3:] == ["Struck", "Finished", "Finished"]


@pytest.mark.timeout(300)  # three sessions of pytest
def test_the_client_and_its_test(tmp_path: Path) -> None:
    """It fails as it stands, shows what the server saw, and passes when the client asks twice."""
    client, test = blocks("python")
    (tmp_path / "client.py").write_text(client, encoding="utf-8")
    (tmp_path / "test_client.py").write_text(test, encoding="utf-8")

    site = installed(tmp_path / "site")

    def run() -> str:
        return session(tmp_path, "test_client.py", site=site).output

    words = run()
    assert "HTTP Error 503: Service Unavailable" in words
    assert "HttpError" in words.partition("journal")[2]
    assert "1 failed" in words
    call = "    with urllib.request.urlopen(request, timeout=10) as answer:"
    assert call in client
    twice = client.replace(call, "    for _ in range(2):\n        try:\n        " + call).replace(
        '        return json.load(answer)["response"]',
        '                return json.load(answer)["response"]\n        except OSError:\n'
        '            pass\n    raise OSError("it is busy")',
    )
    (tmp_path / "client.py").write_text(twice, encoding="utf-8")
    assert "1 passed" in run()
    unused = test.replace('    assert ask(ollama.url, "Hello")\n', "")
    assert unused != test
    (tmp_path / "test_client.py").write_text(unused, encoding="utf-8")
    assert "never struck" in run()
