"""The inspector's section of what is pinned to a memory, to take back or to add to."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from explorer import pins, theme
from explorer.document import Document
from explorer.panels.rows import Section
from explorer.widgets.style import Tinted, icon
from explorer.words import operator_word
from hwlib.report import Report

HOLDING = ("dram", "sram", "crossbar")
"""Kinds of blocks that weights can be pinned to."""


class PinnedRow(QWidget):
    """One operator's weights with a button that unpins them."""

    def __init__(self, document: Document, operator: str) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.HALF_GRID_PX)
        self.label = Tinted(operator_word(operator), "text")
        self.unpin = QToolButton()
        self.unpin.setAutoRaise(True)
        self.unpin.setIcon(icon("cross", theme.current().muted))
        self.unpin.setToolTip(f"Unpin {operator_word(operator)}: the rule places it again")
        self.unpin.setAccessibleName(f"Unpin {operator_word(operator)}")
        self.unpin.clicked.connect(partial(pins.unpin, document, operator))
        row.addWidget(self.label, 1)
        row.addWidget(self.unpin)


class PinnedSection(Section):
    """What is pinned to one block, and a menu of what else could be."""

    def __init__(self, document: Document) -> None:
        super().__init__("Pinned here")
        self._document = document
        self._block = ""
        self._operators: tuple[str, ...] = ()
        self._shown: tuple[str, tuple[str, ...]] = ("", ())
        self.lines: list[PinnedRow] = []
        self.add = QToolButton()
        self.add.setText("Pin weights here")
        self.add.setAutoRaise(True)
        self.add.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.add.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.add.setToolTip("Keep an operator's weights, or the KV cache, in this memory as far as they fit")
        self.menu = QMenu(self.add)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.add.setMenu(self.menu)
        self.rows.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)

    def show_block(self, block_id: str, report: Report | None) -> None:
        """Show what is pinned to a block; `report` tells what there is to pin."""
        self._block = block_id
        self._operators = () if report is None else tuple(kept.operator for kept in report.kept)
        self.add.setEnabled(bool(self._operators))
        here = block_id, pins.held_by(self._document.design, block_id)
        if here == self._shown:
            return
        self._shown = here
        for line in self.lines:
            self.rows.removeWidget(line)
            line.hide()
            line.deleteLater()
        self.lines = [PinnedRow(self._document, name) for name in here[1]]
        for place, line in enumerate(self.lines):
            self.rows.insertWidget(place, line)

    def _fill_menu(self) -> None:
        self.menu.clear()
        design = self._document.design
        for name in self._operators:
            if name not in self._shown[1] and not pins.refusal(design, name, self._block):
                self.menu.addAction(operator_word(name), partial(pins.pin, self._document, name, self._block))
        if self.menu.isEmpty():
            self.menu.addAction("Nothing else could be").setEnabled(False)
