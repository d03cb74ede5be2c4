"""The plain roofline of a catalog device, beside every prediction: what its datasheet alone would promise."""

from __future__ import annotations

import math

from hwlib.baselines.kernels.ceilings import ceilings_of
from hwlib.catalog import Device
from hwlib.report import Explanation, Input, OperatorRow, Phase, PlainRoofline, Report

RULE = (
    "plain roofline: of every operator the slower of FLOPs at the published peak and DRAM bytes at the published "
    "bandwidth; no collectives, no host, nothing fitted"
)

PREFIX = "roofline."
"""How the keys of the roofline's figures begin."""

_LABELS: dict[str, tuple[str, str, Phase | None]] = {
    "ttft_s": ("TTFT by a plain roofline", "s", "prefill"),
    "tpot_s": ("TPOT by a plain roofline", "s", "decode"),
    "tokens_per_s": ("Tokens per second in decode by a plain roofline", "tokens/s", None),
    "e2e_tokens_per_s": ("Tokens per second by a plain roofline, prefill included", "tokens/s", None),
}


def roofline_s(chip: Device, report: Report, phase: Phase) -> float:
    """Seconds of a pass by a plain roofline: the slower of FLOPs at peak and DRAM bytes at bandwidth, by operator.

    No collectives, no overheads, nothing fitted; batch as it runs. Infinite where no bandwidth was published.
    """
    gemm, other, bandwidth = _peaks(chip, report)
    if not (gemm and other and bandwidth):
        return math.inf
    return sum(
        max(r.flops / (gemm if r.kind == "GEMM" else other), r.dram_bytes / bandwidth) for r in _rows(report, phase)
    )


def _peaks(chip: Device, report: Report) -> tuple[float, float, float]:
    """FLOP/s of GEMMs and of the rest, in the formats of the scenario, and DRAM bytes/s, as published."""
    ceilings = ceilings_of(chip)
    narrow = report.scenario.activation_bits <= 8
    eight = max(ceilings.peak8_flops, ceilings.peak_int8_flops) if narrow else 0.0
    return max(eight, ceilings.peak16_flops), ceilings.peak16_flops, ceilings.dram_Bps


def _rows(report: Report, phase: Phase) -> list[OperatorRow]:
    return [r for r in report.rows(phase) if r.kind in ("GEMM", "attention", "memory")]


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


def roofline_keys(report: Report) -> tuple[str, ...]:
    """The keys of the roofline's figures; none where the report has no roofline."""
    return () if report.roofline is None else tuple(f"{PREFIX}{name}" for name in _LABELS)


def explain_roofline(chip: Device, report: Report, key: str) -> Explanation:
    """Formula and inputs of one of `roofline_keys`."""
    plain, name = report.roofline, key.removeprefix(PREFIX)
    if plain is None or report.metrics is None or name not in _LABELS:
        raise KeyError(key)
    label, unit, phase = _LABELS[name]
    formula, inputs = _pass(chip, report, phase) if phase else _rate(report, plain, name)
    return Explanation(key, label, getattr(plain, name), unit, formula, inputs, RULE)


def _pass(chip: Device, report: Report, phase: Phase) -> tuple[str, tuple[Input, ...]]:
    source = f"datasheet of {chip.name}: {chip.source or 'its catalog record'}"
    units = zip(("gemm_peak", "other_peak", "dram"), _peaks(chip, report), ("FLOP/s", "FLOP/s", "B/s"), strict=True)
    inputs, terms = [Input(n, value, unit, source, chip.confidence or "datasheet") for n, value, unit in units], []
    for row in _rows(report, phase):
        short = row.key.partition(".")[2].replace(".", "_")
        for what, value, unit in (("flops", row.flops, "FLOP"), ("dram_bytes", row.dram_bytes, "B")):
            known = f"operator.{row.key}.{what}"
            inputs.append(Input(f"{short}_{what}", value, unit, f"figure {known}", "", known))
        peak = "gemm_peak" if row.kind == "GEMM" else "other_peak"
        terms.append(f"max({short}_flops / {peak}, {short}_dram_bytes / dram)")
    return " + ".join(terms), tuple(inputs)


def _rate(report: Report, plain: PlainRoofline, name: str) -> tuple[str, tuple[Input, ...]]:
    m, s = report.metrics, report.scenario
    assert m is not None
    step = Input("step", plain.tpot_s, "s", f"figure {PREFIX}tpot_s", "", f"{PREFIX}tpot_s")
    if name == "tokens_per_s":
        return "batch_running / step", (
            Input("batch_running", m.batch_running, "", "figure batch_running", "", "batch_running"), step,
        )  # fmt: skip
    read = Input("read", plain.ttft_s, "s", f"figure {PREFIX}ttft_s", "", f"{PREFIX}ttft_s")
    waves = Input("waves", m.waves, "", "figure waves", "", "waves")
    asked = [Input(n, float(getattr(s, n)), "", f"scenario: {n.capitalize()}") for n in ("batch", "output")]
    return "batch * output / (waves * (read + (output - 1) * step))", (*asked, waves, read, step)
