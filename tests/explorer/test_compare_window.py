"""Comparing in the window: F6 there and back, pinning beside the headline, snapshots as documents, the library."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFileDialog, QToolButton
from pytestqt.qtbot import QtBot

from explorer.app import build_window, default_baselines
from explorer.compare.subjects import PRESENT_ID
from explorer.main_window import MainWindow
from explorer.screenshot import wait_for_results, wait_until
from explorer.settings import Preferences
from hwlib.catalog import find_model, load_example
from hwlib.design.edit import replace_settings
from hwlib.workload.scenario import Scenario

SIZE = QSize(1280, 720)


def make(qtbot: QtBot, preferences: Preferences | None = None) -> MainWindow:
    window = build_window(
        load_example("systolic-tpu-hbm2"), Scenario(), find_model("Llama-3.1-8B"), default_baselines(), "light",
        size=SIZE, preferences=preferences,
    )  # fmt: skip
    qtbot.addWidget(window)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    wait_for_results(window)
    return window


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    made = make(qtbot)
    yield made
    made.close()


def settle(window: MainWindow) -> None:
    view = window.room.view
    wait_for_results(window)
    wait_until(lambda: view.compared is not None and not view.worker.busy)


def shown(window: MainWindow) -> set[str]:
    return {name for name, dock in window.docks.items() if not dock.visibleRegion().isEmpty()}


def test_f6_brings_the_comparison_and_the_panels_back(qtbot: QtBot, window: MainWindow) -> None:
    before = shown(window)
    window.canvas.setFocus()
    qtbot.keyClick(window.canvas, Qt.Key.Key_F6)
    settle(window)
    assert window.room.view.isVisible()
    assert not window.canvas.isVisible()
    assert shown(window) == set()
    assert window.size() == SIZE
    assert window.commands["compare"].isChecked()
    qtbot.keyClick(window.room.view.figures, Qt.Key.Key_F6)
    assert window.canvas.isVisible()
    qtbot.waitUntil(lambda: shown(window) == before)
    assert not window.commands["compare"].isChecked()


def test_the_way_back_is_a_button_too(qtbot: QtBot, window: MainWindow) -> None:
    window.commands["compare"].trigger()
    qtbot.mouseClick(window.room.view.back, Qt.MouseButton.LeftButton)
    assert window.canvas.isVisible()
    assert not window.commands["compare"].isChecked()


def test_places_chosen_by_hand_come_back(qtbot: QtBot, window: MainWindow) -> None:
    window.commands["panels"].trigger()
    window.docks["energy"].close()
    qtbot.waitUntil(lambda: "placement" in shown(window))  # the next tab of its place
    before = shown(window)
    window.commands["compare"].trigger()
    window.commands["compare"].trigger()
    qtbot.waitUntil(lambda: shown(window) == before)
    assert not window.docks["energy"].isVisible()


def test_reset_layout_leaves_the_comparison(window: MainWindow) -> None:
    window.commands["compare"].trigger()
    window.commands["reset_layout"].trigger()
    assert window.canvas.isVisible()
    assert not window.commands["compare"].isChecked()


def test_a_click_beside_the_headline_pins(qtbot: QtBot, window: MainWindow) -> None:
    button = next(
        b for b in window.docks["headline"].widget().findChildren(QToolButton)
        if b.defaultAction() is window.commands["pin"]
    )  # fmt: skip
    before = window.document.design
    with qtbot.waitSignal(window.room.message) as told:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert told.args[0].startswith("Pinned: Systolic array")
    window.document.edit("Shrink", replace_settings(before, {"node_nm": 5.0}))
    assert window.room.view.comparing.subjects[1].design == before
    qtbot.keyClick(window.canvas, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    assert window.room.view.comparing.subjects[2].design == window.document.design


def test_nothing_out_of_sight_is_deleted(qtbot: QtBot, window: MainWindow) -> None:
    design = window.document.design
    window.document.select([design.blocks[0].id])
    window.commands["compare"].trigger()
    settle(window)
    grid = window.room.view.figures
    grid.setFocus()
    grid.setCurrentIndex(grid.grid.index(0, 1))
    qtbot.keyClick(grid, Qt.Key.Key_Delete)
    assert window.document.design == design
    assert [s.device for s in window.room.view.comparing.subjects if s.device] == ["A100 80GB SXM4"]


def test_a_snapshot_opens_as_a_document_of_its_own(qtbot: QtBot, window: MainWindow) -> None:
    before = window.document.design
    pinned = window.room.view.pin_snapshot()
    window.document.edit("Shrink", replace_settings(before, {"node_nm": 5.0}))
    window.commands["compare"].trigger()
    settle(window)
    menu = window.room.view.menu_of(pinned.id)
    next(a for a in menu.actions() if "Open" in a.text()).trigger()
    menu.deleteLater()
    assert window.document.design == before
    assert window.canvas.isVisible()
    window.document.undo_stack.resetClean()


def test_designs_from_the_library_are_compared(window: MainWindow) -> None:
    other = load_example("sram-cim-hbm")
    window.desk.library_panel.compare_requested.emit(((other, ""),))
    settle(window)
    assert window.room.view.isVisible()
    assert window.room.view.comparing.subjects[-1].design == other


def test_a_snapshot_comes_back_in_the_next_session(qtbot: QtBot) -> None:
    window = make(qtbot, preferences=Preferences())
    pinned = window.room.view.pin_snapshot()
    window.commands["compare"].trigger()
    window.close()
    later = make(qtbot, preferences=Preferences())
    assert pinned in later.room.view.comparing.subjects
    assert later.room.view.comparing.subjects[0].id == PRESENT_ID
    assert later.canvas.isVisible()
    later.room.view.comparing.remove(pinned.id)
    later.close()


def test_a_figure_of_another_column_is_explained_by_its_own_report(qtbot: QtBot, window: MainWindow) -> None:
    window.commands["compare"].trigger()
    settle(window)
    report = window.room.view.compared.reports[1]
    window.room.view.explain_requested.emit(report, "tpot_s")
    assert window._popup.isVisible()
    window._popup.hide()


def test_a_chart_of_the_comparison_is_exported(qtbot: QtBot, window: MainWindow, monkeypatch, tmp_path) -> None:
    window.commands["compare"].trigger()
    settle(window)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(tmp_path / "bars.csv"), ""))
    chart = window.room.view.board.chart("compare_bars")
    wait_until(lambda: not chart.message)
    chart.ask_export()
    text = (tmp_path / "bars.csv").read_text()
    assert all(name in text for name in window.room.view.compared.comparison.names)
