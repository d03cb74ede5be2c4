"""How do you know? The dialog about a device's evidence, and the residual plot."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from explorer import theme
from explorer.document import Baseline
from explorer.evidence.dialog import EvidenceDialog, residuals_of
from explorer.evidence.residual_plot import ResidualPlot, Residuals, Shade, error_words
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.catalog import find_model
from hwlib.evaluate import evaluate_device
from hwlib.report import Report
from hwlib.workload.scenario import Scenario

H100 = "H100 80GB SXM5"
SCENARIO = Scenario(weight_bits=16, activation_bits=16)


def report_of(device: str, **chosen: object) -> tuple[Baseline, Report]:
    settings = DeviceSettings(**chosen)
    report = evaluate_device(device, SCENARIO, find_model("Llama-3.1-8B"), settings)
    return Baseline(device, device=device, settings=settings), report


@pytest.fixture(scope="module")
def h100() -> tuple[Baseline, Report]:
    return report_of(H100)


@pytest.fixture
def dialog(qtbot: QtBot, h100: tuple[Baseline, Report]) -> EvidenceDialog:
    made = EvidenceDialog()
    qtbot.addWidget(made)
    made.show_evidence(*h100)
    qtbot.waitExposed(made)
    return made


def choose(dialog: EvidenceDialog, name: str) -> None:
    dialog.kernels.setCurrentIndex(dialog.index_at(name))


def test_each_kernel_has_a_line_with_its_error_and_the_rooflines(dialog: EvidenceDialog) -> None:
    rows = {row[0]: row for row in dialog.kernels.texts()}
    evidence = {g.name: g for g in dialog.grounds}
    assert set(rows) == {*evidence, "Board power"}
    gemm = next(g for g in dialog.grounds if g.evidence.kind == "gemm")
    line = rows[gemm.name]
    assert line[2] == f"{gemm.evidence.fitted_rows:,}"
    assert line[3] == f"{100 * gemm.evidence.median:.1f} %"
    assert line[4] == f"{100 * gemm.roofline_median:.1f} %"
    assert "TTFT" in dialog.figures.text()
    assert "(" in dialog.figures.text()


def test_a_line_shows_its_constants_bands_and_measurements(dialog: EvidenceDialog) -> None:
    for ground in dialog.grounds:
        choose(dialog, ground.name)
        assert [row[0] for row in dialog.constants.texts()] == [c.label for c in ground.constants]
        assert len(dialog.points.texts()) == len(ground.points)
        assert dialog.tabs.isTabVisible(2) == bool(ground.points)
        assert dialog.plot.residuals is not None
        assert len(dialog.plot.residuals.x) == len(ground.points)
        assert [s.low for s in dialog.plot.residuals.shades] == [1.0 / b.high for b in ground.buckets]
        assert dialog.plot.note.isVisibleTo(dialog) == (not ground.points)


def test_board_power_shows_its_own_errors(dialog: EvidenceDialog) -> None:
    choose(dialog, "Board power")
    assert dialog.left.currentWidget() is dialog.powers
    assert dialog.power is not None
    assert len(dialog.powers.texts()) == len(dialog.power.errors)
    assert "TDP" in dialog.said.text()
    choose(dialog, "Matrix products")
    assert dialog.left.currentWidget() is dialog.plot


def test_the_source_names_tables_and_citation(dialog: EvidenceDialog) -> None:
    choose(dialog, "Matrix products")
    ground = dialog.grounds[dialog.kernels.currentRow()]
    text = dialog.source.toPlainText()
    assert all(source in text for source in ground.evidence.sources)
    assert ground.evidence.citation in text


def test_all_of_it_can_be_copied(dialog: EvidenceDialog) -> None:
    dialog.copy_text()
    text = QApplication.clipboard().text()
    assert all(g.name in text for g in dialog.grounds)
    assert all(c.meaning in text for g in dialog.grounds for c in g.constants)


def test_a_newer_report_keeps_the_chosen_line(dialog: EvidenceDialog) -> None:
    choose(dialog, "Attention, decode")
    name = dialog.chosen_name
    dialog.follow(*report_of(H100, framework="vllm"))
    assert dialog.chosen_name == name
    assert "vLLM" in dialog.basis.text()


def test_a_device_of_which_nothing_was_measured_says_so(qtbot: QtBot, dialog: EvidenceDialog) -> None:
    dialog.show_evidence(*report_of(H100, ideal=True))
    assert dialog.pages.currentWidget() is dialog.empty
    assert not dialog.export.isEnabled()
    dialog.show_evidence(*report_of(H100))
    assert dialog.pages.currentWidget() is not dialog.empty


def test_another_theme_redraws_everything(dialog: EvidenceDialog) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    for name, shown in (("dark", theme.DARK), ("light", theme.LIGHT)):
        theme.apply(app, name)
        picture = dialog.plot.plot.grab().toImage()
        assert picture.pixelColor(1, 1).name() == shown.base
        lines = dialog.plot.plot.left.textPen().color().name()
        assert lines == shown.text


# The plot -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def plot(qtbot: QtBot) -> ResidualPlot:
    made = ResidualPlot()
    qtbot.addWidget(made)
    made.resize(640, 400)
    made.show()
    qtbot.waitExposed(made)
    return made


def some(count: int, inside: bool = True) -> Residuals:
    x = np.geomspace(1.0, 4096.0, count)
    return Residuals(x, np.full(count, 1.1), np.full(count, 0.5), np.full(count, inside), (), "m",
                     (Shade(0.0, 64.0, 0.9, 1.2, "narrow"), Shade(64.0, math.inf, 0.8, 1.3)))  # fmt: skip


def pixel(plot: ResidualPlot, x: float, ratio: float) -> QPointF:
    return plot.shades.to_pixels(math.log10(x), math.log10(ratio))


def test_a_point_tells_its_error_and_the_rooflines(plot: ResidualPlot) -> None:
    plot.show_residuals(some(4))
    text = plot.plot.tooltip_at(pixel(plot, 1.0, 1.1))
    assert "+10.0 %" in text
    assert "−50.0 %" in text
    assert plot.plot.tooltip_at(pixel(plot, 1.0, 0.5)) == text


def test_the_band_is_shaded_from_edge_to_edge_and_tells_itself(plot: ResidualPlot) -> None:
    plot.show_residuals(some(4))
    first, last = (plot.shades.place(s) for s in plot.shades.shades)
    box = plot.plot.box.rect()
    assert first.left() == pytest.approx(0.0, abs=1.0)
    assert last.right() == pytest.approx(box.width(), abs=1.0)
    assert first.right() == pytest.approx(last.left(), abs=0.5)
    assert plot.plot.tooltip_at(pixel(plot, 2.5, 0.97)) == "narrow"


def test_everything_lies_within_the_axes_but_a_roofline_far_off(plot: ResidualPlot) -> None:
    far = some(4)
    plot.show_residuals(Residuals(far.x, far.ratio * 2, far.roofline / 100, far.inside, (), "m"))
    (_, _), (low, high) = plot.plot.shown_range
    assert low > math.log10(0.05)
    assert high >= math.log10(2.2)
    assert any("4 of 4 farther below" in e.label for e in plot.legend.entries)


@pytest.mark.parametrize("inside", [True, False])
def test_what_lies_outside_its_band_has_another_shape(plot: ResidualPlot, inside: bool) -> None:
    plot.show_residuals(some(5, inside))
    filled, hollow = plot.inside.getData()[0], plot.outside.getData()[0]
    assert (len(filled), len(hollow)) == ((5, 0) if inside else (0, 5))
    shapes = {e.shape for e in plot.legend.entries}
    assert ("circle" in shapes, "diamond" in shapes) == (inside, not inside)


def test_many_points_and_none_are_drawn(plot: ResidualPlot) -> None:
    plot.show_residuals(some(20_000))
    assert len(plot.values().rows) == 20_000
    plot.show_residuals(some(0), "nothing here")
    assert plot.note.text() == "nothing here"
    assert plot.plot.tooltip_at(QPointF(5.0, 5.0)) in ("", "narrow")


def test_errors_are_written_with_their_sign() -> None:
    assert [error_words(r) for r in (1.042, 0.5, 1.0)] == ["+4.2 %", "−50.0 %", "+0.0 %"]


def test_the_points_of_a_ground_are_as_measured(dialog: EvidenceDialog) -> None:
    ground = next(g for g in dialog.grounds if g.points)
    found = residuals_of(ground)
    assert found.column == ground.column
    assert found.x.tolist() == [p.measured.columns[ground.column] for p in ground.points]
    assert found.roofline.tolist() == [p.measured.roofline_s / p.measured.seconds for p in ground.points]
