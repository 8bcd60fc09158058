"""The seventh step of version 1.0.4: which conversations a request goes on with.

Source: seed facts, "Version 1.0.4".

In each case the second server, the slower one, has a conversation. A request that goes on with it
goes there; any other one goes to the first server.
"""

import base64
import copy
from collections.abc import Callable
from typing import Any

from ollama_simulator.conformance.asking import MODEL
from ollama_simulator.conformance.conversing import Conversation
from ollama_simulator.conformance.dialect import DIALECTS
from ollama_simulator.conformance.feature import SEED, V104
from ollama_simulator.conformance.installed_models import HELPED, LONG_S, busy, install
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import Variant, scenario, variant
from ollama_simulator.fleet import Fleet

OTHER = "other-model:latest"
FAST, SLOW = "[speed=90]", "[speed=10]"
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24)).decode()
"""What begins like one, which is all that anybody looks at."""
WEATHER = {"type": "function", "function": {"name": "weather", "description": "", "parameters": {}}}
OPENING: tuple[dict[str, Any], ...] = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is the weather here?", "images": [PICTURE]},
    {
        "role": "assistant",
        "content": "",
        "thinking": "A call will tell.",
        "tool_calls": [{"function": {"name": "weather", "arguments": {"place": "here"}}}],
    },
    {"role": "tool", "content": "Rain.", "tool_name": "weather", "tool_call_id": "call_1"},
)
"""Messages in which there is something of everything that is compared."""


async def both_loaded(fleet: Fleet, **_: Any) -> None:
    """Both servers have both models, and one of them in memory."""
    install(fleet, [MODEL, OTHER], [MODEL, OTHER])
    fleet.load(None, MODEL)


async def talk_on_second(run: Run, conversation: Conversation, turns: int, **options: Any) -> None:
    """Have the second server answer some turns: the first one is busy."""
    async with busy(run, run.s1):
        for _ in range(turns):
            answer = await conversation.turn(**options)
            run.check("the status of a turn so far", answer.status, 200)


def spoken(before: str, after: str) -> Variant:
    """A conversation in one dialect that is gone on with in another."""
    first, second = DIALECTS[before], DIALECTS[after]
    return variant(
        needs={first.feature, second.feature},
        killed_by={"reads-native-only" if before == after else "compares-dialects"},
        before=before,
        after=after,
    )


@scenario(
    claim="A request that goes on with a cached conversation goes to the server that has it, "
    "whatever dialects the two were spoken in.",
    level=Level.SHOULD,
    needs=SEED | V104,
    servers=2,
    settings=HELPED,
    timeout=LONG_S,
    arrange=both_loaded,
    annotations=(FAST, SLOW),
    advice="Compare conversations in one form: translate the messages of every dialect into the "
    "native one before they are compared.",
    killed_by=(),
    variants={
        "openai": spoken("openai", "openai"),
        "anthropic": spoken("messages", "messages"),
        "responses": spoken("responses", "responses"),
        "native-then-openai": spoken("chat", "openai"),
        "openai-then-anthropic": spoken("openai", "messages"),
        "anthropic-then-native": spoken("messages", "chat"),
    },
)
async def conversation(run: Run, before: str, after: str) -> None:
    """Two turns on the second server, then a third one."""
    said = Conversation(run, opening=[{"role": "system", "content": "Be brief."}])
    await talk_on_second(run, said, 2, dialect=DIALECTS[before])
    answer = await said.turn(dialect=DIALECTS[after])
    run.check("who was asked", [each.server for each in said.asked(answer)], ["s2"], firm=True)
    run.good(answer)


Change = Callable[[Conversation], None]


def message(index: int, **fields: Any) -> Change:
    """Have something else in one of the messages."""

    def change(said: Conversation) -> None:
        said.messages[index] = said.messages[index] | fields

    return change


def other_model(said: Conversation) -> None:
    """Ask another model."""
    said.model = OTHER


def other_tools(said: Conversation) -> None:
    """Offer a tool."""
    said.more = {"tools": [WEATHER]}


def other_window(said: Conversation) -> None:
    """Ask for another context."""
    said.more = {"options": {"num_ctx": 2048, "num_predict": 4}}


def much_more(said: Conversation) -> None:
    """Have said far more than what is cached: 11 messages and the next."""
    said.messages += copy.deepcopy(said.messages)
    said.messages += copy.deepcopy(said.messages[:3])


def the_same(said: Conversation) -> None:
    """Ask the last question once more."""
    del said.messages[-2:]


def differs(killed_by: str, change: Change | None, turns: int = 2, opened: bool = True) -> Variant:
    """What is changed after some turns."""
    return variant(killed_by={killed_by}, change=change, turns=turns, opened=opened)


@scenario(
    claim="A request whose model, tools, context or earlier messages are not those of a cached "
    "conversation does not go to its server for that, nor does one of which it is less than three "
    "messages, less than 40 %, or all.",
    level=Level.SHOULD,
    needs=SEED | V104,
    servers=2,
    settings=HELPED,
    timeout=LONG_S,
    arrange=both_loaded,
    annotations=(FAST, SLOW),
    advice="Compare model, tools and num_ctx, and of each message role, content, images, tool "
    "calls, thinking and tool call id; and let only strict prefixes of three messages and 40 % or "
    "more count.",
    killed_by=(),
    variants={
        "model": differs("compares-messages-only", other_model),
        "tools": differs("compares-messages-only", other_tools),
        "num-ctx": differs("compares-messages-only", other_window),
        "role": differs("compares-lengths", message(0, role="user")),
        "content": differs("compares-lengths", message(0, content="Be long-winded.")),
        "images": differs("compares-texts-only", message(1, images=[])),
        "thinking": differs("compares-texts-only", message(2, thinking="No call will tell.")),
        "tool-calls": differs(
            "compares-texts-only",
            message(2, tool_calls=[{"function": {"name": "weather", "arguments": {"place": "x"}}}]),
        ),
        "tool-call-id": differs("compares-texts-only", message(3, tool_call_id="call_2")),
        "short": differs("short-ones-count", None, turns=1, opened=False),
        "part": differs("short-ones-count", much_more, opened=False),
        "same": differs("same-ones-count", the_same),
    },
)
async def no_conversation(run: Run, change: Change | None, turns: int, opened: bool) -> None:
    """Some turns on the second server, a change, and another turn."""
    said = Conversation(run, opening=copy.deepcopy(OPENING) if opened else ())
    await talk_on_second(run, said, turns)
    if change is not None:
        change(said)
    answer = await said.turn()
    run.check("who was asked", [each.server for each in said.asked(answer)], ["s1"], firm=True)
    run.check("the status of the answer", answer.status, 200)
