"""The "where from?" window: a figure's formula, its inputs with their sources, and the figures behind them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from PySide6.QtCore import QModelIndex, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from explorer import theme
from explorer.evaluator import Results
from explorer.widgets.style import Tinted, icon
from explorer.words import readable
from hwlib.report import Explanation, Input, Report
from hwlib.units import format_quantity

COLUMNS = ("Input", "Value", "Unit", "Source", "Confidence")
KEY_ROLE = Qt.ItemDataRole.UserRole + 1
ESTIMATE = "estimate"
SIZE = QSize(720, 420)
ROW_PX = 26
FORMULA_PX = 144
"""A longer formula, as of a sum over all operators, is scrolled."""

NO_LIMIT = "no limit"
SHARES = frozenset({"utilisation", "bubbles", "filling", "ir_drop_share", "refresh_share", "good_share", "variation"})
"""Last parts of the keys of figures that are shares of one, and shown in per cent elsewhere."""


def is_estimate(found: Input) -> bool:
    """Whether an input is only estimated."""
    return ESTIMATE in f"{found.confidence} {found.source}".casefold()


def quantity_parts(value: float | tuple[float, ...], unit: str) -> tuple[str, str]:
    """A figure's number and its unit with prefix; several numbers as their count and range."""
    if isinstance(value, tuple):
        if not value:
            return "none", unit
        ends = f"{format_quantity(min(value), unit)} to {format_quantity(max(value), unit)}"
        return f"{len(value)} values", ends
    number, _, shown = format_quantity(value, unit).partition(" ")
    return number, shown


def figure_text(explanation: Explanation) -> str:
    """Value and unit of the explained figure."""
    if math.isinf(explanation.value):
        return NO_LIMIT
    shown = format_quantity(explanation.value, explanation.unit)
    if explanation.key.rpartition(".")[2] in SHARES:
        return f"{shown} ({format_quantity(100.0 * explanation.value, '%', 3)})"
    return shown


def as_text(explanation: Explanation) -> str:
    """An explanation as plain text, to be pasted elsewhere."""
    lines = [f"{readable(explanation.label)}: {figure_text(explanation)}", *filter(None, [_scope_text(explanation)])]
    lines += [f"Formula: {explanation.formula}", f"Source: {explanation.source}", ""]
    for found in explanation.inputs:
        number, unit = quantity_parts(found.value, found.unit)
        notes = ", ".join(filter(None, (found.source, found.confidence)))
        lines.append(f"{found.name} = {number} {unit}".rstrip() + (f"  ({notes})" if notes else ""))
    return "\n".join(lines)


def _scope_text(explanation: Explanation) -> str:
    method = f"Method: {explanation.method}" if explanation.method else ""
    scope = f"Scope: {explanation.scope}" if explanation.scope else ""
    return " · ".join(filter(None, (method, scope)))


class InputTable(QTableWidget):
    """The inputs of a formula; one that has an explanation of its own is underlined."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self.setHorizontalHeaderLabels(COLUMNS)
        self.setAccessibleName("Inputs")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.setShowGrid(False)
        self.setFrameShape(QTableWidget.Shape.NoFrame)
        self.setWordWrap(False)
        self.setStyleSheet("QTableWidget::item { padding: 0 6px; }")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column in range(len(COLUMNS)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(COLUMNS.index("Source"), QHeaderView.ResizeMode.Stretch)

    def show_inputs(self, inputs: tuple[Input, ...], known: Mapping[str, str]) -> None:
        """List the inputs; those whose key is `known` lead further, to a figure of that label."""
        self.setRowCount(len(inputs))
        for row, found in enumerate(inputs):
            # The key of a figure says little to a reader; its label does.
            named = found.source == f"figure {found.key}" and found.key in known
            source = f"{known[found.key]}, of this evaluation" if named else found.source
            texts = (found.name, *quantity_parts(found.value, found.unit), source, _confidence_text(found))
            for column, text in enumerate(texts):
                self.setItem(row, column, self._cell(found, COLUMNS[column], text, found.key in known))

    def _cell(self, found: Input, column: str, text: str, leads_on: bool) -> QTableWidgetItem:
        t, item = theme.current(), QTableWidgetItem(text)
        item.setToolTip(text if column == "Source" else "")
        item.setForeground(QColor(t.text if column in ("Input", "Value", "Unit") else t.muted))
        if column == "Value":
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if is_estimate(found) and column in ("Value", "Unit", "Confidence"):
            font = item.font()
            font.setItalic(True)
            item.setFont(font)
            item.setForeground(QColor(t.warning))
        if column == "Input" and leads_on:
            font = item.font()
            font.setUnderline(True)
            item.setFont(font)
            item.setForeground(QColor(t.accent))
            item.setToolTip("Where from?")
            item.setData(KEY_ROLE, found.key)
        return item


def _confidence_text(found: Input) -> str:
    return f"≈ {found.confidence or ESTIMATE}" if is_estimate(found) else found.confidence


class ExplainPopup(QDialog):
    """Explains one figure at a time; a click on an underlined input goes on to it, Back returns."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Where from?")
        self.resize(SIZE)
        self._report: Report | None = None
        self._newest: Report | None = None
        self._follows = False
        """True while the figure is the present design's: only that one changes with the next evaluation."""
        self._path: list[str] = []
        self._named: dict[str, str] = {}
        self.back = QToolButton()
        self.back.setAutoRaise(True)
        self.back.setToolTip("Back to the figure before")
        self.back.setAccessibleName("Back")
        self.label = Tinted("", "text", bold=True)
        self.value = Tinted("", "text", bold=True)
        self.formula = QLabel()
        self.formula_area = QScrollArea()
        self.notes = Tinted("", "muted")
        for text in (self.formula, self.notes):
            text.setWordWrap(True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.formula.setFont(_fixed_font())
        self.formula.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.formula_area.setWidget(self.formula)
        self.formula_area.setWidgetResizable(True)
        self.formula_area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.table = InputTable()
        self.copy = QPushButton("Copy as text")
        self.copy.setAutoDefault(False)
        self._lay_out()
        self.back.clicked.connect(self.go_back)
        self.copy.clicked.connect(self.copy_text)
        self.table.clicked.connect(self._follow)
        self.table.activated.connect(self._follow)
        theme.notifier.changed.connect(self._refresh)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.back)
        top.addWidget(self.label, 1)
        top.addWidget(self.value)
        bottom = QHBoxLayout()
        bottom.addStretch(1)
        bottom.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(*(2 * theme.GRID_PX,) * 4)
        column.setSpacing(theme.GRID_PX)
        column.addLayout(top)
        column.addWidget(self.formula_area)
        column.addWidget(self.notes)
        column.addWidget(self.table, 1)
        column.addLayout(bottom)

    @property
    def key(self) -> str:
        """The key of the figure on show, empty before the first."""
        return self._path[-1] if self._path else ""

    def show_explanation(self, report: Report, key: str) -> None:
        """Explain a figure of a report; a key that it can't explain is left alone."""
        if key not in report.figures():
            return
        self._report, self._path = report, [key]
        self._follows = self._newest is None or (report.design == self._newest.design and not report.is_device)
        self._named.clear()
        self._refresh()
        self.show()
        self.raise_()
        self.activateWindow()

    def show_results(self, results: Results) -> None:
        """Keep up with the newest evaluation while the window is open on a figure of the present design."""
        self._newest = results.report
        if self.isVisible() and self._follows and self.key in results.report.figures():
            self._report = results.report
            self._refresh()

    def go_back(self) -> None:
        """Return to the figure before."""
        if len(self._path) > 1:
            self._path.pop()
            self._refresh()

    def copy_text(self) -> None:
        """Put the explanation on the clipboard."""
        if self._report is not None:
            QApplication.clipboard().setText(as_text(self._report.explain(self.key)))

    def _follow(self, index: QModelIndex) -> None:
        cell = self.table.item(index.row(), 0)
        key = cell.data(KEY_ROLE) if cell is not None else None
        if key and key != self.key:
            self._path.append(key)
            self._refresh()

    def _refresh(self) -> None:
        self.back.setIcon(icon("back", theme.current().text))
        if self._report is None or not self.key:
            return
        explanation = self._report.explain(self.key)
        self.back.setEnabled(len(self._path) > 1)
        self.setWindowTitle(f"Where from? {self._report.subject}")
        self.label.setText(readable(explanation.label))
        self.value.setText(figure_text(explanation))
        self.formula.setText(f"= {explanation.formula}")
        self._fit_formula()
        source = f"Source: {explanation.source}" if explanation.source else ""
        self.notes.setText("\n".join(filter(None, (_scope_text(explanation), source))))
        self.table.show_inputs(explanation.inputs, self._labels(explanation.inputs))
        self.table.setCurrentCell(-1, -1)


    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_formula()

    def _fit_formula(self) -> None:
        """As high as the formula is, up to a limit."""
        needed = self.formula.heightForWidth(max(1, self.formula_area.viewport().width()))
        self.formula_area.setFixedHeight(min(FORMULA_PX, max(ROW_PX, needed + 2)))

    def _labels(self, inputs: tuple[Input, ...]) -> dict[str, str]:
        """What those inputs are called that are figures themselves, by key."""
        assert self._report is not None
        known = frozenset(self._report.figures())
        for key in (i.key for i in inputs if i.key in known and i.key not in self._named):
            self._named[key] = readable(self._report.explain(key).label)
        return {i.key: self._named[i.key] for i in inputs if i.key in known}


def _fixed_font() -> QFont:
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPixelSize(theme.TEXT_PX)
    return font
