"""Validating a table: every measured row predicted in the background, errors by group, and the residual plot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from explorer import export, theme
from explorer.evidence import table_words
from explorer.evidence.plain_table import PlainTable, fitting
from explorer.evidence.residual_plot import ResidualPlot, Residuals
from explorer.evidence.tasks import Progress, Task
from explorer.widgets.style import Tinted

if TYPE_CHECKING:
    from hwlib.baselines.calibration import Calibration
    from hwlib.validation.kernel_errors import Rows, Validation
    from hwlib.validation.watching import JudgedRows, SampledRows

SIZE = QSize(1160, 760)
LEAST = QSize(820, 540)
NOTE_PX = 560
MARGIN_PX = 2 * theme.GRID_PX
ROWS_WORDS = {"all": "All rows", "kept-out": "Rows that no fit has seen", "fitted": "Rows of fitted shapes"}
AXES = {"measured": "against the measured time", "at": "against the size"}
FILTERS = "Tables (*.csv *.csv.gz *.gz);;All files (*)"


@dataclass(frozen=True)
class Judged:
    """What came of a table: errors by group, and a sample of its rows for the plot."""

    table: Path
    validation: Validation
    sample: SampledRows


def judged(
    table: Path, rows: Rows, extra: tuple[Calibration, ...], progress: Progress, out: Path | None = None
) -> Judged:
    """Judge a table; called on the worker thread. Raises ValueError in words, and CancelledError."""
    # Here, so that the window is up before scipy is loaded.
    from hwlib.validation.judging import judge
    from hwlib.validation.watching import SampledRows

    sample = SampledRows()

    def watch(found: JudgedRows) -> None:
        progress.step(len(found.measured))
        sample.add(found)

    return Judged(table, judge(table, rows, out, extra, watch), sample)


class ValidationDialog(QDialog):
    """Stays open beside the window; a table is judged as soon as it is chosen."""

    message = Signal(str)
    """A word to the user in passing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("validation")
        self.setWindowTitle("Validate a table")
        self.resize(fitting(self, SIZE))
        self.setMinimumSize(LEAST)
        self.table: Path | None = None
        self.judged: Judged | None = None
        self.extra: tuple[Calibration, ...] = ()
        """Calibrations of the user's own that come before those shipped."""
        self.ask_path: Callable[[], str] = self._ask_path
        self.task = Task(self)
        self._exporting = False
        self._make_widgets()
        self._lay_out()
        self._wire()
        self._show_state()

    def _make_widgets(self) -> None:
        self.opening = _button("Open a table…", "Measured kernels or whole models: CSV, plain or .gz", self.open_table)
        self.name = Tinted("", "muted")
        self.rows = QComboBox()
        self.rows.setAccessibleName("Rows")
        for key, words in ROWS_WORDS.items():
            self.rows.addItem(words, key)
        self.axis = QComboBox()
        self.axis.setAccessibleName("Horizontal axis")
        for key, words in AXES.items():
            self.axis.addItem(words, key)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(120, 8)
        self.count = Tinted("", "muted")
        self.cancel = _button("Cancel", "Stop; nothing is changed", self.task.cancel)
        self.heading, self.note = Tinted("", "text", bold=True), Tinted("", "muted")
        self.groups = PlainTable(
            "Errors by group", table_words.GROUP_COLUMNS, table_words.GROUP_NUMBERS, tips=table_words.GROUP_TIPS
        )
        self.said = Tinted("", "text")
        self.said.setWordWrap(True)
        self.plot = ResidualPlot()
        self.skips = PlainTable("Skipped rows", table_words.SKIP_COLUMNS, ("Rows", "First line"), "Reason", wraps=True)
        self.hints = Tinted("", "warning")
        self.hints.setWordWrap(True)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        for widget, stretch in ((self.opening, 0), (self.name, 1), (self.bar, 0), (self.count, 0), (self.cancel, 0)):
            top.addWidget(widget, stretch)
        top.addWidget(self.rows)
        self.pages = QStackedWidget()
        self.pages.addWidget(self._empty_page())
        self.pages.addWidget(self._body())
        bottom = QHBoxLayout()
        bottom.addStretch(1)
        self.export_groups = _button("Export errors…", "The table of errors as CSV", self.ask_export_groups)
        tip = "The table with predictions, band and roofline added to each row"
        self.export_rows = _button("Export predictions…", tip, self.ask_export_rows)
        for button in (self.export_groups, self.export_rows, _button("Close", "", self.close)):
            bottom.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(*(MARGIN_PX,) * 4)
        column.setSpacing(theme.GRID_PX)
        column.addLayout(top)
        column.addWidget(self.pages, 1)
        column.addLayout(bottom)

    def _empty_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.addStretch(1)
        for label in (self.heading, self.note):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setWordWrap(True)
            label.setFixedWidth(NOTE_PX)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(label, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(2)
        return page

    def _body(self) -> QWidget:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        head = QHBoxLayout()
        head.addWidget(self.said, 1)
        head.addWidget(self.axis)
        column.addLayout(head)
        column.addWidget(self.plot, 1)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        skipped = QWidget()
        inner = QVBoxLayout(skipped)
        inner.setContentsMargins(0, theme.HALF_GRID_PX, 0, 0)
        inner.addWidget(self.hints)
        inner.addWidget(self.skips, 1)
        self.tabs.addTab(skipped, "Skipped")
        lower = QSplitter(Qt.Orientation.Horizontal)
        lower.setChildrenCollapsible(False)
        lower.addWidget(left)
        lower.addWidget(self.tabs)
        lower.setSizes([720, 400])
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(self.groups)
        split.addWidget(lower)
        split.setSizes([260, 420])
        return split

    def _wire(self) -> None:
        self.task.finished.connect(self._receive)
        self.task.failed.connect(self._tell_failure)
        self.task.cancelled.connect(self._tell_cancelled)
        self.task.counted.connect(self._count)
        self.rows.activated.connect(self._judge)
        self.axis.activated.connect(self._draw)
        self.groups.currentCellChanged.connect(self._draw)

    # A table --------------------------------------------------------------------------------------------------------

    def open_table(self) -> None:
        """Ask for a table and judge it."""
        name = self.ask_path()
        if name:
            self.judge(Path(name))

    def _ask_path(self) -> str:
        folder = str(self.table.parent) if self.table is not None else ""
        return QFileDialog.getOpenFileName(self, "Open a table of measurements", folder, FILTERS)[0]

    def judge(self, table: Path) -> None:
        """Judge a table in the background."""
        self.table = table
        self._judge()

    def _judge(self, *_: object) -> None:
        if self.table is None or self.task.busy:
            return
        self.task.start(partial(judged, self.table, self.rows.currentData(), self.extra))
        self._show_state(f"Reading {self.table.name} …", "Figures appear when all rows are judged.")

    def _count(self, rows: int) -> None:
        self.count.setText(f"{rows:,} rows")

    def _receive(self, outcome: object) -> None:
        if isinstance(outcome, Judged):
            self.judged = outcome
            self._fill(outcome)
            self._show_state()
        elif self._exporting:
            self._exporting = False
            self.message.emit(f"Written: {outcome}")
            self._show_state()

    def _tell_failure(self, words: str) -> None:
        if not self._exporting:
            self.judged = None
        self._exporting = False
        self._show_state("This table could not be judged", words)

    def _tell_cancelled(self) -> None:
        self._exporting = False
        self._show_state("Cancelled", "" if self.judged is not None else "Open the table again to begin anew.")

    def _show_state(self, heading: str = "", note: str = "") -> None:
        """The figures, or what there is to say in their place."""
        busy, has = self.task.busy, self.judged is not None and bool(self.judged.validation.groups)
        self.name.setText(self.table.name if self.table is not None else "")
        self.name.setToolTip(str(self.table or ""))
        for widget in (self.bar, self.count, self.cancel):
            widget.setVisible(busy)
        for box in (self.opening, self.rows):
            box.setEnabled(not busy)
        self.rows.setVisible(self.table is not None)
        for button in (self.export_groups, self.export_rows):
            button.setEnabled(has and not busy)
        if not busy:
            self.count.setText("")
        failed = not busy and bool(heading) and self.judged is None
        self.pages.setCurrentIndex(1 if self.judged is not None and not failed else 0)
        self.heading.setText(heading or table_words.EMPTY_HEADING)
        self.note.setText(note if heading else table_words.EMPTY_NOTE)
        # A layout that centres a label does not ask how high its text gets.
        self.note.setFixedHeight(self.note.heightForWidth(NOTE_PX))

    # Figures --------------------------------------------------------------------------------------------------------

    def _fill(self, found: Judged) -> None:
        v = found.validation
        entries = table_words.entries(v)
        tips = [table_words.group_tip(g) for g in entries]
        self.groups.show_rows([table_words.group_cells(g) for g in entries], tips)
        self.skips.show_rows([table_words.skip_cells(s) for s in v.skipped])
        self.tabs.setTabText(0, table_words.skip_title(v.skipped))
        self.hints.setText("\n".join(v.hints))
        self.hints.setVisible(bool(v.hints))
        self.groups.setCurrentCell(0 if entries else -1, 0)
        self._draw()

    def _draw(self, *_: object) -> None:
        """Show the rows of the chosen group."""
        found = self.judged
        if found is None:
            return
        entries = table_words.entries(found.validation)
        at = self.groups.currentRow()
        if not entries or not 0 <= at < len(entries):
            self.said.setText(table_words.NOTHING_JUDGED)
            return
        self.said.setText(table_words.group_sentence(entries[at], found.sample.step))
        self.plot.show_residuals(self.residuals(entries[at], found))

    def residuals(self, entry: dict[str, Any], found: Judged) -> Residuals:
        """The sampled rows of a line of the table: one group's, or those of all groups together."""
        kind = table_words.key_of(entry)[0]
        sample = found.sample
        groups = [g for g in sample.groups() if g[0] == kind and table_words.covers(entry, g)]
        at, measured, predicted, low, high, roofline = sample.rows(*groups)
        by_time = self.axis.currentData() == "measured"
        column = table_words.measured_word(kind) if by_time else sample.columns.get(kind, "seconds")
        return Residuals(
            x=measured if by_time else at,
            ratio=predicted / measured,
            roofline=roofline / measured,
            inside=np.asarray((low <= measured) & (measured <= high)),
            tips=(),
            column=column,
        )

    # Files ----------------------------------------------------------------------------------------------------------

    def ask_export_groups(self) -> None:
        """Ask for a file and write the errors by group."""
        found = self.judged
        if found is None:
            return
        suggestion = found.table.with_name(export.file_stem(f"{_stem(found.table)} errors") + export.CSV.suffix)
        path = export.save_asking(
            self, "Export the errors", suggestion, (export.CSV,), lambda _: table_words.groups_csv(found.validation)
        )
        if path is not None:
            self.message.emit(f"Written: {path}")

    def ask_export_rows(self) -> None:
        """Ask for a file and write the table with its predictions, in the background."""
        found = self.judged
        if found is None:
            return
        suggestion = found.table.with_name(export.file_stem(f"{_stem(found.table)} predicted") + export.CSV.suffix)
        path = export.ask_path(self, "Export the predictions", suggestion, (export.CSV,))
        if path is not None:
            self.write_predictions(path)

    def write_predictions(self, path: Path) -> None:
        """Write the table with its predictions to a file, in the background."""
        if self.table is None or self.task.busy:
            return
        rows, extra, table = self.rows.currentData(), self.extra, self.table

        def work(progress: Progress) -> Path:
            judged(table, rows, extra, progress, path)
            return path

        self._exporting = True
        self.task.start(work)
        self._show_state(f"Writing {path.name} …", "")

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.task.cancel()

    def shutdown(self) -> None:
        """End what is under way."""
        self.task.shutdown()


def _stem(table: Path) -> str:
    return table.name.removesuffix(".gz").removesuffix(".csv")


def _button(text: str, tip: str, handler: Callable[[], object]) -> QPushButton:
    button = QPushButton(text)
    button.setAutoDefault(False)
    button.setToolTip(tip)
    button.clicked.connect(handler)
    return button
