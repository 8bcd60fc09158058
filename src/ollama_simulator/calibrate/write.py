"""The profile that follows from the measurements, and its file.

Source: engine model, 2.4.

Rules of this file:

1. The file says where its numbers are from, which were worked out, and which are missing.

It must not import the measuring.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from ollama_simulator import hardware
from ollama_simulator.calibrate import fit
from ollama_simulator.calibrate.findings import Findings
from ollama_simulator.clock import Clock
from ollama_simulator.hardware import HardwareProfile

DIGITS = 5
LARGE = 1e6
"""Numbers from here on are written with an exponent."""


class Calibrated(msgspec.Struct, frozen=True):
    """What came of a calibration."""

    profile: HardwareProfile
    missing: tuple[str, ...]
    """What was not measured, and why: a line each."""


def calibrated(found: Findings, *, name: str, url: str, machine: str, date: str) -> Calibrated:
    """Conclude."""
    about = found.about
    step = fit.decode(found.shallow, found.deep)
    read, batch, seen = fit.iterations(found, step)
    # What Ollama took by itself it takes by itself again, and with another context another one.
    own = batch == fit.usual_batch(about.engine, found.context, found.slots)
    crowd = fit.crowd(found.crowds, step)
    load = fit.load(found)
    kv_bytes = about.kv_bytes_per_token or found.kv_bytes_per_token
    copy = fit.copying(found.copied, found, kv_bytes) if found.copied else None
    derived: list[str] = []
    missing: list[str] = []
    loads = hardware.Load()
    if load is None:
        missing.append("load: the server doesn't tell the size of the file")
    else:
        derived.append("load.fixed_s")
        if load.disk is None:
            derived.append("load.disk_Bps")
            missing.append(
                "load.disk_Bps: the first load was not slower than the second, so the file was in "
                "the page cache; it is that of the page cache"
            )
        loads = hardware.Load(
            fixed_s=_round(load.fixed),
            disk_Bps=_round(load.disk or load.pagecache),
            pagecache_Bps=_round(load.pagecache),
        )
    if not seen:
        missing.append(
            f"batch.n: it takes two answers at a time to see it; r and q are for one of {batch:,}"
        )
    if crowd.second is None:
        missing.append("decode.b_ms, decode.g: the server gives one answer at a time")
    elif crowd.power is None:
        missing.append("decode.g: it takes more slots, or a second one that costs something")
    if copy is None:
        missing.append(f"cache.copy_Bps: {_uncopied(found, kv_bytes)}")
    missing.append("jitter, memory, load.pcie_Bps, load.unload_s: nothing asks for them")
    if kv_bytes:
        derived.append("model.kv_bytes_per_token")
    profile = HardwareProfile(
        name=name,
        hardware=machine,
        source=f"ollama_simulator calibrate {url} on {date}: Ollama {about.version}, "
        f"{found.context:,} tokens of context, {_slots(found)}",
        trust="A",
        engine="legacy" if about.engine == "legacy" else "current",
        derived=tuple(derived),
        note=_note(found, missing, batch if seen else None),
        model=hardware.Weights(
            name=about.model,
            size=about.size,
            kv_bytes_per_token=kv_bytes,
            family=about.family,
            parameter_size=about.parameter_size,
            quantization_level=about.quantization_level,
            context_length=about.context_length,
        ),
        step=hardware.Step(t0_ms=_round(step.step * 1e3)),
        prefill=hardware.Prefill(
            r_tps=_round(1 / read.per_token), q_ns=_round(read.per_position * 1e9)
        ),
        decode=hardware.Decode(
            c_us=_round(step.per_context * 1e6),
            b_ms=_round((crowd.second or 0.0) * 1e3),
            g=1.0 if crowd.power is None else _round(min(crowd.power, hardware.STEEPEST)),
        ),
        batch=hardware.Batch(n=batch if seen and not (own and about.engine == "current") else 0),
        overhead=hardware.Overhead(
            request_ms=_round(max(found.request_s, 0.0) * 1e3),
            us_per_token=_round(fit.per_token(found) * 1e6),
        ),
        load=loads,
        cache=hardware.Cache() if copy is None else hardware.Cache(copy_Bps=_round(copy)),
    )
    return Calibrated(profile, tuple(missing))


def toml(profile: HardwareProfile) -> str:
    """The file of a profile: what differs from the defaults."""
    fields: dict[str, Any] = msgspec.to_builtins(profile)
    tables = {key: each for key, each in fields.items() if isinstance(each, dict) and each}
    plain = {key: each for key, each in fields.items() if not isinstance(each, dict)}
    parts = [_lines(plain), *(f"\n[{key}]\n{_lines(each)}" for key, each in tables.items())]
    return "".join(parts)


def date_of(clock: Clock) -> str:
    """The day, as it is in UTC."""
    return datetime.fromtimestamp(clock.wall_ns() / 1e9, UTC).date().isoformat()


def name_of(model: str) -> str:
    """What a profile of a model is called if nobody says."""
    return re.sub(r"[^a-z0-9.]+", "-", model.lower()).strip("-.") or "model"


def _lines(fields: dict[str, Any]) -> str:
    return "".join(f"{key} = {_value(each)}\n" for key, each in fields.items())


def _value(of: Any) -> str:
    if isinstance(of, str):
        # A JSON string is one of TOML's, but for the one character that TOML forbids.
        return json.dumps(of, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(of, list | tuple):
        return f"[{', '.join(map(_value, of))}]"
    if isinstance(of, bool):
        return "true" if of else "false"
    if isinstance(of, int):
        return f"{of:_}"
    return f"{of:g}" if of >= LARGE else repr(of)


def _note(found: Findings, missing: list[str], batch: int | None) -> str:
    lines = [f"Not measured: {line}." for line in missing]
    if batch is not None:
        lines.append(f"A batch of {batch:,} was seen with this context.")
    rate = found.repeated.tokens / found.repeated.seconds if found.repeated.seconds else 0.0
    lines.append(
        f"A prompt of {found.repeated.tokens:,} tokens that was asked again is told as "
        f"{found.repeated.seconds * 1e3:.1f} ms, {rate:,.0f} tokens/s; behind another one it was "
        f"{'still there' if found.remembers else 'gone'}."
    )
    lines += [f"Unsteady: {each}." for each in found.unsteady]
    return " ".join(lines)


def _slots(found: Findings) -> str:
    if found.slots == 1:
        return "one answer at a time"
    more = " or more" if found.slots == 4 else ""
    return f"{found.slots}{more} answers at a time"


def _uncopied(found: Findings, kv_bytes: int) -> str:
    if found.about.engine == "legacy":
        return "the engine legacy copies nothing"
    if found.copied is None:
        return "a prompt was gone after another one, so nothing is copied"
    if not kv_bytes:
        return "nobody tells how large the KV cache of a token is"
    return "copies took no time that could be seen"


def _round(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
