"""Waterfalls: steps lead from one total to the other without a gap, and say why where there is none."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwlib.analysis.waterfall import QUANTITIES, Quantity, obstacle, waterfall
from hwlib.catalog import load_example
from hwlib.design.edit import replace_part, replace_settings
from hwlib.report import COMPONENTS, RESOURCES, Report
from tests.hwlib.analysis_strategies import SCENARIOS, example, fitting, report_of, reports
from tests.hwlib.report_factory import report as handmade

TOTALS = {"ttft": "ttft_s", "tpot": "tpot_s", "energy": "energy_per_token_J"}


@given(fitting(), fitting(), st.sampled_from(QUANTITIES))
def test_changes_add_up_from_one_total_to_the_other(a: Report, b: Report, what: Quantity) -> None:
    first, *changes, last = waterfall(a, b, what)
    assert (first.start, first.end) == (0.0, getattr(a.metrics, TOTALS[what]))
    assert (last.start, last.end) == (0.0, getattr(b.metrics, TOTALS[what]))
    if first.end == last.end:
        return
    assert changes[0].start == first.end
    assert all(one.end == other.start for one, other in pairwise(changes))
    assert changes[-1].end == last.end


@given(fitting(), fitting(), st.sampled_from(QUANTITIES))
def test_each_step_is_the_change_of_one_part(a: Report, b: Report, what: Quantity) -> None:
    phase = "prefill" if what == "ttft" else "decode"
    parts = [r.energy_by_component if what == "energy" else r.time_by_resource[phase] for r in (a, b)]
    scale = max(getattr(r.metrics, TOTALS[what]) for r in (a, b))
    for step in waterfall(a, b, what)[1:-1]:
        if step.component:
            assert step.component in (COMPONENTS if what == "energy" else RESOURCES)
            before, after = (part.get(step.component, 0.0) for part in parts)
            assert step.change == pytest.approx(after - before, abs=1e-9 * scale)


@given(fitting(), fitting(), st.sampled_from(QUANTITIES))
def test_there_and_back_are_opposite(a: Report, b: Report, what: Quantity) -> None:
    there, back = waterfall(a, b, what)[1:-1], waterfall(b, a, what)[1:-1]
    assert [step.label for step in there] == [step.label for step in back]
    scale = max(getattr(r.metrics, TOTALS[what]) for r in (a, b))
    assert [step.change for step in there] == pytest.approx([-step.change for step in back], abs=1e-9 * scale)


@given(fitting(), st.sampled_from(QUANTITIES))
def test_nothing_leads_from_a_report_to_itself(report: Report, what: Quantity) -> None:
    assert len(waterfall(report, report, what)) == 2


@given(reports(), reports())
def test_there_are_steps_or_a_reason(a: Report, b: Report) -> None:
    for what in QUANTITIES:
        assert bool(waterfall(a, b, what)) != bool(obstacle(a, b, what))


def test_a_design_that_does_not_fit_is_named() -> None:
    fits, does_not = example("sram-cim-hbm"), example("sram-only-dataflow")
    assert waterfall(fits, does_not, "tpot") == ()
    assert obstacle(fits, does_not, "tpot").startswith(does_not.subject)


def test_energies_of_unlike_method_or_scope_are_never_set_off() -> None:
    package, board = handmade("A"), handmade("B", scope="board")
    assert waterfall(package, board, "energy") == ()
    assert "board" in obstacle(package, board, "energy")
    assert waterfall(package, board, "tpot")


def test_faster_memory_shows_as_time_taken_off_dram() -> None:
    slow = load_example("memory-starved-ddr4")
    block = next(b for b in slow.blocks if b.kind == "dram")
    fast = replace_part(slow, block.id, {"channels": 4 * block.part.channels})  # type: ignore[union-attr]
    steps = {step.component: step for step in waterfall(report_of(slow), report_of(fast), "tpot")[1:-1]}
    assert min(steps.values(), key=lambda step: step.change).component == "dram"


def test_small_changes_are_told_together_at_the_end() -> None:
    design = load_example("tensor-gpu-hbm3")
    other = replace_settings(design, {"overlap": design.settings.overlap - 0.1})
    steps = waterfall(report_of(design, SCENARIOS[0]), report_of(other, SCENARIOS[0]), "ttft")[1:-1]
    assert [step.component for step in steps].count("") <= 1
    named = [RESOURCES.index(step.component) for step in steps if step.component]
    assert named == sorted(named)
