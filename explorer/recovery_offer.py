"""Offers what a program that did not end in order had not saved: open or discard each, all at once, or decide later."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from explorer import theme
from explorer.recovery import LeftOver, Recovered, Unreadable
from explorer.widgets.style import Tinted

WIDTH_PX = 640
MOST_HEIGHT_PX = 320
MARGIN_PX = 2 * theme.GRID_PX
Role = QDialogButtonBox.ButtonRole
Copy = Recovered | Unreadable


class Row(QWidget):
    """One copy: what it is, and what can be done with it."""

    open_asked = Signal(object)
    discard_asked = Signal(object)

    def __init__(self, left: LeftOver, copy: Copy, now_s: float) -> None:
        super().__init__()
        self.left, self.copy = left, copy
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(theme.GRID_PX)
        words = QVBoxLayout()
        words.setSpacing(0)
        self.title, self.note = _words(copy, now_s)
        words.addWidget(_wrapped(self.title))
        words.addWidget(_wrapped(self.note, "muted" if isinstance(copy, Recovered) else "warning"))
        line.addLayout(words, 1)
        self.open_button = QPushButton("Open")
        self.open_button.setAccessibleName(f"Open {self.title}")
        self.open_button.setVisible(isinstance(copy, Recovered))
        self.discard_button = QPushButton("Discard")
        self.discard_button.setAccessibleName(f"Discard {self.title}")
        self.discard_button.setToolTip("Delete this copy; the design's file stays as it is")
        for button, asked in ((self.open_button, self.open_asked), (self.discard_button, self.discard_asked)):
            button.setAutoDefault(False)
            button.clicked.connect(lambda *_, asked=asked: asked.emit(self))
            line.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)


class RecoveryOffer(QDialog):
    """Lists what can be brought back. Closing it by any other way than its buttons means later."""

    recover_chosen = Signal(object)
    """Tuple of (LeftOver, Recovered): designs to open. Who opens one discards its copy."""

    def __init__(self, left: Sequence[LeftOver], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._left = tuple(left)
        now_s = time.time()
        copies: list[tuple[LeftOver, Copy]] = [(one, design) for one in self._left for design in one.designs]
        copies += [(one, problem) for one in self._left for problem in one.problems]
        self.rows = [Row(one, copy, now_s) for one, copy in copies]
        self.setWindowTitle("Unsaved work")
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(WIDTH_PX)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, MARGIN_PX)
        column.setSpacing(2 * theme.GRID_PX)
        column.addWidget(Tinted("Chipscape ended unexpectedly. These designs were not saved:", bold=True))
        column.addWidget(self._make_list(), 1)
        column.addWidget(self._make_buttons())
        self.finished.connect(self._leave)

    def lines(self) -> tuple[str, ...]:
        """What can be brought back, in words."""
        return tuple(row.copy.said() for row in self.rows if isinstance(row.copy, Recovered))

    def _make_list(self) -> QScrollArea:
        inner = QWidget()
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, theme.GRID_PX, 0)
        self._column.setSpacing(2 * theme.GRID_PX)
        for row in self.rows:
            row.open_asked.connect(self._open)
            row.discard_asked.connect(self._discard)
            self._column.addWidget(row)
        self._column.addStretch(1)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.viewport().setBackgroundRole(QPalette.ColorRole.Window)
        area.setWidget(inner)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area = area
        return area

    def showEvent(self, event: QShowEvent) -> None:
        """As high as the list needs, once it is known how its words break."""
        super().showEvent(event)
        self._column.activate()
        needed = max((row.geometry().bottom() + 1 for row in self.rows), default=0)
        self._area.setMinimumHeight(min(needed, MOST_HEIGHT_PX))
        self.resize(self.width(), self.minimumSizeHint().height())

    def _make_buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox(self)
        self.recover_button = box.addButton("&Open all", Role.AcceptRole)
        self.discard_button = box.addButton("&Discard all", Role.DestructiveRole)
        self.later_button = box.addButton("&Later", Role.RejectRole)
        self.recover_button.setEnabled(bool(self.lines()))
        default: QPushButton = self.recover_button if self.lines() else self.later_button
        default.setDefault(True)
        default.setFocus()
        self.recover_button.setToolTip("Open them in tabs, each as it was")
        self.discard_button.setToolTip("Delete the recovery copies; the designs' files stay as they are")
        self.later_button.setToolTip("Ask again at the next start")
        self.recover_button.clicked.connect(self._open_all)
        self.discard_button.clicked.connect(self._discard_all)
        self.later_button.clicked.connect(self.reject)
        return box

    def _open(self, row: Row) -> None:
        self.recover_chosen.emit(((row.left, row.copy),))
        self._remove(row)

    def _discard(self, row: Row) -> None:
        row.left.discard_one(row.copy)
        self._remove(row)

    def _remove(self, row: Row) -> None:
        """One is settled: the dialog stays for the others."""
        self.rows.remove(row)
        self._column.removeWidget(row)
        row.hide()
        row.deleteLater()
        self.recover_button.setEnabled(bool(self.lines()))
        if not self.rows:
            self.accept()

    def _open_all(self) -> None:
        """Open what can be read; copies that can't be stay in the list."""
        wanted = [row for row in self.rows if isinstance(row.copy, Recovered)]
        self.recover_chosen.emit(tuple((row.left, row.copy) for row in wanted))
        for row in wanted:
            self._remove(row)

    def _discard_all(self) -> None:
        for row in tuple(self.rows):
            self._discard(row)

    def _leave(self, *_: object) -> None:
        """What was not settled is offered at the next start."""
        for one in self._left:
            if one.designs or one.problems:
                one.keep()


def _words(copy: Copy, now_s: float) -> tuple[str, str]:
    """What a copy is, and what there is to know of it."""
    if isinstance(copy, Unreadable):
        return f"A copy that can't be opened: {copy.copy}", copy.reason
    where = str(copy.path) if copy.path is not None else "Never saved to a file"
    return copy.said(now_s), where


def _wrapped(text: str, tint: str = "text") -> QLabel:
    label = Tinted(text, tint)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
