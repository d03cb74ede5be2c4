"""Garbage is collected in the GUI thread alone: Python frees Qt objects in cycles in whichever thread collects."""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

INTERVAL_MS = 1000
YOUNG, MIDDLE, OLD = 2_000, 20, 20
"""What is due: net new objects for the first generation, collections of a generation for the next."""


class Collector(QObject):
    """Takes over from Python's automatic collection, between events and never while one is handled.

    An evaluation allocates much in a worker thread. If Python collected there, it would free windows' graphics items
    of a closed chart in the wrong thread, or in the middle of a paint, and crash.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def stop(self) -> None:
        """Collect no more; for an application that ends."""
        self._timer.stop()

    def collect(self) -> None:
        """Collect as much as is due now."""
        young, middle, old = gc.get_count()
        if old >= OLD or (middle >= MIDDLE and young >= YOUNG):
            gc.collect(2 if old >= OLD else 1)
        elif young >= YOUNG:
            gc.collect(0)


def in_gui_thread(app: QObject) -> None:
    """Have garbage collected by a timer of the application, once."""
    if app.findChild(Collector) is None:
        Collector(app)
