"""Frames: what changes together is painted together, and nothing is held back for long."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication, QGraphicsRectItem, QGraphicsScene, QGraphicsView, QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from explorer import painting
from explorer.evaluator import Results
from explorer.painting import Frames


class View(QGraphicsView):
    """A view on one square, counting its paints."""

    def __init__(self) -> None:
        self.square = QGraphicsRectItem(0, 0, 10, 10)
        self.paints = 0
        self._own = QGraphicsScene()
        self._own.addItem(self.square)
        super().__init__(self._own)

    def paintEvent(self, event: QPaintEvent) -> None:
        self.paints += 1
        super().paintEvent(event)

    def change(self) -> None:
        self.square.setRect(0, 0, self.square.rect().width() + 5, 10)


class Counter(QObject):
    """Counts the frames of a window."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.frames = 0
        window.installEventFilter(self)

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        self.frames += event.type() == QEvent.Type.UpdateRequest
        return False


class Stage:
    """A window with two views, at rest."""

    def __init__(self, qtbot: QtBot) -> None:
        self.window = QWidget()
        qtbot.addWidget(self.window)
        self.views = (View(), View())
        row = QHBoxLayout(self.window)
        for view in self.views:
            row.addWidget(view)
        self.frames = Frames(self.window)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.rest()
        self.counter = Counter(self.window)
        self.forget()

    def rest(self) -> None:
        for _ in range(5):
            QApplication.processEvents()

    def forget(self) -> None:
        self.counter.frames = 0
        for view in self.views:
            view.paints = 0

    @property
    def paints(self) -> list[int]:
        return [view.paints for view in self.views]

    def change(self) -> None:
        for view in self.views:
            view.change()


@pytest.fixture
def stage(qtbot: QtBot) -> Stage:
    return Stage(qtbot)


def test_scenes_that_change_together_are_painted_in_one_frame(stage: Stage) -> None:
    stage.change()
    stage.frames.paint()
    stage.rest()
    assert stage.paints == [1, 1]
    assert stage.counter.frames == 1


def test_held_change_is_painted_with_its_results(stage: Stage) -> None:
    stage.views[0].change()
    stage.frames.hold()
    stage.views[1].change()
    stage.frames.paint()
    stage.rest()
    assert stage.paints == [1, 1]
    assert stage.counter.frames == 1


def test_nothing_is_held_for_good(stage: Stage, qtbot: QtBot) -> None:
    stage.change()
    stage.frames.hold()
    qtbot.waitUntil(lambda: stage.paints == [1, 1])


def test_edit_after_results_does_not_take_their_frame_away(stage: Stage) -> None:
    stage.change()
    stage.frames.paint()
    stage.frames.hold()
    stage.rest()
    assert stage.paints == [1, 1]


def test_window_paints_as_ever_afterwards(stage: Stage) -> None:
    stage.change()
    stage.frames.paint()
    stage.rest()
    stage.forget()
    stage.views[0].change()
    stage.rest()
    assert stage.paints == [1, 0]


def test_stop_lets_go_at_once(stage: Stage) -> None:
    stage.change()
    stage.frames.hold()
    stage.frames.stop()
    stage.rest()
    assert stage.paints == [1, 1]


def test_results_that_are_slow_are_not_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painting, "MOST_HELD_MS", 60_000)  # so that what is held stays held
    report: Any = None
    for elapsed_s, paints in ((100.0, [1, 1]), (0.001, [0, 0])):
        stage.frames.show_results(Results(1, report, (), elapsed_s))
        stage.rest()
        stage.forget()
        stage.change()
        stage.frames.hold()
        stage.rest()
        assert stage.paints == paints
    stage.frames.stop()
    stage.rest()
