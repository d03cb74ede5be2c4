"""A plot with something to drag in it: by the mouse, or by the arrow keys while it has the focus."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent

from explorer.charts.plot import PlotView

_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_PageDown: -4, Qt.Key.Key_PageUp: 4}


class DragPlot(PlotView):
    """Tells of drags that begin on a handle; `handle_at` says whether a point of the view box lies on one."""

    grabbed = Signal(QPointF)
    dragged = Signal(QPointF)
    dropped = Signal()
    abandoned = Signal()
    """Escape was pressed in mid-drag."""
    stepped = Signal(int)
    """An arrow key asks for so many steps to the right (left where negative)."""
    step_ended = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.handle_at: Callable[[QPointF], bool] = lambda _pos: False
        self.dragging = False
        self._over = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        pos = self._in_box(event)
        if event.button() == Qt.MouseButton.LeftButton and self.handle_at(pos):
            self.dragging = True
            self.grabbed.emit(pos)
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.dragging:
            self.dragged.emit(self._in_box(event))
            event.accept()
            return
        self._show_cursor(self.handle_at(self._in_box(event)))
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.dragging and event.button() == Qt.MouseButton.LeftButton:
            self.dragging = False
            self.dropped.emit()
            event.accept()
            return
        super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.dragging:
            self.dragging = False
            self.abandoned.emit()
        elif event.key() in _STEPS:
            self.stepped.emit(_STEPS[Qt.Key(event.key())])
        else:
            event.ignore()
            return
        event.accept()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() in _STEPS and not event.isAutoRepeat():
            self.step_ended.emit()
            event.accept()
        else:
            event.ignore()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.hovered.emit(None)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.step_ended.emit()
        self.hovered.emit(None)

    def _show_cursor(self, over: bool) -> None:
        if over != self._over:
            self._over = over
            self.viewport().setCursor(Qt.CursorShape.SizeHorCursor if over else Qt.CursorShape.ArrowCursor)
