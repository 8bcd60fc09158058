"""Measures simulated servers: over sockets, and under the virtual clock unless told otherwise."""

from __future__ import annotations

from typing import Any

from ollama_simulator.calibrate.findings import Findings
from ollama_simulator.calibrate.measure import measure
from ollama_simulator.calibrate.server import Server
from ollama_simulator.calibrate.write import Calibrated, calibrated
from ollama_simulator.clock import Clock
from ollama_simulator.hardware import HardwareProfile
from ollama_simulator.load.target import Target
from ollama_simulator.settings import Settings

TIMEOUT_S = 3_000.0


def settings(profile: HardwareProfile, engine: str, slots: int = 1, **fields: Any) -> Settings:
    """A server with the version that has this engine."""
    wire = "0.13.5" if engine == "legacy" else "0.33"
    return Settings(
        profile=profile,
        engine=engine,  # type: ignore[arg-type]
        wire=wire,  # type: ignore[arg-type]
        num_parallel=slots,
        **fields,
    )


async def findings(
    clock: Clock,
    port: int,
    model: str,
    *,
    lines: list[str] | None = None,
    engine: str | None = None,
    context: int | None = None,
    timeout: float = TIMEOUT_S,
) -> Findings:
    """What a measurement finds. `lines` get what it tells."""
    server = Server(Target.parse(f"http://127.0.0.1:{port}"), clock, timeout)
    tell = ([] if lines is None else lines).append
    return await measure(server, model, "nonce", tell, engine=engine, context=context)


def concluded(found: Findings) -> Calibrated:
    """The profile that follows."""
    return calibrated(found, name="found", url="http://a", machine="m", date="2026-11-29")
