"""Ctrl-C in the terminal of a window: the first one closes it, the second one ends the program, unsaved work kept."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from explorer.interrupts import INTERRUPTED, Interrupts


class Window(QWidget):
    """Closes where nothing is unsaved."""

    def __init__(self) -> None:
        super().__init__()
        self.unsaved = False

    def closeEvent(self, event: QCloseEvent) -> None:
        event.setAccepted(not self.unsaved)


class Bench:
    """A window under interrupts, and what became of the program."""

    def __init__(self, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
        self.window = Window()
        qtbot.addWidget(self.window)
        self.window.show()
        self.ended: list[object] = []
        monkeypatch.setattr(QCoreApplication, "exit", lambda code: self.ended.append(code))
        monkeypatch.setattr(os, "_exit", lambda code: self.ended.append(("at once", code)))
        self.interrupts = Interrupts(self.window, lambda: self.ended.append("rescued"))


@pytest.fixture
def bench(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(qtbot, monkeypatch)
    yield made
    made.interrupts.stop()
    made.window.unsaved = False


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_closes_the_window_and_ends_the_program(bench: Bench, qtbot: QtBot) -> None:
    press_ctrl_c()
    qtbot.waitUntil(lambda: bench.interrupts.came)
    assert not bench.window.isVisible()
    assert bench.ended == [INTERRUPTED]


def test_with_unsaved_work_the_second_one_ends_it_and_keeps_what_is_unsaved(bench: Bench, qtbot: QtBot) -> None:
    bench.window.unsaved = True
    press_ctrl_c()
    qtbot.waitUntil(lambda: bench.interrupts.came)
    assert bench.window.isVisible()
    assert bench.ended == []
    press_ctrl_c()
    qtbot.waitUntil(lambda: bench.ended == ["rescued", ("at once", INTERRUPTED)])


def test_afterwards_ctrl_c_is_what_it_was(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    made = Bench(qtbot, monkeypatch)
    assert signal.getsignal(signal.SIGINT) != before
    made.interrupts.stop()
    assert signal.getsignal(signal.SIGINT) == before
