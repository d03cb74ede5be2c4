"""The searchable list: inside its window wherever its button stands, and used by keys alone."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from explorer.widgets.search import HEIGHT_PX, Entry, SearchPopup

ENTRIES = [Entry(f"k{i}", f"Device {i}", "1 TB/s", "GPUs" if i < 30 else "TPUs") for i in range(60)]


class Bench:
    """A window of 640 x 480 with a button somewhere in it, and the popup under the button."""

    def __init__(self, qtbot: QtBot, at: tuple[int, int], size: tuple[int, int] = (640, 480)) -> None:
        self.window = QWidget()
        qtbot.addWidget(self.window)
        self.window.resize(*size)
        self.window.move(60, 40)
        self.button = QPushButton("Add…", self.window)
        self.button.setGeometry(*at, 60, 24)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.popup = SearchPopup("Search devices", self.window)
        self.popup.open_below(self.button, ENTRIES)
        qtbot.waitExposed(self.popup)

    @property
    def place(self) -> QRect:
        """Where the popup was put; the offscreen platform shifts what is inside its frame by two pixels."""
        return QRect(self.popup.pos(), self.popup.size())

    @property
    def covers_the_button(self) -> bool:
        return self.place.intersects(QRect(self.button.mapToGlobal(QPoint(0, 0)), self.button.size()))


@pytest.mark.parametrize("at", [(0, 0), (580, 0), (0, 456), (580, 456), (300, 230), (580, 120)])
def test_it_stays_inside_the_window_and_off_its_button(qtbot: QtBot, at: tuple[int, int]) -> None:
    bench = Bench(qtbot, at)
    assert bench.window.geometry().contains(bench.place)
    assert not bench.covers_the_button
    assert bench.popup.list.height() > 100
    bench.popup.hide()


def test_a_window_that_is_too_small_does_not_clip_it(qtbot: QtBot) -> None:
    bench = Bench(qtbot, (10, 10), (200, 120))
    screen = bench.window.screen().availableGeometry()
    assert screen.contains(bench.place)
    assert bench.popup.height() == HEIGHT_PX
    bench.popup.hide()


def test_typing_and_enter_choose(qtbot: QtBot) -> None:
    bench = Bench(qtbot, (10, 10))
    qtbot.keyClicks(bench.popup.line, "tpu 4")
    assert bench.popup.shown() == ("k34", *(f"k{i}" for i in range(40, 50)), "k54")
    qtbot.keyClick(bench.popup.line, Qt.Key.Key_Down)
    with qtbot.waitSignal(bench.popup.chosen) as told:
        qtbot.keyClick(bench.popup.line, Qt.Key.Key_Return)
    assert told.args == ["k40"]
    assert not bench.popup.isVisible()


def test_what_has_a_reason_can_not_be_chosen(qtbot: QtBot) -> None:
    bench = Bench(qtbot, (10, 10))
    bench.popup.open_below(bench.button, [Entry("a", "Greyed", reason="compared already")])
    with qtbot.assertNotEmitted(bench.popup.chosen):
        qtbot.keyClick(bench.popup.line, Qt.Key.Key_Return)
    assert bench.popup.isVisible()
    qtbot.keyClicks(bench.popup.line, "zzz")
    assert bench.popup.shown() == ()
    bench.popup.hide()
