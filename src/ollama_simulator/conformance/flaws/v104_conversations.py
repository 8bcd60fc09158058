"""Flaws of version 1.0.4: conversations that are compared wrongly.

It must not import the scenarios.
"""

import msgspec

from ollama_simulator.conformance.flaws.flaw import FlawedPlan
from ollama_simulator.conformance.reference import wish
from ollama_simulator.conformance.reference.wish import Conversation, Wish
from ollama_simulator.net.request import Request


class ReadsNativeOnly(FlawedPlan):
    """A conversation in another dialect than the native one is not read."""

    def read(self, request: Request, body: bytes) -> Wish:
        asked = super().read(request, body)
        if asked.path != "/api/chat":
            asked.conversation = None
        return asked


class ComparesDialects(FlawedPlan):
    """A conversation that goes on in another dialect is another one."""

    def read(self, request: Request, body: bytes) -> Wish:
        asked = super().read(request, body)
        if (said := asked.conversation) is not None:
            asked.conversation = msgspec.structs.replace(
                said, messages=tuple((asked.path, message) for message in said.messages)
            )
        return asked


class ComparesMessagesOnly(FlawedPlan):
    """Model, tools and context of a conversation make no difference."""

    def goes_on(self, asked: Conversation, held: Conversation) -> bool:
        return asked.goes_on(msgspec.structs.replace(asked, messages=held.messages))


class ComparesTextsOnly(FlawedPlan):
    """Of messages only role and content are compared."""

    def read(self, request: Request, body: bytes) -> Wish:
        asked = super().read(request, body)
        if (said := asked.conversation) is not None:
            texts = tuple((message.role, message.content) for message in said.messages)
            asked.conversation = msgspec.structs.replace(said, messages=texts)
        return asked


class ComparesLengths(FlawedPlan):
    """A conversation of more messages goes on with any of fewer."""

    def goes_on(self, asked: Conversation, held: Conversation) -> bool:
        said = asked.messages[: len(held.messages)]
        return asked.goes_on(msgspec.structs.replace(held, messages=said))


class ShortOnesCount(FlawedPlan):
    """A cached conversation counts however short it is."""

    def read(self, request: Request, body: bytes) -> Wish:
        asked = super().read(request, body)
        if asked.model is not None and asked.path in wish.CONVERSES:
            asked.conversation = wish.conversation(asked.path, body, asked.model)
        return asked

    def goes_on(self, asked: Conversation, held: Conversation) -> bool:
        shorter = len(held.messages) < len(asked.messages)
        return shorter and asked.messages[: len(held.messages)] == held.messages


class SameOnesCount(FlawedPlan):
    """A request that was asked before goes where it was answered, though nothing is new."""

    def goes_on(self, asked: Conversation, held: Conversation) -> bool:
        return asked == held or super().goes_on(asked, held)
