"""The line editor that stands over a block while its name is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit

from explorer.canvas import style

if TYPE_CHECKING:
    from explorer.canvas.editing import EditingView

LEAST_PX, MOST_PX = 120, 320
LONGEST = 200
TAKING = frozenset({Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Backtab})
"""The keys that take the name."""


class NameEditor(QLineEdit):
    """Enter, Tab or a click elsewhere takes the name; Esc leaves the old one. Closes itself."""

    def __init__(self, view: EditingView, block_id: str, name: str) -> None:
        super().__init__(name, view.viewport())
        self._view, self._block, self._open = view, block_id, True
        self.setMaxLength(LONGEST)
        self.setFont(style.current().name_font)
        self.setAccessibleName(f"Name of {name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        view.document.changed.connect(self._leave)

    def open_at(self, corner: QPoint, width_px: int) -> None:
        """Show over a block whose upper left corner is at a pixel of the viewport, kept in sight."""
        room = self._view.viewport().rect()
        width = min(max(width_px, LEAST_PX), MOST_PX)
        x = min(max(corner.x(), 0), max(room.width() - width, 0))
        y = min(max(corner.y(), 0), max(room.height() - self.sizeHint().height(), 0))
        self.setGeometry(x, y, width, self.sizeHint().height())
        self.selectAll()
        self.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc keeps the old name; Enter and Tab take the new one."""
        # A line editor hands Enter on once it is done: to the canvas, which takes it for a yes to what it proposes.
        if event.key() == Qt.Key.Key_Escape:
            self._leave()
        elif event.key() in TAKING:
            self._take()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """A click elsewhere takes the name; another window coming to the front does not."""
        super().focusOutEvent(event)
        if event.reason() not in (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason):
            self._take()

    def _take(self) -> None:
        if self._open:
            name = self.text().strip()
            self._leave()
            if name:
                self._view.rename(self._block, name)

    def _leave(self, *_: object) -> None:
        if self._open:
            self._open = False
            if self.hasFocus():
                self._view.setFocus(Qt.FocusReason.OtherFocusReason)
            self.close()
