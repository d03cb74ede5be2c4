"""Recovery in the window: what a dead program left opens dirty, and a window closed in order leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from explorer.main_window import MainWindow
from explorer.recovery import Session, Unsaved
from explorer.workspace import DIRTY_MARK
from hwlib.catalog import load_example
from hwlib.design import files
from hwlib.design.design import Design
from hwlib.design.edit import replace_settings
from tests.explorer.test_workspace import make, pages, put, titles, widen

Key = Qt.Key


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    made = make(qtbot)
    yield made
    made.close()


def left_behind(root: Path, *designs: tuple[Design, Path | None]) -> None:
    session = Session(root)
    session.write([Unsaved(n, design, path, 3) for n, (design, path) in enumerate(designs)])
    assert session._lock is not None
    session._lock.release()


def test_recovered_work_opens_dirty_above_what_its_file_holds(window: MainWindow, tmp_path: Path) -> None:
    path = put(tmp_path, "A")
    saved = files.load(path)
    lost = replace_settings(saved, {"die_width_m": 0.03})
    root = tmp_path / "recovery"
    left_behind(root, (lost, path), (Design(name="Never saved"), None))
    window.desk.guard(tmp_path / "own")
    offer = window.desk.offer_left_over(root)
    assert offer is not None
    QTest.keyClick(offer, Key.Key_Return)
    assert titles(window)[1:] == [f"{DIRTY_MARK}A", f"{DIRTY_MARK}Never saved"]
    assert list(root.iterdir()) == []
    assert len(list((tmp_path / "own").glob("*/*.json"))) == 2
    page = pages(window)[1]
    assert (page.design, page.path) == (lost, path)
    page.undo_stack.undo()
    assert page.design == saved
    assert not page.dirty


def test_each_copy_is_opened_or_discarded_by_itself(window: MainWindow, tmp_path: Path) -> None:
    root = tmp_path / "recovery"
    left_behind(root, (Design(name="One"), None), (Design(name="Two"), None), (Design(name="Three"), None))
    window.desk.guard(tmp_path / "own")
    offer = window.desk.offer_left_over(root)
    assert offer is not None
    offer.rows[1].open_button.click()
    assert titles(window)[1:] == [f"{DIRTY_MARK}Two"]
    offer.rows[0].discard_button.click()
    assert [line.split(",")[0] for line in offer.lines()] == ["Three"]
    assert offer.isVisible()
    assert len(list(root.glob("*/*.json"))) == 1
    QTest.keyClick(offer, Key.Key_Escape)
    again = window.desk.offer_left_over(root)
    assert again is not None
    assert [line.split(",")[0] for line in again.lines()] == ["Three"]
    again.discard_button.click()
    assert list(root.iterdir()) == []


def test_opening_all_leaves_what_cannot_be_read(window: MainWindow, tmp_path: Path) -> None:
    root = tmp_path / "recovery"
    left_behind(root, (Design(name="One"), None), (Design(name="Two"), None))
    sorted(root.glob("*/*.json"))[0].write_bytes(b"{")
    offer = window.desk.offer_left_over(root)
    assert offer is not None
    offer.recover_button.click()
    assert titles(window)[1:] == [f"{DIRTY_MARK}Two"]
    assert offer.rows[0].note.startswith("The copy is damaged")
    assert offer.isVisible()
    offer.discard_button.click()
    assert list(root.iterdir()) == []


def test_recovered_work_of_a_lost_file_keeps_its_place(window: MainWindow, tmp_path: Path) -> None:
    lost = load_example("edge-npu-lpddr5")
    window.desk.workspace.recover(lost, tmp_path / "gone.chip.json")
    assert window.document.dirty
    window.files.save()
    assert files.load(tmp_path / "gone.chip.json") == lost


def test_nothing_left_behind_asks_nothing(window: MainWindow, tmp_path: Path) -> None:
    assert window.desk.offer_left_over(tmp_path / "none") is None


def test_closing_in_order_leaves_no_copy(qtbot: QtBot, tmp_path: Path) -> None:
    window = make(qtbot)
    recovery = window.desk.guard(tmp_path / "own")
    widen(window)
    qtbot.waitUntil(lambda: len(list(recovery.folder.glob("*.json"))) == 1)
    window.close()
    assert list((tmp_path / "own").iterdir()) == []


def test_closing_a_tab_removes_its_copy(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    recovery = window.desk.guard(tmp_path / "own")
    widen(window)
    qtbot.waitUntil(lambda: len(list(recovery.folder.glob("*.json"))) == 1)
    window.desk.workspace.close(window.document.page)
    qtbot.waitUntil(lambda: list(recovery.folder.glob("*.json")) == [])
