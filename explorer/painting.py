"""Makes canvas and charts of a window paint in one frame, where Qt gives each graphics scene a frame of its own."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QGraphicsView, QWidget
from shiboken6 import isValid

if TYPE_CHECKING:
    from explorer.evaluator import Results

UPDATE = QEvent.Type.UpdateRequest
MOST_HELD_MS = 24
LOOK_S = 1.0
"""A view that is newer than this may get a frame of its own."""


class Frames(QObject):
    """Puts off the repaint of a window after an edit until the edit's results are there too, but not for long.

    Qt posts one update request per window and frame, and a QGraphicsScene with changed items has it handled at once:
    a canvas and three charts make four frames, each copied to the screen, and a drag has the canvas painted two or
    three times for each time that the charts are. Here the request is taken back, and posted anew when everything is
    ready (measured: a third of the time from edit to repaint).
    """

    about_to_paint = Signal()
    """The last moment to bring up to date what will be seen."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._seen: list[QGraphicsView] = []
        self._looked_s = -math.inf
        self._quick = True
        """Results come within a frame's time."""
        self._due = False
        """True from when results ask for a frame until Qt begins to paint it."""
        window.installEventFilter(self)
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.timeout.connect(self.paint)

    def hold(self, *_: object) -> None:
        """Something has changed whose results are on their way: wait for them, a frame's time at most."""
        if self._window.isVisible() and not self._due and not self._late.isActive():
            self._take_back()
            # Results that take longer than a frame are not waited for: on a large chip each drag would lag by it.
            self._late.start(MOST_HELD_MS if self._quick else 0)

    def paint(self, *_: object) -> None:
        """Have everything that has changed painted once, when control is back in the event loop."""
        self._late.stop()
        if not self._window.isVisible():
            return
        self.about_to_paint.emit()
        self._take_back()
        try:
            for scene in {view.scene() for view in self._views() if view.isVisible()}:
                QCoreApplication.sendPostedEvents(scene, QEvent.Type.MetaCall.value)
        finally:
            self._due = True
            QCoreApplication.postEvent(self._window, QEvent(UPDATE), Qt.EventPriority.LowEventPriority.value)

    def _views(self) -> list[QGraphicsView]:
        """The window's views. Looking through all of its widgets takes a millisecond, so it is done once a second."""
        now_s = time.monotonic()
        if now_s - self._looked_s > LOOK_S:
            self._looked_s, self._seen = now_s, self._window.findChildren(QGraphicsView)
        self._seen = [view for view in self._seen if isValid(view)]
        return self._seen

    def show_results(self, results: Results) -> None:
        """Paint results, and learn from the time that they took."""
        self._quick = results.elapsed_s * 1e3 <= MOST_HELD_MS
        self.paint()

    def stop(self) -> None:
        """Hold nothing back any more."""
        if self._late.isActive():
            self.paint()

    def eventFilter(self, _window: QObject, event: QEvent) -> bool:
        """See the frame begin."""
        if event.type() == UPDATE:
            self._due = False
        return False

    def _take_back(self) -> None:
        # A window that has asked for a repaint does not ask again, so make it ask before its request is removed.
        self._window.update(0, 0, 1, 1)
        QCoreApplication.removePostedEvents(self._window, UPDATE.value)
