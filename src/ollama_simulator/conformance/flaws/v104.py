"""Flaws of version 1.0.4: steps that are left out, asked in another order, or misread.

It must not import the scenarios.
"""

from ollama_simulator.conformance.flaws.flaw import Flawed, FlawedPlan
from ollama_simulator.conformance.reference.backend import Backend, Trust
from ollama_simulator.conformance.reference.balancer import Call
from ollama_simulator.conformance.reference.wish import Wish

# --- the steps and their order ----------------------------------------------------------------


class AsksBusy(Flawed):
    """A busy server is as good as a free one, if it is trusted more."""

    def able(self, call: Call) -> list[Backend]:
        return list(self.backends)


class TrustBeforeModels(Flawed):
    """Whether a server is trusted is asked before whether it has the model."""

    def able(self, call: Call) -> list[Backend]:
        able = super().able(call)
        return [each for each in able if each.trust is Trust.RELIABLE] or able


class TierBeforeTrust(Flawed):
    """The tier is asked before whether a server is trusted."""

    def able(self, call: Call) -> list[Backend]:
        able = super().able(call)
        return able if self.plan is None else self.plan.lowest_tier(able)


class IgnoresTiers(FlawedPlan):
    """All servers are of one tier."""

    def lowest_tier(self, backends: list[Backend]) -> list[Backend]:
        return backends


class LoadedBeforeTier(FlawedPlan):
    """Which server has the model in memory is asked before the tier."""

    def pick(self, backends: list[Backend], asked: Wish) -> Backend:
        return super().pick(self.warm(backends, asked) or backends, asked)


class ConversationBeforeTier(FlawedPlan):
    """Which server has the conversation is asked before the tier."""

    def pick(self, backends: list[Backend], asked: Wish) -> Backend:
        return super().pick(self.continuing(backends, asked) or backends, asked)


class IgnoresTypes(FlawedPlan):
    """Every type of KV cache is good for every model."""

    def fitting(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        return backends


class LoadedBeforeType(FlawedPlan):
    """Which server has the model in memory is asked before the type of the KV cache."""

    def fitting(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        return self.warm(backends, asked) or super().fitting(backends, asked)


class IgnoresLoaded(FlawedPlan):
    """Nobody asks which server has the model in memory."""

    def warm(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        return []


class ConversationBeforeLoaded(FlawedPlan):
    """Which server has the conversation is asked before which has the model in memory."""

    def warm(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        return self.continuing(backends, asked) or super().warm(backends, asked)


class IgnoresConversations(FlawedPlan):
    """Nobody asks which server has the conversation."""

    def continuing(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        return []


class IgnoresSpeed(FlawedPlan):
    """All servers are equally fast."""

    def fastest(self, backends: list[Backend]) -> list[Backend]:
        return backends
