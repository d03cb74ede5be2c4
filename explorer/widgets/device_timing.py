"""The popup about one compared chip: what its figures rest on, how sure they are, and how a device is timed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import msgspec
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from explorer import theme
from explorer.bands import MEANING, banded, board_band
from explorer.timing import (
    LAUNCH_TIPS,
    LAUNCH_WORDS,
    SERVING_TIPS,
    SERVING_WORDS,
    name_of,
    timing_tip,
    with_calibration,
)
from explorer.widgets.style import Tinted, icon, place_below
from explorer.words import board_figures, refusal
from hwlib.analysis.serving_words import continuous_sentences, rate_words, roofline_words, token_words
from hwlib.analysis.timing_words import framework_word, timing_words
from hwlib.baselines.calibration import ANY, load, shipped
from hwlib.baselines.device_settings import Launch, Served
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from explorer.document import Baseline
    from hwlib.report import Report

WIDTH_PX = 376
FIGURES = (
    ("ttft_s", "TTFT", "s"), ("tpot_s", "TPOT", "s"), ("tokens_per_s", "tokens/s", ""),
    ("energy_per_token_J", "J/token, by actions", "J"),
)  # fmt: skip
SHIPPED_CALIBRATION = "as shipped"


def frameworks_for(baseline: Baseline) -> tuple[str, ...]:
    """Whose kernels a device may be timed by: all together, those with GEMMs of their own, the user's own."""
    own = [c.framework for c in baseline.settings.calibrations]
    of_device = [c for (device, _), c in shipped().items() if device == baseline.device]
    with_gemm = [c.framework for c in of_device if any(m.kind == "gemm" for m in c.models)]
    return (ANY, *sorted({*with_gemm, *own, baseline.settings.framework} - {ANY}))


class DeviceTiming(QFrame):
    """Shows a baseline; what is changed holds at once. A click anywhere else closes it."""

    retimed = Signal(object, object)
    """(before, after): the baseline shall be timed in another way."""
    evidence_asked = Signal(object)
    """The baseline whose evidence shall be shown."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("device_timing")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFixedWidth(WIDTH_PX)
        self.baseline: Baseline | None = None
        self.newest: Callable[[], Report | None] = lambda: None
        """Gives the newest report of what is on show."""
        self.ask_path: Callable[[], str] = self._ask_path
        self.title = Tinted("", "text", bold=True)
        self.basis = Tinted("", "muted")
        self.note = Tinted("", "error")
        for label in (self.title, self.basis, self.note):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.figures = QGridLayout()
        self.figures.setHorizontalSpacing(2 * theme.GRID_PX)
        self.figures.setVerticalSpacing(2)
        self.choices = self._choices()
        self.evidence = QPushButton("How do you know?")
        self.evidence.setToolTip("What was measured, how the times follow from it, and how far off they are")
        self.evidence.clicked.connect(self._ask_evidence)
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(*(2 * theme.GRID_PX,) * 4)
        column.setSpacing(theme.GRID_PX)
        column.addWidget(self.title)
        column.addWidget(self.basis)
        column.addLayout(self.figures)
        column.addWidget(self.choices)
        column.addWidget(self.note)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.evidence)
        column.addLayout(row)

    def _choices(self) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        form.setContentsMargins(0, theme.GRID_PX, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.framework, self.launch, self.serving = QComboBox(), QComboBox(), QComboBox()
        self.framework.setToolTip("Whose measured kernels the device runs")
        for key in get_args(Launch):
            self.launch.addItem(LAUNCH_WORDS[key], key)
            self.launch.setItemData(self.launch.count() - 1, LAUNCH_TIPS[key], Qt.ItemDataRole.ToolTipRole)
        for way in get_args(Served):
            self.serving.addItem(SERVING_WORDS[way], way)
            self.serving.setItemData(self.serving.count() - 1, SERVING_TIPS[way], Qt.ItemDataRole.ToolTipRole)
        self.ideal = QCheckBox("Ideal: the datasheet's peaks alone")
        self.framework.setAccessibleName("Kernels of")
        self.launch.setAccessibleName("Launched by")
        self.serving.setAccessibleName("Serving")
        self.serving.setToolTip("Whether requests are served batch by batch or join and leave at any time")
        form.addRow("Kernels of", self.framework)
        form.addRow("Launched by", self.launch)
        form.addRow("Serving", self.serving)
        form.addRow("", self.ideal)
        form.addRow("Calibration", self._calibration_row())
        self.framework.activated.connect(self._chosen)
        self.launch.activated.connect(self._chosen)
        self.serving.activated.connect(self._chosen)
        self.ideal.clicked.connect(self._chosen)
        return page

    def _calibration_row(self) -> QWidget:
        both = QWidget()
        row = QHBoxLayout(both)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.HALF_GRID_PX)
        self.calibration = Tinted("", "muted")
        self.calibration.setMinimumWidth(0)
        self.choose = QToolButton()
        self.choose.setText("Open…")
        self.choose.setToolTip("Use a calibration of your own; Tools, Calibrate from a table writes one")
        self.choose.clicked.connect(self.open_calibration)
        self.drop = QToolButton()
        self.drop.setAutoRaise(True)
        self.drop.setIcon(icon("cross", theme.current().muted))
        self.drop.setToolTip("Use the calibrations that come with Chipscape again")
        self.drop.setAccessibleName("Drop the own calibration")
        self.drop.clicked.connect(self.drop_calibration)
        row.addWidget(self.calibration, 1)
        row.addWidget(self.drop)
        row.addWidget(self.choose)
        return both

    # Showing --------------------------------------------------------------------------------------------------------

    def show_baseline(self, baseline: Baseline, report: Report | None) -> None:
        """Show a baseline with its figures, None where they aren't known yet."""
        self.baseline = baseline
        self.title.setText(name_of(baseline))
        self._show_choices(baseline)
        self.show_report(report)

    def show_newest(self, *_: object) -> None:
        """Show the newest figures."""
        self.show_report(self.newest())

    def show_report(self, report: Report | None) -> None:
        """Show newer figures of the same baseline."""
        self.basis.setText("Evaluating …" if report is None else timing_words(report))
        self.basis.setToolTip(timing_tip(report) if report is not None else "")
        self.evidence.setEnabled(report is not None and bool(report.basis))
        while (gone := self.figures.takeAt(0)) is not None:
            if (widget := gone.widget()) is not None:
                widget.deleteLater()
        for row, (name, text, tip) in enumerate(_figure_rows(report) if report is not None else ()):
            label, value = Tinted(name, "muted"), Tinted(text, "text")
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            for widget in (label, value):
                widget.setToolTip(tip)
            self.figures.addWidget(label, row, 0)
            self.figures.addWidget(value, row, 1)
        self.adjustSize()

    def _show_choices(self, baseline: Baseline) -> None:
        self.choices.setVisible(bool(baseline.device))
        self.evidence.setVisible(bool(baseline.device))
        if not baseline.device:
            return
        chosen = baseline.settings
        self.framework.clear()
        for name in frameworks_for(baseline):
            self.framework.addItem(framework_word(name), name)
        self.framework.setCurrentIndex(self.framework.findData(chosen.framework))
        self.launch.setCurrentIndex(self.launch.findData(chosen.launch))
        self.serving.setCurrentIndex(self.serving.findData(chosen.serving))
        self.ideal.setChecked(chosen.ideal)
        for widget in (self.framework, self.launch):
            widget.setEnabled(not chosen.ideal)
        own = Path(baseline.calibration_file).name if chosen.calibrations else ""
        text = own or SHIPPED_CALIBRATION
        self.calibration.setText(self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, WIDTH_PX - 208))
        self.calibration.setToolTip(baseline.calibration_file if own else text)
        self.drop.setVisible(bool(own))
        self.note.setVisible(bool(self.note.text()))

    def open_below(self, anchor: QWidget) -> None:
        """Open under a widget, inside its screen."""
        self.adjustSize()
        self.move(place_below(anchor, self.sizeHint()))
        self._open()

    def open_at(self, place: QPoint) -> None:
        """Open at a place of the screen, inside of it."""
        self.adjustSize()
        area = self.screen().availableGeometry()
        x = max(area.left(), min(place.x(), area.right() - self.width()))
        y = max(area.top(), min(place.y(), area.bottom() - self.sizeHint().height()))
        self.move(x, y)
        self._open()

    def _open(self) -> None:
        self.show()
        # Tab and the arrow keys are at work from the first press.
        first = self.framework if self.framework.isEnabled() else self.ideal
        first.setFocus(Qt.FocusReason.PopupFocusReason)

    # Choosing -------------------------------------------------------------------------------------------------------

    def _chosen(self, *_: object) -> None:
        self._retime(
            framework=self.framework.currentData(), launch=self.launch.currentData(), ideal=self.ideal.isChecked(),
            serving=self.serving.currentData(),
        )  # fmt: skip

    def _retime(self, **changes: object) -> None:
        before = self.baseline
        if before is not None:
            self._take(msgspec.structs.replace(before, settings=msgspec.structs.replace(before.settings, **changes)))

    def _take(self, after: Baseline) -> None:
        before = self.baseline
        if before is None or before == after:
            return
        self.note.setText("")
        # First here: who hears of it may already show the new figures.
        self.show_baseline(after, None)
        self.retimed.emit(before, after)

    def open_calibration(self) -> None:
        """Ask for a calibration file and use it."""
        place = self.pos()
        name = self.ask_path()
        if name:
            self.use_calibration(Path(name))
        if not self.isVisible():
            self.move(place)
            self.show()

    def use_calibration(self, path: Path) -> None:
        """Use a calibration file; what is wrong with it is said here."""
        if self.baseline is None:
            return
        try:
            own = load(path)
        except ValueError as error:
            self._complain(str(error))
            return
        if own.device != self.baseline.device:
            self._complain(f"{path.name} calibrates {own.device or 'no device'}, not {self.baseline.device}.")
            return
        settings = msgspec.structs.replace(with_calibration(self.baseline.settings, own), ideal=False)
        self._take(msgspec.structs.replace(self.baseline, settings=settings, calibration_file=str(path)))

    def drop_calibration(self) -> None:
        """Use what comes with the product again."""
        if self.baseline is not None:
            settings = with_calibration(self.baseline.settings, None)
            self._take(msgspec.structs.replace(self.baseline, settings=settings, calibration_file=""))

    def _complain(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(True)
        self.adjustSize()

    def _ask_path(self) -> str:
        # A dialog over a popup would close it without a word.
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        self.hide()
        filters = "Calibrations (*.json);;All files (*)"
        name = QFileDialog.getOpenFileName(self.parentWidget(), "Open a calibration", "", filters)[0]
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return name

    def _ask_evidence(self) -> None:
        if self.baseline is not None:
            self.evidence_asked.emit(self.baseline)
            self.close()


def _figure_rows(report: Report) -> list[tuple[str, str, str]]:
    """Name, figure and tooltip of every row."""
    if report.metrics is None:
        return [(*refusal(report), "")]
    rows = [(word, banded(report, key, getattr(report.metrics, key), unit)) for key, word, unit in FIGURES]
    for figure in board_figures(report):
        band, text = board_band(report, figure), format_quantity(figure.J_per_token, "J")
        text += f" ({band.text(figure.J_per_token, 'J')})" if band is not None else ""
        rows.append((f"J/token, board {'at TDP' if 'TDP' in figure.method else 'power'}", text))
    told = [(name, text, MEANING if "–" in text else "") for name, text in rows]
    if found := report.continuous:
        why = continuous_sentences(found, report.scenario.output)
        told.append(("tokens/s, continuous", rate_words(found), why))
        told.append(("TPOT, continuous", token_words(found), why))
    if plain := report.roofline:
        both = [format_quantity(t, "s", 3) for t in (plain.ttft_s, plain.tpot_s)]
        told.append(("Plain roofline: TTFT, TPOT", ", ".join(both), f"{roofline_words(report)}\n{plain.rule}"))
    return told
