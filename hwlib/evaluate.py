"""The one entry to the model: evaluate(design, scenario, llm) -> Report, and the same for many designs at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.device_design import device_design
from hwlib.baselines.device_report import as_device, cannot_run
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.baselines.kernels.ceilings import generation_of
from hwlib.baselines.runtime_formats import has_kernels
from hwlib.baselines.serving import with_steady_state
from hwlib.catalog import find_device
from hwlib.cost import assemble
from hwlib.cost.area import block_areas_m2, block_sizes_m
from hwlib.cost.bound import binding
from hwlib.cost.check import outline_of, result_findings, structural_findings
from hwlib.cost.crossbar_figures import crossbar_figures
from hwlib.cost.crossbar_shape import crossbar_shape
from hwlib.cost.device_figures import DeviceFigures, device_figures
from hwlib.cost.die import die_figures
from hwlib.cost.explained import bare_keys, empty_keys, explainer, figure_keys, of_empty_die
from hwlib.cost.kernel_times import Timer, timer_of
from hwlib.cost.links import link_figures, link_findings, meshes
from hwlib.cost.lower import Shape, lower, shape_of
from hwlib.cost.overlap import powers_of
from hwlib.cost.package import package_figures
from hwlib.cost.pipeline import seconds_by_resource
from hwlib.cost.pipeline_figures import notes, pipeline_figures
from hwlib.cost.rows import operator_rows
from hwlib.cost.run import Held, Run, run, static_J
from hwlib.cost.shortage import shortage
from hwlib.cost.stores import kept, stores
from hwlib.design.design import Design, Finding
from hwlib.mapping.program import RELOADED
from hwlib.report import RESOURCES, BlockFigure, Rect, Report, Status
from hwlib.report_keys import FigureKeys
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]
AS_SHIPPED = DeviceSettings()
CHUNK = 256
"""Designs per array pass: arrays of this many stay in the processor's cache."""


@dataclass(frozen=True)
class BatchReport:
    """Headline figures of many designs [D], NaN where the LLM does not run; `status` says why. Indices as given."""

    status: tuple[Status, ...]
    ttft_s: Array
    tpot_s: Array
    tokens_per_s: Array
    e2e_tokens_per_s: Array
    energy_per_token_J: Array
    decode_energy_per_token_J: Array
    power_W: Array
    area_m2: Array
    batch_running: Array
    bound_decode: NDArray[np.int64]
    """Index in RESOURCES of what binds decode."""

    @property
    def fits(self) -> NDArray[np.bool_]:
        """[D] where the LLM runs."""
        return np.array([s == "ok" for s in self.status])


def _obstacle(r: Run) -> str:
    """Why no design of the group can run the LLM at all; empty where they can."""
    scenario, program = r.scenario, r.program
    if program.missing:
        return f"Nothing on this chip runs {', '.join(program.missing[:3])}: {_lack(r)}."
    if scenario.chips > 1 and not (r.machine.port_Bps > 0).any():
        return f"{scenario.chips} chips need a chip-to-chip port, and this chip has none."
    if scenario.pipeline_parallel > r.llm.layers:
        return f"{scenario.pipeline_parallel} pipeline stages are more than the {r.llm.layers} layers of {r.llm.name}."
    return ""


def _lack(r: Run) -> str:
    """Which units a group's chips don't have where operators have no unit to run on."""
    units = (("vector unit", "vector_unit", r.machine.vector), ("compute array", "compute_array", r.machine.matrix))
    lacking = [(name, kind in r.machine.chip.kinds) for name, kind, there in units if not there]
    gone, apart = (" and no ".join(name for name, drawn in lacking if drawn == mine) for mine in (False, True))
    found = [f"it has no {gone}"] if gone else []
    if apart or not lacking:
        found.append(f"no {apart or 'unit'} is linked to a memory that the other parts use")
    return ", and ".join(found)


def evaluate_series(designs: Sequence[Design], scenarios: Sequence[Scenario], llm: LlmArchitecture) -> BatchReport:
    """Headline figures of designs of one shape, in one scenario or in one each (differing in prompt and batch).

    Equal to `evaluate` of each pair to 1e-9, where each runs at the batch that its memory allows. Raises ValueError
    for designs of several shapes, scenarios that differ in more, and as `evaluate`.
    """
    _runnable(llm)
    shape = shape_of(designs[0])
    if any(shape_of(d) != shape for d in designs):
        raise ValueError("the designs of a series must have the same blocks, links and technologies")
    plain = {msgspec.structs.replace(s, prompt=1, batch=1) for s in scenarios}
    if len(plain) != 1 or len(scenarios) not in (1, len(designs)):
        raise ValueError("the scenarios of a series may differ in prompt and batch only, one for each design")
    chip = lower(designs, shape)
    wanted = tuple(float(s.batch) for s in scenarios)
    r = run(chip, tuple(scenarios), llm, wanted)
    if (limited := (r.memory.batch >= 1) & (r.memory.batch < np.array(wanted))).any():
        each = tuple(scenarios) if len(scenarios) > 1 else tuple(scenarios) * len(designs)
        allowed = np.where(limited, r.memory.batch, np.array(wanted))
        running = r.memory.batch.copy()
        r = run(chip, each, llm, tuple(np.maximum(allowed, 1.0).tolist()))
        r.memory.batch[:] = running
    figures = headline(r, scenarios)
    status: list[Status] = [_status(r, d) for d in range(len(designs))]
    good = np.array([s == "ok" for s in status])
    columns = {name: np.where(good | (name == "area_m2"), figures[name], np.nan) for name in _METRICS}
    return BatchReport(tuple(status), **columns, bound_decode=_decode_bound(r))


def _decode_bound(r: Run) -> NDArray[np.int64]:
    """[D] index in RESOURCES of what takes the largest share of a decode step."""
    return np.asarray(binding(r, seconds_by_resource(r, powers_of(r).shares(r.tau)))[1])


def _own_obstacle(r: Run, d: int) -> str:
    """Why this one design of the group can't run the LLM; empty where it can."""
    if any(not units.macs_per_s[d].any() for units in r.machine.matrix.values()):
        return "The compute arrays support no number format: set a rate above 0 for at least one."
    return _too_narrow(r, d)


def _too_narrow(r: Run, d: int) -> str:
    """Why crossbars that weights must be programmed into can't take them; empty where they can."""
    if not r.machine.crossbars:
        return ""
    shape = crossbar_shape(r.machine.crossbars[0], r.scenario)
    if shape["too_narrow"][d, 0] == 0 or not ((r.program.source == RELOADED) & (r.passes[d] > 0)).any():
        return ""
    need = float((shape["slices_w"] * shape["copies"])[d, 0])
    return (
        f"A weight takes {need:.0f} columns side by side, more than a crossbar has, and no digital unit can stand in."
    )


def _group(
    chip_designs: Sequence[Design],
    shape: Shape,
    scenario: Scenario,
    llm: LlmArchitecture,
    held: Held | None,
    timer: Timer | None,
) -> list[tuple[Run, int]]:
    """Run and index within it for every design of one shape, each at the batch that its memory allows."""
    chip = lower(chip_designs, shape)
    first = run(chip, (scenario,), llm, (float(scenario.batch),), held, timer)
    result = [(first, d) for d in range(len(chip_designs))]
    batches = first.memory.batch
    for batch in sorted(set(batches[(batches >= 1) & (batches < scenario.batch)].tolist())):
        members = np.flatnonzero(batches == batch)
        part = lower([chip_designs[int(i)] for i in members], shape)
        again = run(part, (scenario,), llm, (batch,), held, timer)
        again.memory.batch[:] = batch
        for position, i in enumerate(members):
            result[i] = (again, position)
    return result


def _chunks(
    designs: Sequence[Design],
    scenario: Scenario,
    llm: LlmArchitecture,
    held: Held | None = None,
    timer: Timer | None = None,
) -> Iterator[list[tuple[int, Run, int]]]:
    """(index of the design, its run, index within the run), chunk by chunk, so that memory stays flat."""
    groups: dict[Shape, list[int]] = {}
    for i, design in enumerate(designs):
        groups.setdefault(shape_of(design), []).append(i)
    for shape, members in groups.items():
        for start in range(0, len(members), CHUNK):
            part = members[start : start + CHUNK]
            found = _group([designs[i] for i in part], shape, scenario, llm, held, timer)
            yield [(i, r, d) for i, (r, d) in zip(part, found, strict=True)]


def _status(r: Run, d: int) -> Status:
    if _obstacle(r) or _own_obstacle(r, d):
        return "cannot_run"
    return "ok" if r.memory.batch[d] >= 1 else "does_not_fit"


def evaluate_batch(designs: Sequence[Design], scenario: Scenario, llm: LlmArchitecture) -> BatchReport:
    """Headline figures of many designs, equal to `evaluate` of each to 1e-9. Raises ValueError as `evaluate`."""
    _runnable(llm)
    columns = {name: np.full(len(designs), np.nan) for name in _METRICS}
    bound = np.zeros(len(designs), dtype=np.int64)
    status: list[Status] = ["cannot_run"] * len(designs)
    for chunk in _chunks(designs, scenario, llm):
        figures: dict[int, tuple[dict[str, Array], NDArray[np.int64]]] = {}
        for i, r, d in chunk:
            if id(r) not in figures:
                figures[id(r)] = headline(r, (scenario,)), _decode_bound(r)
            bound[i] = figures[id(r)][1][d]
            status[i] = _status(r, d)
            for name in _METRICS if status[i] == "ok" else ("area_m2",):
                columns[name][i] = figures[id(r)][0][name][d]
    return BatchReport(tuple(status), **columns, bound_decode=bound)


_METRICS = (
    "ttft_s",
    "tpot_s",
    "tokens_per_s",
    "e2e_tokens_per_s",
    "energy_per_token_J",
    "decode_energy_per_token_J",
    "power_W",
    "area_m2",
    "batch_running",
)


def headline(r: Run, scenarios: Sequence[Scenario]) -> dict[str, Array]:
    """The headline figures of a run as arrays [D], by the same formulas as the report's."""
    scenario, batch = r.scenario, np.maximum(r.memory.batch, 1.0)
    wanted = np.array([float(s.batch) for s in scenarios])
    ttft, tpot = r.phase_s
    total = r.dynamic_J.sum(0) + static_J(r)
    step_J = r.dynamic_J[1] / (scenario.output - 1) if scenario.output > 1 else r.pass_energy[1].sum(-1) * r.runs[0]
    with np.errstate(divide="ignore", invalid="ignore"):  # chips that run nothing take no time; nobody is told theirs
        return {
            "ttft_s": ttft,
            "tpot_s": tpot,
            "tokens_per_s": batch / tpot,
            "e2e_tokens_per_s": wanted * scenario.output / (np.ceil(wanted / batch) * r.end_s),
            "energy_per_token_J": total / (batch * scenario.output),
            "decode_energy_per_token_J": (step_J + r.phase_static_W[1] * scenario.chips * tpot) / batch,
            "power_W": total / r.end_s,
            "area_m2": r.machine.plan.total_m2,
            "batch_running": r.memory.batch,
        }


def _runnable(llm: LlmArchitecture) -> None:
    if llm.cannot_generate or llm.hidden == 0:
        raise ValueError(f"{llm.name} can't be evaluated: {llm.cannot_generate or 'its architecture is unpublished'}")


def run_of(
    design: Design, scenario: Scenario, llm: LlmArchitecture, held: Held | None = None
) -> tuple[Run, int] | None:
    """The run behind a design's report, and its index there; None where the LLM does not run. Raises as `evaluate`."""
    _runnable(llm)
    if not design.blocks:
        return None
    _, r, d = next(_chunks([design], scenario, llm, held))[0]
    return (r, d) if _status(r, d) == "ok" else None


def evaluate(
    design: Design,
    scenario: Scenario,
    llm: LlmArchitecture,
    held: Held | None = None,
    timer: Timer | None = None,
) -> Report:
    """One design on one LLM in one scenario, with every breakdown. Pure; a few milliseconds.

    Weights live where the live rule puts them, or as `held` says (see `hwlib.analysis.placement`).
    Kernels of a `timer` time a catalog device (see `evaluate_device`).

    A design that can't run the LLM yields a report whose `status` and `reason` say why, never an exception.
    Raises ValueError for an LLM that generates no tokens or whose architecture is unpublished.
    """
    _runnable(llm)
    if not design.blocks:
        return _without_result(
            design,
            scenario,
            llm,
            "cannot_run",
            "The die is empty: add blocks and link them.",
            structural_findings(design),
        )
    _, r, d = next(_chunks([design], scenario, llm, held, timer))[0]
    structural = structural_findings(design, outline_of(design, r.machine.plan, d), r.machine.routes)
    if obstacle := _obstacle(r) or _own_obstacle(r, d):
        return _without_result(design, scenario, llm, "cannot_run", obstacle, structural, r, d)
    one = assemble.OneDesign(r, d)
    if _status(r, d) == "does_not_fit":
        reason = shortage(r, d, llm, design)
        return _without_result(design, scenario, llm, "does_not_fit", reason, structural, r, d)
    return _report(one, structural)


def _report(one: assemble.OneDesign, structural: tuple[Finding, ...]) -> Report:
    """The report of a design that runs the LLM."""
    r, d, design, found = one.run, one.d, one.design, assemble.metrics(one)
    crossbars, pipeline, mesh_figures = crossbar_figures(one), pipeline_figures(one), meshes(one)
    report = Report(
        subject=design.name,
        is_device=False,
        design=design,
        llm=r.llm,
        scenario=r.scenario,
        status="ok",
        reason="",
        metrics=found,
        operators=operator_rows(one),
        time_by_resource=assemble.time_by_resource(one),
        energy_by_component=assemble.energy_by_component(one),
        energies=assemble.energies(one, found),
        blocks=assemble.block_figures(one),
        links=link_figures(one),
        meshes=mesh_figures,
        ceilings=assemble.ceilings(one),
        memory=assemble.memory_figures(one),
        stores=stores(r.machine),
        kept=kept(r, d),
        crossbars=crossbars,
        pipeline=pipeline,
        area_m2=float(r.machine.plan.total_m2[d]),
        die_cost_USD=die_figures(design).cost_USD,
        die_yield=die_figures(design).good_share,
        package_cost_USD=package_figures(design).cost_USD,
        findings=(*structural, *result_findings(one, found, crossbars), *link_findings(one, found, mesh_figures)),
        notes=notes(one, pipeline),
        timing=design.settings.calibration,
        explainer=explainer(one),
        figure_keys=figure_keys(one),
    )
    return report if r.kernels is None else _by_kernels(report, device_figures(one, found))


def _by_kernels(report: Report, own: DeviceFigures) -> Report:
    """The report of a device whose kernels were timed, with what only such a report has."""
    return msgspec.structs.replace(
        report,
        bands=own.bands,
        basis=own.basis,
        timing=own.timing,
        energies=(*report.energies, *own.energies),
        notes=(*report.notes, *own.notes),
        figure_keys=FigureKeys(lambda: (*report.figure_keys, *own.keys)),
    )


def _without_result(
    design: Design,
    scenario: Scenario,
    llm: LlmArchitecture,
    status: Status,
    reason: str,
    structural: tuple[Finding, ...],
    r: Run | None = None,
    d: int = 0,
) -> Report:
    one = None if r is None else assemble.OneDesign(r, d)
    finding = Finding(severity="error", code=status, message=reason)
    figures = () if one is None else _bare_blocks(one)
    return Report(
        subject=design.name,
        is_device=False,
        design=design,
        llm=llm,
        scenario=scenario,
        status=status,
        reason=reason,
        metrics=None,
        operators=(),
        time_by_resource={"prefill": {}, "decode": {}},
        energy_by_component={},
        energies=(),
        blocks=figures,
        links=(),
        ceilings=() if one is None else assemble.ceilings(one),
        memory=() if one is None else assemble.memory_figures(one),
        area_m2=None if r is None else float(r.machine.plan.total_m2[d]),
        die_cost_USD=die_figures(design).cost_USD,
        die_yield=die_figures(design).good_share,
        package_cost_USD=package_figures(design).cost_USD,
        findings=(finding, *structural),
        notes=(),
        explainer=of_empty_die(design) if one is None else explainer(one),
        figure_keys=empty_keys() if one is None else bare_keys(one, fits=status != "does_not_fit"),
    )


def _bare_blocks(one: assemble.OneDesign) -> tuple[BlockFigure, ...]:
    machine = one.run.machine
    return tuple(
        BlockFigure(
            id=b.id,
            name=b.name,
            kind=b.kind,
            rect=assemble.rect(one, i),
            area_m2=float(machine.plan.area_m2[one.d, i]),
            leakage_W=float(machine.leakage_W[one.d, i]),
            power_W=0.0,
            utilisation=0.0,
            peak=0.0,
            peak_unit="",
            holds="",
        )
        for i, b in enumerate(one.design.blocks)
    )


def evaluate_device(
    name: str, scenario: Scenario, llm: LlmArchitecture, settings: DeviceSettings = AS_SHIPPED
) -> Report:
    """A catalog device on an LLM in a scenario, timed by measured kernels where there are some.

    A device that runs no LLM yields a report with the reason. Raises UnknownNameError for a name the catalog lacks,
    ValueError as `evaluate`.
    """
    device = find_device(name)
    if settings.serving != "static":
        once, requests = msgspec.structs.replace(settings, serving="static"), scenario.batch
        return with_steady_state(
            lambda one: evaluate_device(name, one, llm, once), scenario,
            requests if settings.serving == "continuous" else None, settings.interference(generation_of(device)),
        )  # fmt: skip
    if device.cannot_run:
        _runnable(llm)
        return cannot_run(device, scenario, llm)
    design, timer = device_design(device), None
    if settings.ideal:
        free = msgspec.structs.replace(design.settings, calibration="ideal")
        design = msgspec.structs.replace(design, settings=free)
    elif has_kernels(device):
        timer = timer_of(device, settings)
    return as_device(device, evaluate(design, scenario, llm, timer=timer))


def footprints(design: Design) -> dict[str, Rect]:
    """Block id -> rectangle in metres as drawn: modelled area at its aspect, DRAM as a strip."""
    if not design.blocks:
        return {}
    chip = lower([design], shape_of(design))
    width, height = block_sizes_m(chip, block_areas_m2(chip))
    return {
        b.id: Rect(b.placement.x_m, b.placement.y_m, float(width[0, i]), float(height[0, i]))
        for i, b in enumerate(design.blocks)
    }


def check(design: Design) -> tuple[Finding, ...]:
    """Structural findings of a design, without any workload."""
    return structural_findings(design)


__all__ = ["RESOURCES", "BatchReport", "check", "evaluate", "evaluate_batch", "evaluate_device", "footprints"]
