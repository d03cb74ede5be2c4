"""The baseline picker: which devices and saved designs the chip is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLayout, QMenu, QSizePolicy, QToolButton, QWidget

from explorer import theme
from explorer.document import Baseline, Document
from explorer.timing import AS_SHIPPED, name_of, short_timing, timing_tip
from explorer.widgets.device_timing import DeviceTiming
from explorer.widgets.devices import device_entries
from explorer.widgets.search import SearchPopup
from explorer.widgets.style import Tinted, icon
from explorer.words import stems
from hwlib.analysis.serving_words import continuous_words, roofline_words
from hwlib.analysis.timing_words import timing_words
from hwlib.design import files

if TYPE_CHECKING:
    from explorer.evaluator import Results
    from hwlib.report import Report

TEXT_WIDTHS_PX = (160, 112, 80, 60, 44)
"""How wide the names may be; the widest at which all baselines find room is taken."""
CHIP_HEIGHT_PX = 26


def _beside(report: Report) -> list[str]:
    """What stands beside a device's own figures: continuous batching where asked for, the plain roofline always."""
    served = [continuous_words(report.continuous)] if report.continuous else []
    return [line[:1].upper() + line[1:] for line in (*served, roofline_words(report)) if line]


class BaselineChip(QWidget):
    """One baseline with its remove button; a click, Enter or Space asks for more about it."""

    removed = Signal(object)
    asked = Signal(object)
    """This chip: how is its baseline timed, and how sure are its figures?"""

    def __init__(self, baseline: Baseline, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.baseline = baseline
        self.name = self.stem = name_of(baseline)
        self._shown: Report | None = None
        self.label, self.timing = Tinted("", "text"), Tinted("", "muted")
        self.timing.hide()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(self.name)
        self.show_report(None)
        self.button = QToolButton()
        self.button.setAutoRaise(True)
        self.button.setFixedSize(20, 20)
        self.button.setToolTip(f"Remove {baseline.name}")
        self.button.setAccessibleName(f"Remove {baseline.name}")
        self.button.clicked.connect(self._remove)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(theme.GRID_PX, 0, 3, 0)
        self._row.setSpacing(2)
        for widget in (self.label, self.timing, self.button):
            self._row.addWidget(widget)
        self.setFixedHeight(CHIP_HEIGHT_PX)
        self.shorten(TEXT_WIDTHS_PX[0])
        self._retheme()
        theme.notifier.changed.connect(self._retheme)

    def show_report(self, report: Report | None) -> None:
        """Say in the tooltip how it is timed, once that is known."""
        if report is not None and report is self._shown:
            return
        self._shown = report
        timed_by = short_timing(report) if self.baseline.device and report is not None else ""
        self.timing.setText(f"· {timed_by}" if timed_by else "")
        kind = "saved design" if self.baseline.design is not None else "catalog device"
        timed = (timing_words(report), timing_tip(report), *_beside(report)) if report and report.fits else ()
        self.setToolTip("\n".join([f"{self.name}, {kind}", *timed, "Click for its figures and how it is timed"]))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.asked.emit(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.asked.emit(self)
        else:
            super().keyPressEvent(event)

    def shorten(self, width: int) -> None:
        """Give the name at most so many pixels."""
        self.label.setText(self._text_for(width))

    def _text_for(self, width: int) -> str:
        """As many whole words of the name as fit, but at least those that tell it from the others."""
        metrics, words = self.label.fontMetrics(), self.name.split()
        least = len(self.stem.split())
        texts = [self.name, *(" ".join(words[:n]) for n in range(len(words) - 1, least, -1)), self.stem]
        fitting = next((text for text in texts if metrics.horizontalAdvance(text) <= width), "")
        return fitting or metrics.elidedText(self.stem, Qt.TextElideMode.ElideRight, width)

    def _timing_px(self) -> int:
        words = self.timing.text()
        return self.timing.fontMetrics().horizontalAdvance(words) + 1 + self._row.spacing() if words else 0

    def width_for(self, text_width: int, timed: bool = False) -> int:
        """How wide the chip is with a name of at most so many pixels, and with how it is timed."""
        margins = self._row.contentsMargins()
        beside = self._timing_px() if timed else 0
        text = beside + min(text_width, self.label.fontMetrics().horizontalAdvance(self._text_for(text_width)) + 1)
        return margins.left() + text + self._row.spacing() + self.button.width() + margins.right()

    def _retheme(self) -> None:
        self.button.setIcon(icon("cross", theme.current().muted))
        self.update()

    def _remove(self) -> None:
        self.removed.emit(self.baseline)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.current().raised))
        painter.drawRoundedRect(self.rect(), 4, 4)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QColor(theme.current().accent))
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)


class BaselinePicker(QWidget):
    """The baselines in their order; "+" adds one. What finds no room stands in a menu."""

    problem = Signal(str, str)
    """What did not work, and why."""
    evidence_requested = Signal(object, object)
    """(baseline, its report): how do you know?"""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._popup: SearchPopup | None = None
        self._timing: DeviceTiming | None = None
        self._results: Results | None = None
        self.chips: list[BaselineChip] = []
        self.ask_path: Callable[[], str] = self._ask_path
        self.folder = ""
        """Where the file dialog opens."""
        self.more = _button("", "Baselines that find no room here")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setMenu(QMenu(self.more))
        self.more.menu().triggered.connect(self._remove_listed)
        self.add = _button("Add", "Compare with another device or saved design")
        self.add.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.add.setAccessibleName("Add a baseline")
        self.add.clicked.connect(self.open_devices)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        # The chips' own widths don't count: they give way.
        self._row.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self._row.setSpacing(theme.HALF_GRID_PX)
        self._vs = Tinted("vs", "muted")
        self._row.addWidget(self._vs)
        self._row.addWidget(self.more)
        self._row.addWidget(self.add)
        self._row.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        document.baselines_changed.connect(self._rebuild)
        theme.notifier.changed.connect(self._retheme)
        self._retheme()
        self._rebuild()

    def show_results(self, results: Results) -> None:
        """Keep the newest reports, for the chips' tooltips and the popup about one of them."""
        self._results = results
        said = [chip.timing.text() for chip in self.chips]
        for chip in self.chips:
            chip.show_report(self.report_of(chip.baseline))
        if said != [chip.timing.text() for chip in self.chips]:
            self._fit()
        if self._timing is not None:
            self._timing.show_newest()

    def report_of(self, baseline: Baseline) -> Report | None:
        """The report of a baseline, None until it is evaluated."""
        pairs = self._results.pairs() if self._results is not None else ()
        return next((report for known, report in pairs if known == baseline), None)

    @property
    def timing(self) -> DeviceTiming | None:
        """The popup about one baseline, while it is open."""
        return self._timing

    def open_timing(self, anchor: object) -> None:
        """Open the popup about the baseline of a chip."""
        if isinstance(anchor, BaselineChip):
            self._open_timing(anchor.baseline, anchor)

    def _open_timing(self, baseline: Baseline, anchor: QWidget) -> None:
        popup = self._timing = DeviceTiming(self)
        popup.retimed.connect(self._document.retime_baseline)
        popup.evidence_asked.connect(self._ask_evidence)
        popup.destroyed.connect(self._forget_timing)
        popup.newest = self._report_in_timing
        popup.show_baseline(baseline, self.report_of(baseline))
        popup.open_below(anchor)

    def _report_in_timing(self) -> Report | None:
        shown = self._timing.baseline if self._timing is not None else None
        return self.report_of(shown) if shown is not None else None

    def _forget_timing(self) -> None:
        self._timing = None

    def _ask_evidence(self, baseline: Baseline) -> None:
        report = self.report_of(baseline)
        if report is not None:
            self.evidence_requested.emit(baseline, report)

    @property
    def popup(self) -> SearchPopup | None:
        """The list of devices, once it was opened."""
        return self._popup

    def sizeHint(self) -> QSize:
        """Room for every chip with its whole name."""
        return QSize(self._fixed_width() + sum(self._widths(TEXT_WIDTHS_PX[0])), CHIP_HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        """Room for "3 more" and the add button."""
        return QSize(self._fixed_width() + self.more.sizeHint().width() + theme.HALF_GRID_PX, CHIP_HEIGHT_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def open_devices(self) -> None:
        """Open the list of devices."""
        if self._popup is None:
            self._popup = SearchPopup("Search devices", self)
            self._popup.chosen.connect(self._add_device)
            self._popup.add_button("Saved design…").clicked.connect(self.open_design)
        # A device that is timed in a way of its own may stand beside itself.
        shown = frozenset(b.device for b in self._document.baselines if b.settings == AS_SHIPPED)
        self._popup.open_below(self.add, device_entries(shown))

    def open_design(self) -> None:
        """Ask for a design file and compare with it."""
        if self._popup is not None:
            self._popup.hide()
        name = self.ask_path()
        if not name:
            return
        path = Path(name)
        try:
            design = files.load(path)
        except (files.DesignFileError, OSError) as error:
            self.problem.emit("This design could not be opened", str(error))
            return
        self.folder = str(path.parent)
        self._add(Baseline(name=design.name, design=design))

    def _ask_path(self) -> str:
        filters = f"Chip designs (*{files.SUFFIX});;All files (*)"
        return QFileDialog.getOpenFileName(self, "Compare with a saved design", self.folder, filters)[0]

    def _add_device(self, name: str) -> None:
        self._add(Baseline(name=name, device=name))

    def _add(self, baseline: Baseline) -> None:
        if baseline not in self._document.baselines:
            self._document.set_baselines((*self._document.baselines, baseline))

    def _remove(self, baseline: Baseline) -> None:
        self._document.set_baselines(b for b in self._document.baselines if b != baseline)

    def _remove_listed(self, action: QAction) -> None:
        remove, baseline = action.data()
        if remove:
            self._remove(baseline)
        else:
            self._open_timing(baseline, self.more)

    def _rebuild(self, *_: object) -> None:
        for chip in self.chips:
            self._row.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self.chips = [BaselineChip(b) for b in self._document.baselines]
        for chip, stem in zip(self.chips, stems([chip.name for chip in self.chips]), strict=True):
            chip.stem = stem
        for n, chip in enumerate(self.chips):
            chip.removed.connect(self._remove)
            chip.asked.connect(self.open_timing)
            self._row.insertWidget(1 + n, chip)
        self.updateGeometry()
        self._fit()

    def _fit(self) -> None:
        """Show the chips, their names shortened as far as needed, and what finds no room in the menu."""
        room = self.width() - self._fixed_width()
        text = next((w for w in TEXT_WIDTHS_PX if sum(self._widths(w)) <= room), TEXT_WIDTHS_PX[-1])
        timed = sum(self._widths(TEXT_WIDTHS_PX[0], True)) <= room
        widths = self._widths(text, timed)
        if sum(widths) > room:
            room -= self.more.sizeHint().width() + theme.HALF_GRID_PX
        shown = next((n for n in range(len(widths), 0, -1) if sum(widths[:n]) <= room), 0)
        for n, chip in enumerate(self.chips):
            chip.shorten(text)
            chip.timing.setVisible(timed and bool(chip.timing.text()))
            chip.setVisible(n < shown)
        self._fill_menu([chip.baseline for chip in self.chips[shown:]])

    def _fill_menu(self, hidden: Sequence[Baseline]) -> None:
        self.more.setText(f"{len(hidden)} more")
        self.more.setVisible(bool(hidden))
        menu = self.more.menu()
        menu.clear()
        for baseline in hidden:
            menu.addAction(f"{name_of(baseline)}…").setData((False, baseline))
        menu.addSeparator()
        for baseline in hidden:
            cross = icon("cross", theme.current().muted)
            menu.addAction(cross, f"Remove {name_of(baseline)}").setData((True, baseline))

    def _fixed_width(self) -> int:
        return self._vs.sizeHint().width() + self.add.sizeHint().width() + 2 * theme.HALF_GRID_PX

    def _widths(self, text_width: int, timed: bool = False) -> list[int]:
        return [chip.width_for(text_width, timed) + theme.HALF_GRID_PX for chip in self.chips]

    def _retheme(self) -> None:
        self.add.setIcon(icon("plus", theme.current().text))


def _button(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setAutoRaise(True)
    button.setToolTip(tip)
    button.setFixedHeight(CHIP_HEIGHT_PX)
    return button
