"""Makes the graphics scenes of a window paint in one frame, where Qt would give each a frame of its own."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QGraphicsScene, QWidget

UPDATE = QEvent.Type.UpdateRequest


def paint_together(window: QWidget, scenes: Iterable[QGraphicsScene]) -> None:
    """Have everything that has changed in `window` painted once, when control is back in the event loop.

    A QGraphicsScene with changed items sends the window's pending update request at once, so that five scenes make
    five frames, each of which is copied to the screen (measured: 6 ms of 20). Here the request is taken back while the
    scenes tell their views what to repaint, and put off until they all have.
    """
    window.update(0, 0, 1, 1)
    QCoreApplication.removePostedEvents(window, UPDATE.value)
    try:
        for scene in scenes:
            QCoreApplication.sendPostedEvents(scene, QEvent.Type.MetaCall.value)
    finally:
        QCoreApplication.postEvent(window, QEvent(UPDATE), Qt.EventPriority.LowEventPriority.value)
