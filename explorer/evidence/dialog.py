"""The dialog behind "How do you know?": what a device's figures rest on, with constants, bands and measurements."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QModelIndex, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from explorer import theme
from explorer.bands import BOARD_KEY, banded
from explorer.charts.chart_menu import copy_text
from explorer.evidence import wording
from explorer.evidence.plain_table import PlainTable, fitting
from explorer.evidence.residual_plot import ResidualPlot, Residuals, Shade
from explorer.widgets.style import Tinted
from hwlib.analysis.grounds import Ground, PowerGround, grounds, power_ground
from hwlib.analysis.timing_words import timing_words

if TYPE_CHECKING:
    from explorer.document import Baseline
    from hwlib.report import Report

SIZE = QSize(1160, 720)
LEAST = QSize(960, 520)
MARGIN_PX = 2 * theme.GRID_PX
KERNELS_PX = 8 * 3 * theme.GRID_PX + 4 * theme.GRID_PX
KERNEL_COLUMNS = ("Rests on", "Constants", "Fitted rows", "Error", "Roofline's", "Band", "of TTFT", "of TPOT")
KERNEL_TIPS = {
    "Constants": "Whose measurements the constants were fitted to",
    "Fitted rows": "Measured kernels that the constants were fitted to",
    "Error": "Median of |predicted / measured − 1| on rows that no fit has seen",
    "Roofline's": "The same of a plain roofline: FLOPs at the peak, or bytes at the bandwidth",
    "Band": "10 to 90 % of measured over predicted time, typical of this use",
    "of TTFT": "Its share of the prefill",
    "of TPOT": "Its share of a decode step",
}
CONSTANT_COLUMNS = ("Constant", "Value", "Meaning")
BAND_COLUMNS = ("Rows with", "Measured / predicted", "Rows")
POINT_COLUMNS = ("Measured", "Predicted", "Error", "Roofline's", "Shape", "Device", "Framework", "Source")
POWER_COLUMNS = ("Kernels", "Rows kept out", "Error of energy", "of TDP × time")
NOTHING_MEASURED = "Nothing was measured: this chip's times follow from its parts and the prior of its class alone."


class EvidenceDialog(QDialog):
    """Stays open beside the window; choosing a line above shows its plot, constants, bands, measurements and source."""

    export_requested = Signal(object)
    """The list of Ground on show, to be saved as a table."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("evidence")
        self.setWindowTitle("How do you know?")
        self.resize(fitting(self, SIZE))
        self.setMinimumSize(LEAST)
        self.baseline: Baseline | None = None
        self.report: Report | None = None
        self.grounds: tuple[Ground, ...] = ()
        self.power: PowerGround | None = None
        self.title = Tinted("", "text", bold=True)
        self.basis, self.figures, self.said = (Tinted("", tint) for tint in ("muted", "text", "text"))
        for label in (self.title, self.basis, self.figures, self.said):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        numbers = KERNEL_COLUMNS[2:]
        self.kernels = PlainTable("What the figures rest on", KERNEL_COLUMNS, numbers, "Constants", KERNEL_TIPS)
        self.plot = ResidualPlot()
        self.constants = PlainTable("Constants", CONSTANT_COLUMNS, ("Value",), "Meaning", wraps=True)
        self.bands = PlainTable("Bands", BAND_COLUMNS, BAND_COLUMNS[1:], "Rows with")
        self.points = PlainTable("Measurements", POINT_COLUMNS, POINT_COLUMNS[:4])
        self.powers = PlainTable("Errors of board energy", POWER_COLUMNS, POWER_COLUMNS[1:], "Kernels")
        self.source = QTextBrowser()
        self.source.setFrameShape(QTextBrowser.Shape.NoFrame)
        self._lay_out()
        self.kernels.currentCellChanged.connect(self._chosen)
        theme.notifier.changed.connect(self._refresh)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(*(MARGIN_PX,) * 4)
        column.setSpacing(theme.GRID_PX)
        for label in (self.title, self.basis, self.figures):
            column.addWidget(label)
        self.pages = QStackedWidget()
        self.empty = Tinted(NOTHING_MEASURED, "muted")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self._body())
        column.addWidget(self.pages, 1)
        bottom = QHBoxLayout()
        bottom.addStretch(1)
        self.copy = _button("Copy as text", "All of this as text, to be pasted elsewhere", self.copy_text)
        self.export = _button("Export measurements…", "The cited measurements as a table (CSV)", self._ask_export)
        close = _button("Close", "", self.close)
        for button in (self.copy, self.export, close):
            bottom.addWidget(button)
        column.addLayout(bottom)

    def _body(self) -> QWidget:
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.constants, "Constants")
        self.tabs.addTab(self.bands, "Bands")
        self.tabs.addTab(self.points, "Measurements")
        self.tabs.addTab(self.source, "Source")
        self.left = QStackedWidget()
        self.left.addWidget(self.plot)
        self.left.addWidget(self.powers)
        lower = QSplitter(Qt.Orientation.Horizontal)
        lower.setChildrenCollapsible(False)
        lower.addWidget(self.left)
        lower.addWidget(self.tabs)
        lower.setSizes([500, 660])
        below = QWidget()
        inner = QVBoxLayout(below)
        inner.setContentsMargins(0, theme.GRID_PX, 0, 0)
        inner.setSpacing(theme.GRID_PX)
        inner.addWidget(self.said)
        inner.addWidget(lower, 1)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(self.kernels)
        split.addWidget(below)
        split.setStretchFactor(1, 1)
        split.setSizes([KERNELS_PX, 420])
        return split

    # Showing --------------------------------------------------------------------------------------------------------

    def show_evidence(self, baseline: Baseline, report: Report) -> None:
        """Show what a device's report rests on, and bring the dialog to the front."""
        self._take(baseline, report)
        self.show()
        self.raise_()
        self.activateWindow()

    def follow(self, baseline: Baseline, report: Report) -> None:
        """Take over a newer report of the device that is on show."""
        if self.isVisible() and self.report is not report:
            self._take(baseline, report)

    def _take(self, baseline: Baseline, report: Report) -> None:
        before = self.chosen_name
        self.baseline, self.report = baseline, report
        self.grounds, self.power = (), None
        if report.basis:
            self.grounds = grounds(report, baseline.device, baseline.settings)
            self.power = power_ground(baseline.device, baseline.settings) if BOARD_KEY in report.figures() else None
        self.title.setText(f"{report.subject} on {report.llm.name}")
        self.basis.setText(timing_words(report))
        self.figures.setText(figure_words(report))
        self._fill_kernels()
        names = [g.name for g in self.grounds]
        self.kernels.setCurrentCell(names.index(before) if before in names else 0, 0)
        self._refresh()

    @property
    def chosen_name(self) -> str:
        """The words of the line that is chosen."""
        item = self.kernels.item(max(self.kernels.currentRow(), 0), 0)
        return item.text() if item is not None else ""

    def _fill_kernels(self) -> None:
        rows = [wording.ground_cells(g) for g in self.grounds]
        tips = [wording.ground_tip(g) for g in self.grounds]
        if self.power is not None:
            rows.append(wording.power_cells(self.power))
            tips.append("Board power by utilisation of matrix units and DRAM, times the time")
        self.kernels.show_rows(rows, tips)

    def _chosen(self, row: int, _column: int, before: int, _before_column: int) -> None:
        if row != before:
            self._refresh()

    def _refresh(self, *_: object) -> None:
        """Show what is behind the chosen line."""
        row = max(self.kernels.currentRow(), 0)
        has = bool(self.grounds)
        self.pages.setCurrentIndex(1 if has else 0)
        self.export.setEnabled(any(g.points for g in self.grounds))
        self.copy.setEnabled(has)
        if not has:
            return
        if row < len(self.grounds):
            self._show_ground(self.grounds[row])
        elif self.power is not None:
            self._show_power(self.power)

    def _show_ground(self, ground: Ground) -> None:
        self.said.setText(wording.ground_sentence(ground))
        self.left.setCurrentWidget(self.plot)
        self.plot.show_residuals(residuals_of(ground), wording.no_points(ground))
        self.constants.show_rows([wording.constant_cells(c) for c in ground.constants], faint=("Meaning",))
        self.bands.show_rows([(b.name, f"{b.low:.2f} to {b.high:.2f}", f"{b.rows:,}") for b in ground.buckets])
        self.points.show_rows([wording.point_cells(p) for p in ground.points], faint=POINT_COLUMNS[5:])
        self.source.setHtml(wording.source_html(ground))
        for index, some in enumerate((ground.constants, ground.buckets, ground.points)):
            self.tabs.setTabVisible(index, bool(some))

    def _show_power(self, power: PowerGround) -> None:
        self.said.setText(wording.power_sentence(power))
        self.left.setCurrentWidget(self.powers)
        self.powers.show_rows([wording.power_error_cells(*e) for e in power.errors])
        rows = [
            (f"{kind}: {cells[0][:1].lower()}{cells[0][1:]}", *cells[1:])
            for kind, constants in power.constants
            for cells in map(wording.constant_cells, constants)
        ]
        self.constants.show_rows(rows, faint=("Meaning",))
        self.source.setHtml(wording.power_source_html(power))
        for index, some in enumerate((True, False, False)):
            self.tabs.setTabVisible(index, some)

    # Taking away ----------------------------------------------------------------------------------------------------

    def copy_text(self) -> None:
        """Put all of it on the clipboard as text."""
        head = [self.title.text(), self.basis.text(), self.figures.text(), ""]
        copy_text("\n".join([*head, *(wording.ground_text(g) for g in self.grounds)]))

    def _ask_export(self) -> None:
        self.export_requested.emit(list(self.grounds))

    def index_at(self, name: str) -> QModelIndex:
        """The line of the table above whose words begin with `name`. Raises ValueError where there is none."""
        names = [row[0] for row in self.kernels.texts()]
        return self.kernels.model().index(next(i for i, n in enumerate(names) if n.startswith(name)), 0)


def figure_words(report: Report) -> str:
    """The headline figures with their bands in one line."""
    if report.metrics is None:
        return report.reason
    told = (("ttft_s", "TTFT", "s"), ("tpot_s", "TPOT", "s"), ("tokens_per_s", "", "tokens/s"))
    parts = [f"{word} {banded(report, key, getattr(report.metrics, key), unit, 3)}".strip() for key, word, unit in told]
    board = next((e for e in report.energies if e.scope == "board" and "TDP" not in e.method), None)
    if board is not None:
        parts.append(f"{banded(report, BOARD_KEY, board.J_per_token, 'J', 3)} per token, {board.label}")
    return " · ".join(parts)


def residuals_of(ground: Ground) -> Residuals:
    """The cited measurements of a kernel model as points, its bands as shades: of predicted over measured."""
    points = ground.points
    # A band is of measured over predicted; the plot has it the other way round.
    shades = tuple(
        Shade(b.start, b.end, 1.0 / b.high, 1.0 / b.low, wording.bucket_words(b)) for b in ground.buckets if b.low > 0.0
    )
    return Residuals(
        x=np.array([p.at for p in points]),
        ratio=np.array([p.ratio for p in points]),
        roofline=np.array([p.roofline_ratio for p in points]),
        inside=np.array([p.inside for p in points], dtype=bool),
        tips=[wording.point_html(p) for p in points],
        column=ground.column,
        shades=shades,
    )


def _button(text: str, tip: str, handler: Callable[[], object]) -> QPushButton:
    button = QPushButton(text)
    button.setAutoDefault(False)
    button.setToolTip(tip)
    button.clicked.connect(handler)
    return button

