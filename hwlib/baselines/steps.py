"""What host and framework add to every pass of a model: a0 + a1 layers + a2 batch, by framework and launch."""

from __future__ import annotations

from functools import cache

import msgspec

from hwlib.baselines.calibration import ANY
from hwlib.resources import ResourceError, read_json

PATH = "calibration/steps.json"


class StepOverhead(msgspec.Struct, frozen=True, kw_only=True):
    """The overhead of one framework and launch: seconds a pass, a layer and a sequence, and its 10 to 90 % factors."""

    framework: str
    launch: str
    a0_s: float
    a1_s: float
    a2_s: float
    low: float
    high: float
    rows: int = 0
    """Whole-model rows that it was fitted to; 0 for an estimate."""

    source: str = ""
    confidence: str = ""
    date: str = ""


@cache
def overheads() -> dict[tuple[str, str], StepOverhead]:
    """Every shipped overhead by framework and launch. Raises ResourceError where the file is damaged."""
    file = read_json(PATH)
    try:
        steps = msgspec.convert(file["steps"], list[StepOverhead])
    except (msgspec.ValidationError, KeyError) as error:
        raise ResourceError(f"resources/{PATH} is damaged: {error}") from None
    told = {name: str(file.get(name, "")) for name in ("source", "confidence", "date")}
    filled = (msgspec.structs.replace(s, **{k: getattr(s, k) or v for k, v in told.items()}) for s in steps)
    return {(s.framework, s.launch): s for s in filled}


def step_overhead(framework: str, launch: str) -> StepOverhead:
    """The overhead of a framework and launch; that of all frameworks where it has none of its own."""
    known = overheads()
    return known.get((framework, launch)) or known[ANY, launch]


def step_overhead_s(framework: str, launch: str, layers: float, batch: float) -> tuple[float, float, float, str]:
    """(seconds, low, high, source) of what host and framework add to one pass: a0 + a1 layers + a2 batch."""
    x = step_overhead(framework, launch)
    seconds = x.a0_s + x.a1_s * layers + x.a2_s * batch
    return seconds, x.low * seconds, x.high * seconds, f"{x.confidence}: {x.source}" if x.confidence else x.source
