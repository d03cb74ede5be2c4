"""Published chips against the model: figures of every operating point side by side; each chip opens as a design."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QComboBox, QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from explorer import theme
from explorer.evidence.plain_table import PlainTable, fitting
from explorer.widgets.style import Tinted
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from hwlib.analysis.published import PublishedRow

SIZE, LEAST = QSize(1000, 640), QSize(640, 380)
MARGIN_PX = 2 * theme.GRID_PX
HEADER = ("Chip", "Operating point", "Figure", "Published", "Model", "Model : published", "Scope")
NUMBERS = ("Published", "Model", "Model : published")
SCOPES = {"arrays": "arrays alone", "chip": "whole chip"}
INTRO = (
    "Each chip is drawn from what its paper says of its parts; the model then finds throughput, efficiency, area and "
    "power by itself. 1 MAC = 2 operations."
)
ALL = "All chips"
FIGURE_WORDS = {"tops": "Throughput", "tops_per_W": "Efficiency", "area_mm2": "Area", "power_W": "Power"}


class PublishedDialog(QDialog):
    """A line for every figure that was published; a choice of chips above, and the chosen one opens as a design."""

    open_requested = Signal(str)
    """The name of a published chip's design in the catalog."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Published chips against the model")
        self.chips = QComboBox()
        self.chips.setAccessibleName("Chips to show")
        self.table = PlainTable("Published figures beside the model's", HEADER, NUMBERS, wide="Operating point")
        self.open_button = QPushButton("Open as a new design")
        self.open_button.setAutoDefault(False)
        self.summary = Tinted("", "muted")
        self._lines: list[tuple[PublishedRow, str]] = []
        self._rows: tuple[PublishedRow, ...] = ()
        self._lay_out()
        self.setMinimumSize(LEAST)
        self.resize(fitting(self, SIZE))
        self.chips.currentIndexChanged.connect(self._show)
        self.table.itemSelectionChanged.connect(self._follow)
        self.table.doubleClicked.connect(self._open)
        self.open_button.clicked.connect(self._open)

    def _lay_out(self) -> None:
        intro = QLabel(INTRO)
        intro.setWordWrap(True)
        close = QPushButton("Close")
        close.setAutoDefault(False)
        close.clicked.connect(self.accept)
        head = QHBoxLayout()
        head.addWidget(QLabel("Show"))
        head.addWidget(self.chips)
        head.addStretch(1)
        foot = QHBoxLayout()
        foot.addWidget(self.summary, 1)
        foot.addWidget(self.open_button)
        foot.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, MARGIN_PX)
        column.setSpacing(theme.GRID_PX)
        column.addWidget(intro)
        column.addLayout(head)
        column.addWidget(self.table, 1)
        column.addLayout(foot)

    def show_rows(self, rows: tuple[PublishedRow, ...], chosen: str = "") -> None:
        """Show the chips of some rows; `chosen` is a design's name, else all are listed."""
        self._rows = rows
        names = {row.design: row.name for row in rows}
        self.chips.blockSignals(True)
        self.chips.clear()
        self.chips.addItem(ALL, "")
        for design, name in names.items():
            self.chips.addItem(name, design)
        self.chips.setCurrentIndex(max(0, self.chips.findData(chosen)))
        self.chips.blockSignals(False)
        self._show()

    @property
    def chosen(self) -> str:
        """The design that Open would open, empty for none."""
        row = self.table.currentRow()
        if 0 <= row < len(self._lines) and self.table.selectedItems():
            return self._lines[row][0].design
        return str(self.chips.currentData() or "")

    def _show(self, *_: object) -> None:
        only = str(self.chips.currentData() or "")
        self._lines = [
            (row, figure)
            for row in self._rows
            if only in ("", row.design)
            for figure in (n for n in row.published if row.published[n])
        ]
        self.table.show_rows([_texts(*line) for line in self._lines], [_tip(line[0]) for line in self._lines])
        self.table.clearSelection()
        ratios = sorted(abs_ratio(row.ratio(figure)) for row, figure in self._lines)
        middle = ratios[len(ratios) // 2] if ratios else 1.0
        self.summary.setText(f"{len(ratios)} figures, typically within a factor of {middle:.3g}" if ratios else "")
        self._follow()

    def _follow(self) -> None:
        self.open_button.setEnabled(bool(self.chosen))

    def _open(self, *_: object) -> None:
        if self.chosen:
            self.open_requested.emit(self.chosen)
            self.accept()


def abs_ratio(ratio: float | None) -> float:
    """How far off in either direction: 0.5 and 2 are both a factor of 2."""
    value = ratio or 1.0
    return max(value, 1.0 / value)


def _texts(row: PublishedRow, figure: str) -> tuple[str, ...]:
    from hwlib.analysis.published import FIGURES

    unit, known, ratio = FIGURES[figure], row.published[figure] or 0.0, row.ratio(figure)
    return (
        row.name.split(":")[0],
        row.point.condition,
        FIGURE_WORDS[figure],
        f"{format_quantity(known, '', 3)} {unit}",
        f"{format_quantity(row.modelled[figure], '', 3)} {unit}",
        f"{ratio:.2f}" if ratio is not None else "",
        SCOPES[row.point.scope],
    )


def _tip(row: PublishedRow) -> str:
    said = [row.name, f"{row.venue}, {row.year}", row.point.source, row.point.note]
    return "\n".join(text for text in said if text)
