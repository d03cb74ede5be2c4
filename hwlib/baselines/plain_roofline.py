"""The plain roofline of a catalog device, beside every prediction: what its datasheet alone would promise."""

from __future__ import annotations

import math

from hwlib.baselines.kernels.ceilings import ceilings_of
from hwlib.catalog import Device
from hwlib.report import Phase, PlainRoofline, Report

RULE = (
    "plain roofline: of every operator the slower of FLOPs at the published peak and DRAM bytes at the published "
    "bandwidth; no collectives, no host, nothing fitted"
)


def roofline_s(chip: Device, report: Report, phase: Phase) -> float:
    """Seconds of a pass by a plain roofline: the slower of FLOPs at peak and DRAM bytes at bandwidth, by operator.

    No collectives, no overheads, nothing fitted; batch as it runs. Infinite where no bandwidth was published.
    """
    ceilings = ceilings_of(chip)
    narrow = report.scenario.activation_bits <= 8
    peak = max(ceilings.peak8_flops, ceilings.peak_int8_flops) if narrow else 0.0
    peaks = {True: max(peak, ceilings.peak16_flops), False: ceilings.peak16_flops}
    if not (ceilings.dram_Bps and peaks[True] and peaks[False]):
        return math.inf
    return sum(
        max(r.flops / peaks[r.kind == "GEMM"], r.dram_bytes / ceilings.dram_Bps)
        for r in report.rows(phase)
        if r.kind in ("GEMM", "attention", "memory")
    )


def plain_roofline(chip: Device, report: Report) -> PlainRoofline | None:
    """What a plain roofline says of the same run; None where the LLM doesn't run, or a peak is unpublished."""
    m = report.metrics
    if m is None or not (chip.dram_GBs and (chip.bf16_T or chip.fp16_T)):
        return None
    read, step = roofline_s(chip, report, "prefill"), roofline_s(chip, report, "decode")
    if not (0.0 < read < math.inf and 0.0 < step < math.inf):
        return None
    s = report.scenario
    end = m.waves * (read + (s.output - 1) * step)
    return PlainRoofline(
        ttft_s=read, tpot_s=step, tokens_per_s=m.batch_running / step, e2e_tokens_per_s=s.batch * s.output / end,
        rule=RULE,
    )  # fmt: skip
