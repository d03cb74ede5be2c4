"""The words of the comparison: figures with ratios and marks, missing ratios with reasons, differences."""

from __future__ import annotations

import pytest

from explorer.compare.lines import UNLIKE, as_tsv, difference_lines, figure_lines
from hwlib.analysis.compare import Comparison, compare
from hwlib.units import NOTHING
from tests.explorer.factories import a100, does_not_fit, h100, report


@pytest.fixture
def comparison() -> Comparison:
    return compare([report(), h100(), a100()], 0)


def line(comparison: Comparison, key: str):
    return next(n for n in figure_lines(comparison) if n.key == key)


def test_the_best_is_marked_by_a_mark_and_by_weight(comparison: Comparison) -> None:
    cells = line(comparison, "ttft_s").cells
    assert [(c.best, c.strong) for c in cells] == [(False, False), (True, True), (False, False)]
    assert cells[1].words.endswith("best")
    assert "Best of 3" in cells[1].tip


def test_ratios_are_to_the_reference_and_say_better_or_worse(comparison: Comparison) -> None:
    mine, faster, slower = line(comparison, "ttft_s").cells
    assert mine.ratio == ""
    assert faster.ratio.startswith("▲ ×0.")
    assert slower.ratio.startswith("▼ ×1.")
    assert (faster.goodness, slower.goodness) == (1, -1)
    assert f"×{comparison.row('ttft_s').ratios[1]:.4g} of Tensor-core chip, better" in faster.tip


def test_more_tokens_are_better(comparison: Comparison) -> None:
    slower = line(comparison, "tokens_per_s").cells[2]
    assert slower.ratio.startswith("▼ ×0.")
    assert line(comparison, "tokens_per_s").label == "Tokens/s, decode"
    assert not slower.text.endswith("/s")


def test_another_reference_turns_the_ratios_round() -> None:
    turned = compare([report(), h100()], 1)
    mine, reference = line(turned, "ttft_s").cells
    assert mine.ratio.startswith("▼ ×")
    assert reference.ratio == ""


def test_equal_figures_are_just_equal() -> None:
    twin = line(compare([report(), report("Twin")], 0), "ttft_s").cells[1]
    assert (twin.ratio, twin.goodness, twin.best) == ("=", 0, False)


def test_energies_by_another_method_have_no_ratio_but_a_reason(comparison: Comparison) -> None:
    board = next(n for n in figure_lines(comparison) if "board" in n.label)
    assert board.cells[0].text == NOTHING
    assert [c.ratio for c in board.cells[1:]] == [UNLIKE, UNLIKE]
    assert board.note
    assert board.note in board.cells[1].tip


def test_what_does_not_fit_says_so_and_why() -> None:
    tight = does_not_fit()
    lines = figure_lines(compare([report(), tight], 0))
    assert lines[0].label == "Runs the LLM"
    assert [c.text for c in lines[0].cells] == ["runs", "does not fit"]
    assert lines[0].cells[1].tip == tight.reason
    ttft = next(n for n in lines if n.key == "ttft_s").cells[1]
    assert (ttft.text, ttft.tip) == (NOTHING, tight.reason)


def test_parameters_unlike_the_reference_stand_out() -> None:
    from hwlib.catalog import load_example
    from hwlib.design.edit import replace_settings
    from hwlib.evaluate import evaluate
    from hwlib.workload.scenario import Scenario
    from tests.explorer.factories import LLAMA

    chip = load_example("systolic-tpu-hbm2")
    small = replace_settings(chip, {"node_nm": 22.0})
    pair = compare([evaluate(d, Scenario(), LLAMA) for d in (chip, small)], 0)
    (node,) = [n for n in difference_lines(pair) if "Process node" in n.label]
    assert [c.strong for c in node.cells] == [False, True]
    assert node.cells[1].text == "22 nm"


def test_copied_text_holds_every_row_and_name(comparison: Comparison) -> None:
    text = as_tsv(figure_lines(comparison), comparison.names)
    rows = [r.split("\t") for r in text.splitlines()]
    assert rows[0] == ["", "Tensor-core chip", "H100 SXM5", "A100 80GB SXM4"]
    assert len(rows) == 1 + len(figure_lines(comparison))
    assert {len(r) for r in rows} == {4}
    assert rows[1][2].endswith("best")
