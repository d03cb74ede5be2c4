"""What a catalog device's report says beyond its drawing's: board energy, number formats, datasheet die, refusals."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hwlib.baselines.device_explain import AREA, METHOD, SCOPE, DeviceExplainer, published
from hwlib.baselines.plain_roofline import plain_roofline
from hwlib.catalog import Device, power_range_W, precision_for
from hwlib.design.design import Design, Finding, Settings
from hwlib.report import EnergyFigure, Explanation, Report
from hwlib.report_keys import FigureKeys
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

CLASS_LOW, CLASS_HIGH = 0.7, 1.6
"""10 and 90 % values of true over predicted time of a device that the class's efficiencies alone time: nothing of such
classes was measured, and the drawing knows no library (estimate)."""


def cannot_run(device: Device, scenario: Scenario, llm: LlmArchitecture) -> Report:
    """The report of a device that runs no LLM: no figures, and the reason."""
    reason = f"{device.name} can't run {llm.name}: {device.cannot_run}."
    report = Report(
        subject=device.name,
        is_device=True,
        design=Design(name=device.name, note=device.note[:10_000], settings=Settings(tdp_W=None)),
        llm=llm,
        scenario=scenario,
        status="cannot_run",
        reason=reason,
        metrics=None,
        operators=(),
        time_by_resource={"prefill": {}, "decode": {}},
        energy_by_component={},
        energies=(),
        blocks=(),
        links=(),
        ceilings=(),
        memory=(),
        area_m2=die_area_m2(device),
        die_cost_USD=None,
        findings=(Finding(severity="error", code="cannot_run", message=reason),),
        notes=(),
    )
    return _explained(device, report, None)


def _explained(device: Device, report: Report, drawn: Callable[[str], Explanation] | None) -> Report:
    """The report with the keys that it can explain: those of the drawing, less what was published, and that."""
    own, priced = published(device, report), report.die_cost_USD is not None

    def keys() -> tuple[str, ...]:
        drawn_ones = (k for k in report.figure_keys if k != AREA and (priced or not k.startswith(("die", "package"))))
        return (*own, *drawn_ones)

    explainer = DeviceExplainer(device, report, drawn)
    return msgspec.structs.replace(report, explainer=explainer, figure_keys=FigureKeys(keys))


def die_area_m2(device: Device) -> float | None:
    """The published die area; None where it is unpublished, an estimate or only bounded from above."""
    unsure = {*device.estimates, *device.upper_bounds}
    return None if device.die_mm2 is None or "die_mm2" in unsure else device.die_mm2 * 1e-6


def as_device(device: Device, drawn: Report) -> Report:
    """The report of a device from that of its drawing: area as published, board energy, notes on what stands in."""
    board = _board_energy(device, drawn)
    area = die_area_m2(device)
    report = msgspec.structs.replace(
        drawn,
        subject=device.name,
        is_device=True,
        area_m2=area,
        die_cost_USD=None if area is None else drawn.die_cost_USD,
        die_yield=None if area is None else drawn.die_yield,
        package_cost_USD=None if area is None else drawn.package_cost_USD,
        energies=(*drawn.energies, *([board] if board else [])),
        notes=(*drawn.notes, *precision_notes(device, drawn.scenario), *_power_notes(device), *_drawing_notes(device)),
        bands=drawn.bands or _class_bands(drawn),
        roofline=plain_roofline(device, drawn),
    )
    return _explained(device, report, drawn.explainer)


def _class_bands(drawn: Report) -> dict[str, tuple[float, float]]:
    """Bands of a device whose drawing is timed by the estimated prior of its class: all times err alike.

    Empty where the LLM doesn't run, and for the datasheet's peaks alone, which claim no truth.
    """
    m = drawn.metrics
    if m is None or drawn.timing != "derated":
        return {}
    times = {"ttft_s": m.ttft_s, "tpot_s": m.tpot_s, "end_s": m.end_s}
    times |= {f"time.{row.key}": row.time_s for row in drawn.operators}
    rates = {"tokens_per_s": m.tokens_per_s, "e2e_tokens_per_s": m.e2e_tokens_per_s}
    bands = {key: (CLASS_LOW * value, CLASS_HIGH * value) for key, value in times.items()}
    return bands | {key: (value / CLASS_HIGH, value / CLASS_LOW) for key, value in rates.items()}


def _board_energy(device: Device, drawn: Report) -> EnergyFigure | None:
    """TDP of all chips over tokens per second, prefill included; None where no power was published."""
    if drawn.metrics is None or device.tdp_W is None or not device.power_published:
        return None
    return EnergyFigure(
        J_per_token=device.tdp_W * drawn.scenario.chips / drawn.metrics.e2e_tokens_per_s,
        method=METHOD,
        scope=SCOPE,
        label="board at TDP (upper bound)",
        source=device.source or f"datasheet of {device.name}",
    )


def precision_notes(device: Device, scenario: Scenario) -> tuple[str, ...]:
    """Which formats stand in for those that the scenario asks for, in weight GEMMs and in attention."""
    weights = precision_for(device, scenario.weight_bits, scenario.activation_bits)
    attention = precision_for(device, scenario.kv_bits, scenario.activation_bits)
    notes = [f"Number format: {weights.note}."] if weights.note else []
    if attention.note and attention.note != weights.note:
        notes.append(f"Number format in attention: {attention.note}.")
    return tuple(notes)


def _power_notes(device: Device) -> tuple[str, ...]:
    if device.power_published:
        return (f"Energy by actions is beside the board's at TDP ({device.tdp_W:g} W), an upper bound.",)
    try:
        low, high, why = power_range_W(device)
    except ValueError as error:
        return (f"No board energy: {error}.",)
    watts = f"{low:.3g} W" if low == high else f"{low:.3g} to {high:.3g} W"
    return (f"No board energy: the power is not published as one verified figure; reckon with {watts} ({why}).",)


def _drawing_notes(device: Device) -> tuple[str, ...]:
    notes = []
    if die_area_m2(device) is None:
        notes.append("The die size is unpublished or uncertain: the outline drawn is an estimate.")
    if device.estimates:
        notes.append(f"Estimates among the datasheet figures: {', '.join(device.estimates)}.")
    return tuple(notes)
