"""Files of open designs that another program changes: noticed, told with choices, never overwritten unasked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from explorer.main_window import MainWindow
from explorer.shell.notices import Notice
from hwlib.design import files
from hwlib.design.design import Design
from tests.explorer.test_workspace import make, put, widen


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    made = make(qtbot)
    yield made
    made.close()


@pytest.fixture
def path(window: MainWindow, tmp_path: Path) -> Path:
    """A file that is open."""
    made = put(tmp_path, "A")
    window.files.open_path(made)
    return made


def written(path: Path, note: str = "from elsewhere") -> Design:
    """Change the design in a file as another program would."""
    design = msgspec.structs.replace(files.load(path), note=note)
    files.save(design, path)
    return design


def notices(window: MainWindow) -> tuple[Notice, ...]:
    return tuple(n for n in window.shell.notices.shown if n.about is not None)


def press(window: MainWindow, word: str) -> None:
    (notice,) = notices(window)
    next(b for b in notice.buttons if b.text() == word).click()


def test_a_change_by_another_program_is_noticed_by_itself(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    written(path)
    qtbot.waitUntil(lambda: len(notices(window)) == 1)
    assert "A.chip.json was changed outside of this window" in notices(window)[0].text


def test_so_is_one_that_writes_into_the_file_in_place(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    other = files.dumps(msgspec.structs.replace(files.load(path), note="in place"))
    path.write_bytes(other if isinstance(other, bytes) else other.encode())
    qtbot.waitUntil(lambda: len(notices(window)) == 1)


def test_own_saves_and_touches_are_no_news(window: MainWindow, path: Path) -> None:
    widen(window)
    assert window.files.save()
    window.desk.outside.check()
    os.utime(path, (1, 1))
    window.desk.outside.check()
    assert notices(window) == ()
    assert not window.document.dirty


def test_one_change_is_told_once_and_the_next_one_again(window: MainWindow, path: Path) -> None:
    written(path)
    window.desk.outside.check()
    notices(window)[0].dismiss()
    window.desk.outside.check()
    assert notices(window) == ()
    written(path, "once more")
    window.desk.outside.check()
    assert len(notices(window)) == 1


def test_reload_takes_the_file_as_a_step_that_can_be_undone(window: MainWindow, path: Path) -> None:
    mine = widen(window)
    theirs = written(path)
    window.desk.outside.check()
    press(window, "Reload")
    assert window.document.design == theirs
    assert not window.document.dirty
    window.document.undo()
    assert window.document.design == mine
    assert window.document.dirty
    assert notices(window) == ()


def test_keep_mine_leaves_work_to_save_and_asks_no_more(window: MainWindow, path: Path) -> None:
    mine = window.document.design
    written(path)
    window.desk.outside.check()
    press(window, "Keep mine")
    assert window.document.dirty
    assert window.files.save()
    assert files.load(path) == mine


def test_compare_puts_the_file_beside_the_present_design(window: MainWindow, path: Path) -> None:
    written(path)
    window.desk.outside.check()
    press(window, "Compare")
    names = window.room.view.comparing.names()
    assert "A (in its file)" in names
    assert "A" in names
    assert window.room.view.isVisible()
    assert len(notices(window)) == 1


def test_a_file_half_written_is_told_with_its_reason_and_settles_by_itself(window: MainWindow, path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    window.desk.outside.check()
    assert "can't be read" in notices(window)[0].text
    assert "cut off" in notices(window)[0].details
    path.write_bytes(whole)
    window.desk.outside.check()
    assert notices(window) == ()
    assert not window.document.dirty


def test_a_deleted_file_leaves_the_design_unsaved_and_can_be_written_again(
    qtbot: QtBot, window: MainWindow, path: Path
) -> None:
    kept = window.document.design
    path.unlink()
    qtbot.waitUntil(lambda: len(notices(window)) == 1)
    assert window.document.dirty
    press(window, "Save again")
    assert files.load(path) == kept
    assert not window.document.dirty


def answer_overwrite(word: str, said: list[str]) -> None:
    def press() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            said.append(box.text())
            next(b for b in box.buttons() if word in b.text()).click()
        else:
            QTimer.singleShot(5, press)

    QTimer.singleShot(0, press)


def test_saving_over_a_changed_file_asks_first(qtbot: QtBot, tmp_path: Path) -> None:
    window, path = make(qtbot, asks=True), put(tmp_path, "A")
    window.files.open_path(path)
    mine, theirs = widen(window), written(path)
    said: list[str] = []
    answer_overwrite("Cancel", said)
    assert not window.files.save()
    assert files.load(path) == theirs
    answer_overwrite("Overwrite", said)
    assert window.files.save()
    assert files.load(path) == mine
    assert said == ["A.chip.json was changed outside of this window."] * 2
    window.close()


def test_two_windows_on_one_file_hear_of_each_other(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    other = make(qtbot)
    other.files.open_path(path)
    widen(other)
    assert other.files.save()
    qtbot.waitUntil(lambda: len(notices(window)) == 1)
    press(window, "Reload")
    assert window.document.design == other.document.design
    other.close()


def test_a_closed_page_settles_its_notice(window: MainWindow, path: Path) -> None:
    written(path)
    window.desk.outside.check()
    window.files.close_current()
    assert notices(window) == ()


def test_saving_elsewhere_settles_what_befell_the_old_file(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    written(path)
    window.desk.outside.check()
    assert len(notices(window)) == 1
    assert window.files.save_path(path.with_name("B.chip.json"))
    qtbot.waitUntil(lambda: notices(window) == ())
    assert not window.document.dirty
