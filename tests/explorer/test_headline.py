"""Headline cards: figures, ratios and their direction, refusals, flashes, and asking where a figure comes from."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from explorer import theme
from explorer.panels.headline import FLASH_MS, Card, Content, HeadlineCards
from explorer.panels.ratios import FIGURES, Ratio, ratio, short_names
from hwlib.catalog import find_model, load_example
from hwlib.evaluate import evaluate
from hwlib.report import EnergyFigure, Report
from hwlib.units import format_band
from hwlib.workload.scenario import Scenario
from tests.explorer import factories

BY_KEY = {figure.key: figure for figure in FIGURES}


@pytest.fixture
def cards(qtbot: QtBot) -> HeadlineCards:
    strip = HeadlineCards(factories.document())
    qtbot.addWidget(strip)
    strip.resize(1280, strip.height())
    strip.show()
    qtbot.waitExposed(strip)
    strip.show_results(factories.results())
    return strip


def with_metrics(report: Report, **changes: object) -> Report:
    assert report.metrics is not None
    return msgspec.structs.replace(report, metrics=msgspec.structs.replace(report.metrics, **changes))


def test_the_figures_are_those_of_the_report(cards: HeadlineCards) -> None:
    shown = {key: (card.content.label, card.content.figure) for key, card in cards.cards.items()}
    assert shown == {
        "ttft_s": ("TTFT", "119.5 ms"), "tpot_s": ("TPOT", "2.975 ms"), "tokens_per_s": ("tokens/s", "336.1"),
        "energy_per_token_J": ("J/token", "714.6 mJ"), "power_W": ("Power", "240.2 W"), "area_m2": ("Area", "600 mm²"),
        "bound": ("Decode bound by", "DRAM"),
    }  # fmt: skip


def test_each_figure_has_its_ratio_to_each_baseline(cards: HeadlineCards) -> None:
    lines = cards.cards["tokens_per_s"].content.lines
    assert lines == (("= ×1 vs H100 SXM5", 0), ("▲ ×1.63 vs A100 80GB SXM4", 1))
    assert "better" in cards.cards["tokens_per_s"].toolTip()


@pytest.mark.parametrize(("key", "better"), [("tpot_s", 0.5), ("tokens_per_s", 2.0), ("energy_per_token_J", 0.5)])
def test_better_means_lower_times_and_energies_and_higher_throughput(key: str, better: float) -> None:
    own = factories.report()
    value = BY_KEY[key].value(own)
    assert value is not None
    improved = with_metrics(own, **{key: value * better})
    assert ratio(BY_KEY[key], "X", improved, own).goodness == 1
    assert ratio(BY_KEY[key], "X", own, improved).goodness == -1
    assert ratio(BY_KEY[key], "X", own, own).goodness == 0
    assert ratio(BY_KEY[key], "X", improved, own).value == pytest.approx(better)


def test_energies_of_another_method_get_no_ratio() -> None:
    own, other = factories.report(), factories.h100()
    board = EnergyFigure(J_per_token=1.0, method="board power x time", scope="board", label="board")
    found = ratio(BY_KEY["energy_per_token_J"], "H100", own, msgspec.structs.replace(other, energies=(board,)))
    assert (found.value, found.text) == (None, "not comparable · H100")


def test_a_baseline_that_does_not_fit_gets_the_reason_in_place_of_a_ratio(cards: HeadlineCards) -> None:
    cards.show_results(factories.results(baselines=(factories.does_not_fit("Edge chip"),), generation=2))
    assert cards.cards["ttft_s"].content.lines == (("does not fit · Edge chip", 0),)


def test_an_unknown_area_is_no_zero(cards: HeadlineCards) -> None:
    report = msgspec.structs.replace(factories.report(), area_m2=None)
    cards.show_results(factories.results(report, generation=2))
    assert cards.cards["area_m2"].content.figure == "–"
    assert cards.cards["area_m2"].content.lines[0] == ("unknown · H100 SXM5", 0)


def test_further_baselines_are_counted_and_stand_in_the_tooltip(cards: HeadlineCards) -> None:
    many = tuple(factories.device(f"Device {i}", 1e14 * (i + 1), 1e12) for i in range(4))
    cards.show_results(factories.results(baselines=many, generation=2))
    lines = cards.cards["tpot_s"].content.lines
    assert len(lines) == 2
    assert lines[1][0].endswith("+2 more")
    assert all(f"Device {i}" in cards.cards["tpot_s"].toolTip() for i in range(4))


def test_what_binds_and_how_much_faster_without_it(cards: HeadlineCards) -> None:
    metrics = factories.report().metrics
    assert metrics is not None
    content = cards.cards["bound"].content
    assert content.swatch == theme.RESOURCE_COLORS["dram"]
    assert content.lines[0][0] == f"without this wall ×{metrics.without_bound_decode:.3g}"
    assert content.lines[1][0].startswith("prefill by Compute, without it ×")


def test_what_binds_is_said_in_fewer_words_where_there_is_no_room(cards: HeadlineCards) -> None:
    card = cards.cards["bound"]
    figure = card.content.lines[1][0].rpartition("×")[2]
    shown = []
    for width in (400, 190, 150):
        card.resize(width, card.height())
        shown.append(card.line_shown(1, card.fontMetrics()))
    assert all("Compute" in text and text.endswith(f"×{figure}") for text in shown), shown
    assert len(shown[0]) > len(shown[-1])


def test_a_design_that_does_not_fit_shows_the_reason_in_place_of_figures(cards: HeadlineCards) -> None:
    refused = factories.does_not_fit()
    cards.show_results(factories.results(refused, generation=2))
    assert cards.refusal.text() == "Does not fit"
    assert cards.reason.text() == refused.reason
    assert cards.reason.isVisible()
    assert not cards.cards["tpot_s"].isVisible()
    cards.show_results(factories.results(generation=3))
    assert cards.cards["tpot_s"].isVisible()


def test_a_figure_that_changed_flashes_its_direction_for_half_a_second(qtbot: QtBot, cards: HeadlineCards) -> None:
    assert {card.flash for card in cards.cards.values()} == {0}
    cards.show_results(factories.results(factories.report(dram_Bps=2e12), generation=2))
    assert cards.cards["tpot_s"].flash == 1
    assert cards.cards["tokens_per_s"].flash == -1
    assert cards.cards["area_m2"].flash == 0
    qtbot.waitUntil(lambda: cards.cards["tpot_s"].flash == 0, timeout=10 * FLASH_MS)
    assert cards.cards["tokens_per_s"].flash == 0


def test_the_flash_ends_when_the_strip_is_closed(cards: HeadlineCards) -> None:
    cards.show_results(factories.results(factories.report(dram_Bps=2e12), generation=2))
    cards.close()
    assert {card.flash for card in cards.cards.values()} == {0}
    assert not cards._calm.isActive()


def test_a_hidden_strip_does_not_flash(cards: HeadlineCards) -> None:
    cards.hide()
    cards.show_results(factories.results(factories.report(dram_Bps=2e12), generation=2))
    assert {card.flash for card in cards.cards.values()} == {0}
    assert not cards._calm.isActive()


def test_a_click_and_enter_ask_where_a_figure_comes_from(qtbot: QtBot, cards: HeadlineCards) -> None:
    card = cards.cards["tpot_s"]
    with qtbot.waitSignal(cards.explain_requested) as told:
        qtbot.mouseClick(card, Qt.MouseButton.LeftButton)
    assert told.args == ["tpot_s"]
    with qtbot.waitSignal(cards.explain_requested) as told:
        qtbot.keyClick(card, Qt.Key.Key_Return)
    assert told.args == ["tpot_s"]


def test_nothing_is_asked_of_a_report_that_does_not_explain_it(qtbot: QtBot, cards: HeadlineCards) -> None:
    cards.show_results(factories.results(msgspec.structs.replace(factories.report(), figure_keys=()), generation=2))
    with qtbot.assertNotEmitted(cards.explain_requested):
        qtbot.mouseClick(cards.cards["tpot_s"], Qt.MouseButton.LeftButton)


def test_throttling_and_waves_stand_beside_the_figures_that_they_change(cards: HeadlineCards) -> None:
    report = factories.report(scenario=Scenario(batch=64))
    report = with_metrics(report, clock_factor=0.83, batch_running=48.0, waves=2.0)
    cards.show_results(factories.results(report, generation=2))
    assert cards.cards["power_W"].content.label == "Power · clock at 83 %"
    assert cards.cards["tokens_per_s"].content.label == "tokens/s · batch 48 of 64"
    assert "throttled" in cards.cards["power_W"].toolTip()


def test_a_real_evaluation_is_shown_and_explained(qtbot: QtBot, cards: HeadlineCards) -> None:
    llm = find_model("Llama-3.1-8B")
    report, other = (evaluate(load_example(n), Scenario(), llm) for n in ("tensor-gpu-hbm3", "edge-npu-lpddr5"))
    cards.show_results(factories.results(report, (other,), generation=2))
    assert all(card.content.lines[0][1] in (-1, 0, 1) for card in cards.cards.values())
    assert cards.cards["tpot_s"].content.lines[0][0].startswith("▲")
    with qtbot.waitSignal(cards.explain_requested) as told:
        qtbot.mouseClick(cards.cards["ttft_s"], Qt.MouseButton.LeftButton)
    assert told.args[0] in report.figures()


def test_a_narrow_card_drops_a_word_before_it_cuts_a_name(qtbot: QtBot, cards: HeadlineCards) -> None:
    """The picture is that of a card without the word: the name itself has just enough room."""
    found = Ratio("A100 80GB SXM4", 0.676, 1, "", None, "A100")
    name = found.text
    card = Card("tpot_s")
    qtbot.addWidget(card)
    width = card.fontMetrics().horizontalAdvance(name.replace(" vs ", " ")) + 2 * theme.GRID_PX + 1
    card.setMinimumWidth(0)
    card.resize(width, 120)
    pictures = []
    for text in (name, name.replace(" vs ", " ")):
        card.show_content(Content("TPOT", "4 ms", ((text, 1),), "", 4e-3, "", (found.shorter,)))
        pictures.append(card.grab().toImage())
    assert pictures[0] == pictures[1]


def test_a_measured_baseline_gives_the_ratio_a_band(cards: HeadlineCards) -> None:
    """The chip's own figure is exact; the ratio is as unsure as the device's figure."""
    device = factories.report("H100 SXM5", peak=300e12, is_device=True)
    tpot = device.metrics.tpot_s
    device = msgspec.structs.replace(device, bands={"tpot_s": (0.9 * tpot, 1.25 * tpot)})
    cards.show_results(factories.results(baselines=(device,), generation=2))
    ratio = cards.results.report.metrics.tpot_s / tpot
    text, goodness = cards.cards["tpot_s"].content.lines[0]
    assert f"({format_band(ratio, ratio / 1.25, ratio / 0.9, '', 2)})" in text
    assert (goodness, text[0]) == (0, "≈") if ratio / 1.25 < 1.0 < ratio / 0.9 else abs(goodness) == 1
    assert "10 to 90 %" in cards.cards["tpot_s"].content.tooltip
    assert "(" not in cards.cards["area_m2"].content.lines[0][0]


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["H100 SXM5 80GB", "A100 80GB SXM4"], ["H100", "A100"]),
        (["A100 80GB SXM4", "A100 40GB PCIe"], ["A100 80GB", "A100 40GB"]),
        (["TPU v4", "TPU v5p"], ["TPU v4", "TPU v5p"]),
        (["H100 SXM5 80GB", "H100 SXM5 80GB, vLLM"], ["H100", "H100, vLLM"]),
        (["Chip", "Chip (2)"], ["Chip", "Chip (2)"]),
    ],
)
def test_short_names_still_tell_baselines_apart(names: list[str], short: list[str]) -> None:
    assert short_names(names) == short
