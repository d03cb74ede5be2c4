"""The command palette by keyboard alone: what it finds, in which order, and that Enter does it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from explorer.actions import ACTIONS
from explorer.dialogs.command_palette import CommandPalette
from explorer.main_window import MainWindow
from explorer.shell import fuzzy
from hwlib.catalog import example_designs, models
from hwlib.design import files
from tests.explorer.shell_window import linked_chip, make

CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    made = make(qtbot)
    yield made
    made.close()


def opened(qtbot: QtBot, window: MainWindow) -> CommandPalette:
    """The palette, opened by its keys."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    target: QWidget = QApplication.focusWidget() or window
    qtbot.keyClick(target, Qt.Key.Key_P, CTRL_SHIFT)
    assert window.shell.palette is not None
    palette = window.shell.palette
    qtbot.waitUntil(palette.isVisible)
    return palette


def run(qtbot: QtBot, window: MainWindow, text: str) -> None:
    """Type a command into the palette and press Enter."""
    palette = opened(qtbot, window)
    qtbot.keyClicks(palette.line, text)
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    assert not palette.isVisible()


def test_lists_every_action_llm_and_example(qtbot: QtBot, window: MainWindow) -> None:
    palette = opened(qtbot, window)
    shown = set(palette.shown())
    assert {f"action:{spec.id}" for spec in ACTIONS} - shown == {"action:commands"}
    assert {f"llm:{m.name}" for m in models() if not m.cannot_generate} <= shown
    assert {f"example:{name}" for name in example_designs()} <= shown
    qtbot.keyClick(palette.line, Qt.Key.Key_Escape)
    assert not palette.isVisible()


def test_enter_does_the_best_match(qtbot: QtBot, window: MainWindow) -> None:
    run(qtbot, window, "drop sram")
    assert [b.kind for b in window.document.design.blocks].count("sram") == 2
    run(qtbot, window, "undo")
    assert [b.kind for b in window.document.design.blocks].count("sram") == 1
    run(qtbot, window, "serve llama 3 8b")
    assert "Llama-3" in window.document.llm.name
    run(qtbot, window, "open systolic")
    assert window.document.design.name == "Systolic array, TPU-like"


def test_arrows_choose_another_match(qtbot: QtBot, window: MainWindow) -> None:
    palette = opened(qtbot, window)
    qtbot.keyClicks(palette.line, "zoom")
    first = palette.list.currentIndex().row()
    qtbot.keyClick(palette.line, Qt.Key.Key_Down)
    assert palette.list.currentIndex().row() == first + 1
    assert palette.line.hasFocus()
    palette.hide()


def test_keys_and_reasons_are_named(qtbot: QtBot, window: MainWindow) -> None:
    from explorer.shell.commands import all_commands

    known = {c.key: c for c in all_commands(window)}
    assert known["action:save"].detail == "Ctrl+S"
    assert known["action:undo"].reason == "nothing to undo"
    palette = opened(qtbot, window)
    qtbot.keyClicks(palette.line, "redo")
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    assert not window.document.undo_stack.canRedo()
    palette.hide()


def test_what_was_used_last_stands_first(qtbot: QtBot, window: MainWindow) -> None:
    run(qtbot, window, "zoom to fit")
    assert opened(qtbot, window).shown()[0] == "action:zoom_fit"


def test_recent_files_open(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "quokka.chip.json"
    files.save(linked_chip(), path)
    window.files.recent.add(path)
    run(qtbot, window, "quokka")
    assert window.document.path == path


def test_nothing_fits_is_said(qtbot: QtBot, window: MainWindow) -> None:
    palette = opened(qtbot, window)
    qtbot.keyClicks(palette.line, "qqxxzz")
    assert palette.shown() == ()
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    assert palette.isVisible()
    palette.hide()


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [("sav", "Save", "Save as"), ("zf", "Zoom to fit", "Zoom to selection of a figure"), ("as", "Save as", "Paste")],
)
def test_closer_names_score_higher(query: str, better: str, worse: str) -> None:
    found, other = fuzzy.score(query, better), fuzzy.score(query, worse)
    assert found is not None
    assert other is None or found > other


def test_a_part_of_a_word_beats_scattered_letters() -> None:
    inside, scattered = fuzzy.score("ddr", "Drop LPDDR5"), fuzzy.score("ddr", "Drop Digital SRAM CIM")
    assert inside is not None
    assert scattered is None or inside > scattered
    assert fuzzy.best("ddr", ["Compare"], ["Designs, devices and snapshots, or back"]) is None
    assert fuzzy.best("devi snap", ["Compare"], ["Designs, devices and snapshots"]) is not None


def test_letters_must_come_in_order() -> None:
    assert fuzzy.score("evas", "Save") is None
    assert fuzzy.score("llama 8b", "Llama-3.1-8B") is not None


@given(st.text(max_size=20), st.text(max_size=40))
def test_any_text_can_be_scored(query: str, text: str) -> None:
    found = fuzzy.score(query, text)
    assert found is None or isinstance(found, float)
    assert fuzzy.score("", text) == 0.0
