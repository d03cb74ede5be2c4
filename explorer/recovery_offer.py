"""Offers what a program that did not end in order had not saved: recover it, discard it, or decide later."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

from explorer import theme
from explorer.recovery import LeftOver
from explorer.widgets.style import Tinted

WIDTH_PX = 480
MARGIN_PX = 2 * theme.GRID_PX
Role = QDialogButtonBox.ButtonRole


class RecoveryOffer(QDialog):
    """Lists what can be brought back. Closing it by any other way than its buttons means later."""

    recover_chosen = Signal(object)
    """Tuple of LeftOvers whose designs to open."""

    def __init__(self, left: Sequence[LeftOver], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._left = tuple(left)
        self._decided = False
        self.setWindowTitle("Unsaved work")
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(WIDTH_PX)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, MARGIN_PX)
        column.setSpacing(theme.GRID_PX)
        column.addWidget(Tinted("Chipscape ended unexpectedly. These designs were not saved:", bold=True))
        for line in self.lines():
            column.addWidget(_wrapped(line))
        for problem in (p for one in self._left for p in one.problems):
            column.addWidget(_wrapped(f"A copy can't be read: {problem}", "muted"))
        column.addSpacing(theme.GRID_PX)
        column.addWidget(self._make_buttons())
        self.finished.connect(self._leave)

    def lines(self) -> tuple[str, ...]:
        """What can be brought back, in words."""
        return tuple(design.said() for one in self._left for design in one.designs)

    def _make_buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox(self)
        self.recover_button = box.addButton("&Recover", Role.AcceptRole)
        self.discard_button = box.addButton("&Discard", Role.DestructiveRole)
        self.later_button = box.addButton("&Later", Role.RejectRole)
        self.recover_button.setEnabled(bool(self.lines()))
        default: QPushButton = self.recover_button if self.lines() else self.later_button
        default.setDefault(True)
        self.recover_button.setToolTip("Open them in tabs, each as it was")
        self.discard_button.setToolTip("Delete the recovery copies; the designs' files stay as they are")
        self.later_button.setToolTip("Ask again at the next start")
        self.recover_button.clicked.connect(self._recover)
        self.discard_button.clicked.connect(self._discard)
        self.later_button.clicked.connect(self.reject)
        return box

    def _recover(self) -> None:
        self._decided = True
        self.recover_chosen.emit(self._left)
        self.accept()

    def _discard(self) -> None:
        self._decided = True
        for one in self._left:
            one.discard()
        self.accept()

    def _leave(self, *_: object) -> None:
        if not self._decided:
            for one in self._left:
                one.keep()


def _wrapped(text: str, tint: str = "text") -> QLabel:
    label = Tinted(text, tint)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
