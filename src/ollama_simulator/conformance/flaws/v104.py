"""Flaws of version 1.0.4: steps that are left out, asked in another order, or misread.

It must not import the scenarios.
"""

import asyncio
from collections.abc import Sequence

from ollama_simulator.clock import Clock, Interrupt
from ollama_simulator.conformance.flaws.flaw import Flawed, FlawedPlan
from ollama_simulator.conformance.reference.annotations import Annotations
from ollama_simulator.conformance.reference.backend import Backend, Trust
from ollama_simulator.conformance.reference.balancer import Call
from ollama_simulator.conformance.reference.command_line import Options
from ollama_simulator.conformance.reference.known import ask
from ollama_simulator.conformance.reference.plan import FITS_MOST
from ollama_simulator.conformance.reference.wish import Wish
from ollama_simulator.settings import HELPER_OFFSET

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


# --- types of KV cache ------------------------------------------------------------------------


class UntoldIsUsual(FlawedPlan):
    """A server whose helper does not answer has the type that most models want."""

    async def look(self) -> None:
        await super().look()
        for known in self.servers.values():
            if await known.told(known.backend.port + HELPER_OFFSET, "/health") is None:
                known.kv_cache = FITS_MOST


class NeverSwitches(FlawedPlan):
    """A server that doesn't fit is used as it is."""

    async def prepare(self, backend: Backend, asked: Wish, gone: Interrupt) -> None:
        pass


class SwitchesFirst(FlawedPlan):
    """The first server is switched, not the fastest."""

    def pick(self, backends: list[Backend], asked: Wish) -> Backend:
        chosen = super().pick(backends, asked)
        return chosen if asked.switch_to is None else backends[0]


class SwitchesAll(FlawedPlan):
    """All servers are switched at once."""

    async def prepare(self, backend: Backend, asked: Wish, gone: Interrupt) -> None:
        if asked.switch_to is not None:
            for other in self.servers:
                await super().prepare(other, asked, gone)


class SwitchesLoaded(FlawedPlan):
    """The server that has the model in memory is switched, which loses it."""

    def pick(self, backends: list[Backend], asked: Wish) -> Backend:
        chosen = super().pick(backends, asked)
        return (self.warm(backends, asked) or [chosen])[0]


class DoesNotWait(FlawedPlan):
    """The request is sent while its server restarts."""

    async def prepare(self, backend: Backend, asked: Wish, gone: Interrupt) -> None:
        if asked.switch_to is not None:
            helper = (backend.host, backend.port + HELPER_OFFSET)
            await ask(*helper, "POST", "/set-kv-cache", {"type": asked.switch_to})


class ForgetsSwitches(FlawedPlan):
    """What a server was switched to is known at the next poll only."""

    async def prepare(self, backend: Backend, asked: Wish, gone: Interrupt) -> None:
        before = self.servers[backend].kv_cache
        await super().prepare(backend, asked, gone)
        self.servers[backend].kv_cache = before


class WaitsForSwitches(Flawed):
    """While a server restarts, no request is sent anywhere."""

    def __init__(self, backends: list[Backend], options: Options) -> None:
        super().__init__(backends, options)
        self._switching = asyncio.Lock()

    async def prepare(self, backend: Backend, call: Call) -> None:
        async with self._switching:
            await super().prepare(backend, call)


# --- the command line -------------------------------------------------------------------------


class AbsentIs50(FlawedPlan):
    """Capability and speed are 50 if they are absent."""

    def __init__(self, backends: Sequence[Backend], options: Options, clock: Clock) -> None:
        super().__init__(backends, options, clock)
        for backend in backends:
            read = backend.annotations
            backend.annotations = Annotations(
                read.capability if "capability" in backend.note else 50,
                read.speed if "speed" in backend.note else 50,
            )


class ReadsPlaces(FlawedPlan):
    """The first number in the brackets is the capability, the second one the speed."""

    def __init__(self, backends: Sequence[Backend], options: Options, clock: Clock) -> None:
        super().__init__(backends, options, clock)
        for backend in backends:
            numbers = [int(part.rpartition("=")[2]) for part in backend.note.split(",") if part]
            backend.annotations = Annotations(*numbers)


class SendsUnknown(FlawedPlan):
    """A model that no server has is asked for all the same."""

    def having(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        return super().having(backends, asked) or backends


class BindsEverywhere(Flawed):
    """It listens on every address of the machine, whatever it is told."""

    @classmethod
    def address(cls, options: Options) -> tuple[str, int]:
        return "0.0.0.0", options.listen[1]
