"""What running whole passes adds to a model's kernels, or saves: host and framework, launches that overlap, fusion."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from hwlib.baselines.calibration import ANY
from hwlib.resources import ResourceError, read_json

PATH = "calibration/steps.json"
Phase = Literal["prefill", "decode"]


class StepOverhead(msgspec.Struct, frozen=True, kw_only=True):
    """What one framework and launch make of a pass: a0 + a1 layers + a2 batch beside the kernels, which run closer
    together than alone."""

    framework: str
    launch: str
    generation: str = ""
    """The generation of GPUs (as `kernels.ceilings` names it) that it was fitted on alone; "" where it serves all."""

    a0_s: float
    a1_s: float
    a2_s: float
    prefill_a0_s: float | None = None
    """a0 of a prefill where it differs."""

    prefill_a1_s: float | None = None
    """a1 of a prefill where it differs."""

    prefill_a2_s: float | None = None
    """a2 of a prefill where it differs."""

    prefill_shared_s: float = 0.0
    """What each layer of a prefill costs more where several chips share it: they launch in step."""

    launch_share: float = 1.0
    """Share of each kernel's fixed overhead that is left within a pass: in a captured graph the next kernel is launched
    while one runs; kernels alone were measured with all of it."""

    fused_share: float = 1.0
    """Share of the time of element-wise kernels that is left: compilers fuse them into their neighbours."""

    interference: float = 1.0
    """Continuous batching: share of a prompt's time by which the tokens of other sequences wait for it."""

    low: float
    high: float
    """10 and 90 % values of the overhead over that of the model (estimate)."""

    pass_low: float = 1.0
    pass_high: float = 1.0
    """10 and 90 % quantiles of measured over predicted times of whole passes, of the rows fitted; 1 where there are
    none."""

    rows: int = 0
    """Whole-model rows that it was fitted to; 0 for an estimate."""

    kept_out_rows: int = 0
    median: float | None = None
    """Median absolute error of whole passes on the rows kept out, a fraction."""

    mean: float | None = None
    source: str = ""
    confidence: str = ""
    date: str = ""

    def of(self, phase: Phase, chips: int = 1) -> tuple[float, float, float]:
        """(a0, a1, a2) of a phase, in s: of a pass, of a layer that `chips` share, of a sequence."""
        decode = (self.a0_s, self.a1_s, self.a2_s)
        if phase == "decode":
            return decode
        own = (self.prefill_a0_s, self.prefill_a1_s, self.prefill_a2_s)
        a0, a1, a2 = (d if p is None else p for p, d in zip(own, decode, strict=True))
        return a0, a1 + (self.prefill_shared_s if chips > 1 else 0.0), a2

    def seconds(self, phase: Phase, layers: float, batch: float, chips: int = 1) -> float:
        """a0 + a1 layers + a2 batch of a phase, where `chips` share a layer."""
        a0, a1, a2 = self.of(phase, chips)
        return a0 + a1 * layers + a2 * batch


@cache
def overheads() -> dict[tuple[str, str, str], StepOverhead]:
    """Every shipped overhead by framework, launch and generation. Raises ResourceError where the file is damaged."""
    file = read_json(PATH)
    try:
        steps = msgspec.convert(file["steps"], list[StepOverhead])
    except (msgspec.ValidationError, KeyError) as error:
        raise ResourceError(f"resources/{PATH} is damaged: {error}") from None
    told = {name: str(file.get(name, "")) for name in ("source", "confidence", "date")}
    filled = (msgspec.structs.replace(s, **{k: getattr(s, k) or v for k, v in told.items()}) for s in steps)
    return {(s.framework, s.launch, s.generation): s for s in filled}


def step_overhead(framework: str, launch: str, generation: str = "") -> StepOverhead:
    """The overhead of a framework and launch; that of all frameworks where it has none of its own."""
    known = overheads()
    nearest = ((framework, launch, generation), (framework, launch, ""), (ANY, launch, ""))
    return next(known[key] for key in nearest if key in known)


def step_overhead_s(
    framework: str, launch: str, layers: float, batch: float, phase: Phase = "decode"
) -> tuple[float, float, float, str]:
    """(seconds, low, high, source) of what host and framework add to one pass: a0 + a1 layers + a2 batch."""
    x = step_overhead(framework, launch)
    seconds = x.seconds(phase, layers, batch)
    return seconds, x.low * seconds, x.high * seconds, f"{x.confidence}: {x.source}" if x.confidence else x.source
