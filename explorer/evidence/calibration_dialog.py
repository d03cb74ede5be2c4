"""Calibrating from a table: what it holds, a fit in a process of its own, errors of the fit, and the file to keep."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QProcess, QSize, Qt, QTemporaryDir, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from explorer import export, theme
from explorer.evidence import table_words
from explorer.evidence.plain_table import PlainTable, fitting
from explorer.evidence.tasks import Progress, Task
from explorer.evidence.wording import percent_error
from explorer.widgets.style import Tinted
from hwlib.analysis.timing_words import framework_word, kernel_words
from hwlib.baselines.calibration import ANY, Calibration, file_name, load
from hwlib.units import NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping

SIZE = QSize(900, 600)
LEAST = QSize(680, 440)
MARGIN_PX = 2 * theme.GRID_PX
COLUMNS = ("Kernels", "Fitted rows", "Kept out", "Median error", "Mean error")
FILTERS = "Tables (*.csv *.csv.gz *.gz);;All files (*)"
EMPTY_NOTE = (
    "Open a table of measured kernels of one device, or of several. Constants are fitted to seven of ten shapes; the "
    "rest tells how far off they are. The calibration is a file that devices beside your designs can be timed by."
)

Contents = dict[str, dict[str, int]]
"""Rows by framework, by catalog device."""


def contents_of(table: Path, progress: Progress) -> Contents:
    """What devices and frameworks a table has usable rows of; called on the worker thread. Raises ValueError."""
    from hwlib.baselines.measured import Skips
    from hwlib.baselines.samples import trusted_batches

    skips, found = Skips(), dict[str, dict[str, int]]()
    for batch, chip in trusted_batches(table, skips):
        progress.step(len(batch.lines))
        rows = found.setdefault(chip.name, {})
        rows[batch.key.framework] = rows.get(batch.key.framework, 0) + len(batch.lines)
    if not found:
        reasons = "; ".join(str(s["reason"]) for s in skips.as_json()[:3])
        raise ValueError(f"{table.name} has no usable row of a known device. {reasons}".strip())
    return found


class CalibrationDialog(QDialog):
    """Table, device and framework, Fit; then errors, skipped rows, and a file."""

    message = Signal(str)
    """A word to the user in passing."""
    use_requested = Signal(object, object)
    """(Calibration, the path of its file): time its device by it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("calibration")
        self.setWindowTitle("Calibrate from a table")
        self.resize(fitting(self, SIZE))
        self.setMinimumSize(LEAST)
        self.table: Path | None = None
        self.contents: Contents = {}
        self.found: Calibration | None = None
        self.ask_path: Callable[[], str] = self._ask_path
        self._text = b""
        """The fitted calibration's file."""
        self.task = Task(self)
        self.process = QProcess(self)
        self._folder = QTemporaryDir()
        self._make_widgets()
        self._lay_out()
        self._wire()
        self._show_state()

    def _make_widgets(self) -> None:
        self.opening = _button("Open a table…", "Measured kernels as CSV, plain or .gz", self.open_table)
        self.name = Tinted("", "muted")
        self.device, self.framework = QComboBox(), QComboBox()
        self.device.setAccessibleName("Device")
        self.framework.setAccessibleName("Framework")
        for box in (self.device, self.framework):
            box.setMinimumWidth(160)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.fit = _button("Fit", "Fit the constants; this takes seconds to minutes", self.start_fit)
        self.cancel = _button("Cancel", "Stop; nothing is changed", self.cancel_all)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(120, 8)
        self.said = Tinted(EMPTY_NOTE, "muted")
        self.said.setWordWrap(True)
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.models = PlainTable("Errors of the fit", COLUMNS, COLUMNS[1:], "Kernels")
        self.skips = PlainTable("Skipped rows", table_words.SKIP_COLUMNS, ("Rows", "First line"), "Reason", wraps=True)
        self.skip_title = Tinted("", "text", bold=True)
        self.save = _button("Save…", "Keep the calibration as a file", self.ask_save)
        self.use = _button("Save and use…", "Keep it, and time the device by it", self.ask_use)

    def _lay_out(self) -> None:
        top, choice, bottom = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.opening)
        top.addWidget(self.name, 1)
        for words, box in (("Device", self.device), ("Framework", self.framework)):
            label = QLabel(words)
            label.setBuddy(box)
            choice.addWidget(label)
            choice.addWidget(box)
            choice.addSpacing(theme.GRID_PX)
        choice.addWidget(self.fit)
        choice.addStretch(1)
        choice.addWidget(self.bar)
        choice.addWidget(self.cancel)
        bottom.addStretch(1)
        for button in (self.save, self.use, _button("Close", "", self.close)):
            bottom.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(*(MARGIN_PX,) * 4)
        column.setSpacing(theme.GRID_PX)
        column.addLayout(top)
        column.addLayout(choice)
        column.addWidget(self.said)
        column.addWidget(self.models, 3)
        column.addWidget(self.skip_title)
        column.addWidget(self.skips, 1)
        column.addLayout(bottom)

    def _wire(self) -> None:
        self.task.finished.connect(self._take_contents)
        self.task.failed.connect(self._complain)
        self.task.cancelled.connect(self._tell_cancelled)
        self.device.currentIndexChanged.connect(self._fill_frameworks)
        self.process.finished.connect(self._ended)
        self.process.errorOccurred.connect(self._not_started)

    # The table ------------------------------------------------------------------------------------------------------

    def open_table(self) -> None:
        """Ask for a table and see what it holds."""
        name = self.ask_path()
        if name:
            self.read(Path(name))

    def _ask_path(self) -> str:
        folder = str(self.table.parent) if self.table is not None else ""
        return QFileDialog.getOpenFileName(self, "Open a table of measurements", folder, FILTERS)[0]

    def read(self, table: Path) -> None:
        """See, in the background, what devices and frameworks a table has rows of."""
        if self.busy:
            return
        self.table, self.contents, self.found = table, {}, None
        self.task.start(partial(contents_of, table))
        self._say(f"Reading {table.name} …")

    def _take_contents(self, contents: object) -> None:
        assert isinstance(contents, dict)
        self.contents = contents
        self.device.clear()
        for name in sorted(contents, key=lambda device: -sum(contents[device].values())):
            self.device.addItem(f"{name} ({sum(contents[name].values()):,} rows)", name)
        self._fill_frameworks()
        self._say("Choose the device and whose kernels, then Fit.")

    def _fill_frameworks(self, *_: object) -> None:
        rows = self.contents.get(self.device.currentData(), {})
        self.framework.clear()
        if len(rows) != 1:
            self.framework.addItem("all together", "")
        for name, count in sorted(rows.items()):
            self.framework.addItem(f"{framework_word(name)} ({count:,} rows)", "" if name == ANY else name)

    # The fit --------------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """True while the table is read or a fit is under way."""
        return self.task.busy or self.process.state() != QProcess.ProcessState.NotRunning

    @property
    def _out(self) -> Path:
        return Path(self._folder.path()) / "calibration.json"

    def start_fit(self) -> None:
        """Fit in a process of its own: it takes the processor for itself, and can be ended at once."""
        if self.table is None or self.busy or not self.contents:
            return
        self.found = None
        self._out.unlink(missing_ok=True)
        arguments = ["-m", "hwlib", "calibrate", str(self.table), "--device", self.device.currentData()]
        if self.framework.currentData():
            arguments += ["--framework", self.framework.currentData()]
        self.process.start(sys.executable, [*arguments, "--out", str(self._out), "--json"])
        self._say(f"Fitting {self.device.currentData()} …")

    def _not_started(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._complain(f"The fit could not be started: {self.process.errorString()}")

    def _ended(self, code: int, status: QProcess.ExitStatus) -> None:
        told = bytes(self.process.readAllStandardOutput().data())
        errors = bytes(self.process.readAllStandardError().data()).decode(errors="replace")
        if status == QProcess.ExitStatus.CrashExit:
            self._tell_cancelled()
            return
        try:
            if code:
                raise ValueError(_last_words(errors) or f"The fit ended with code {code}.")
            report, self._text = json.loads(told), self._out.read_bytes()
            self.found = load(self._out)
        except (ValueError, OSError) as error:
            self._complain(str(error))
            return
        self._show_fit(self.found, report)

    def _show_fit(self, found: Calibration, report: Mapping[str, Any]) -> None:
        rows = [
            (kernel_words(m.kind, m.form), f"{m.fitted_rows:,}", f"{m.kept_out_rows:,}" if m.kept_out_rows else NOTHING,
             percent_error(m.median), percent_error(m.mean))
            for m in found.models
        ]  # fmt: skip
        self.models.show_rows(rows)
        skipped = report.get("skipped", [])
        self.skips.show_rows([table_words.skip_cells(s) for s in skipped])
        self.skip_title.setText(table_words.skip_title(skipped))
        hints = " ".join(report.get("hints", []))
        whose = f"{found.device}, {framework_word(found.framework)}"
        self._say(f"{whose}: errors on shapes that the fit has not seen. {hints}".strip())

    def cancel_all(self) -> None:
        """End what is under way."""
        self.task.cancel()
        if self.process.state() != QProcess.ProcessState.NotRunning:
            self.process.kill()

    def _tell_cancelled(self) -> None:
        self._say("Cancelled; nothing was changed.")

    def _complain(self, words: str) -> None:
        self._say(words, "error")

    def _say(self, words: str, tint: str = "muted") -> None:
        self.said.set_tint(tint)
        self._show_state(words)

    def _show_state(self, words: str = "") -> None:
        busy, ready = self.busy, bool(self.contents)
        self.said.setText(words or EMPTY_NOTE)
        self.name.setText(self.table.name if self.table is not None else "")
        self.name.setToolTip(str(self.table or ""))
        self.bar.setVisible(busy)
        self.cancel.setVisible(busy)
        for widget in (self.device, self.framework, self.fit):
            widget.setEnabled(ready and not busy)
        self.opening.setEnabled(not busy)
        has = self.found is not None and not busy
        for widget in (self.save, self.use):
            widget.setEnabled(has)
        for shown in (self.models, self.skips, self.skip_title):
            shown.setVisible(has)
        self.skips.setVisible(has and self.skips.rowCount() > 0)

    # The file -------------------------------------------------------------------------------------------------------

    def ask_save(self) -> Path | None:
        """Ask for a file and write the calibration; the file, None where nothing was written."""
        if self.found is None or self.table is None:
            return None
        suggestion = self.table.with_name(file_name(self.found.device, self.found.framework))
        path = export.save_asking(self, "Save the calibration", suggestion, (export.CALIBRATION,), lambda _: self._text)
        if path is not None:
            self.message.emit(f"Written: {path}")
        return path

    def ask_use(self) -> None:
        """Save the calibration, and ask to have its device timed by it."""
        path = self.ask_save()
        if path is not None:
            self.use_saved(path)

    def use_saved(self, path: Path) -> None:
        """Have the device timed by a saved calibration; what is wrong with the file is told."""
        try:
            self.use_requested.emit(load(path), path)
        except ValueError as error:
            QMessageBox.warning(self, "The calibration could not be used", str(error))

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.cancel_all()

    def shutdown(self) -> None:
        """End what is under way."""
        self.task.shutdown()
        if self.process.state() != QProcess.ProcessState.NotRunning:
            self.process.blockSignals(True)
            self.process.kill()
            self.process.waitForFinished()


def _last_words(errors: str) -> str:
    """What the command said about its input, without its own name before it."""
    return " ".join(errors.split()).removeprefix("chipscape: ")


def _button(text: str, tip: str, handler: Callable[[], object]) -> QPushButton:
    button = QPushButton(text)
    button.setAutoDefault(False)
    button.setToolTip(tip)
    button.clicked.connect(handler)
    return button
