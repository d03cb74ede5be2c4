"""The Compare view: what is compared as one table, where it differs, charts on common axes, and files of all of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QAction, QHideEvent, QPalette, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from explorer import export, theme
from explorer.charts.chart import ElidedLabel
from explorer.compare.adding import Adding
from explorer.compare.board import ChartBoard
from explorer.compare.grid import Grid
from explorer.compare.lines import difference_lines, figure_lines
from explorer.compare.output import comparison_bytes, suggested_name
from explorer.compare.subjects import EXAMPLE, Comparing, Subject
from explorer.compare.titles import difference_words, key_words, titles_of
from explorer.compare.worker import Compared, ComparisonMaker, Request
from explorer.latest import Latest
from explorer.widgets.device_timing import DeviceTiming
from explorer.widgets.style import Tinted
from explorer.words import HOW_KNOWN
from hwlib.report_table import scenario_words

if TYPE_CHECKING:
    from explorer.compare.worker import Compute
    from explorer.document import Baseline, Document
    from explorer.evaluator import Results
    from hwlib.report import Report

LEAST = QSize(480, 200)
EMPTY_WIDTH_PX = 480
EMPTY_HEADING = "Nothing to compare yet"
EMPTY_TEXT = (
    "Put designs, catalog devices and pinned snapshots side by side: add the first one here. "
    "Pin snapshot keeps the present design as it is now, so that you can go on changing it and see the difference."
)
EXPORTS = (
    (export.HTML, "Web &page (HTML)…", "One page with tables and charts that needs no other file"),
    (export.CSV, "&Table (CSV)…", "Every figure in plain SI, for a spreadsheet"),
    (export.PNG, "Pi&cture (PNG)…", "Tables and charts as one picture"),
    (export.SVG, "&Drawing (SVG)…", "Tables and charts as a drawing that stays sharp"),
)


class CompareView(QWidget):
    """Follows the document and the set of subjects; while hidden it computes nothing."""

    explain_requested = Signal(object, str)
    """(report, key of a figure): where does it come from?"""
    evidence_requested = Signal(object, object)
    """(baseline, its report): how do you know?"""
    open_requested = Signal(object, str)
    """(design, path or empty): show it as a document."""
    closed = Signal()
    """The user has seen enough."""
    message = Signal(str)
    """A line for the status bar."""
    shown_comparison = Signal(object)
    """Compared, once the tables show it."""

    def __init__(
        self, document: Document, comparing: Comparing | None = None, compute: Compute | None = None,
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.document = document
        self.comparing = comparing or Comparing(document, self)
        self.worker = Latest("the comparison", self)
        self._compute = compute or ComparisonMaker()
        self.adding = Adding(self.comparing, self)
        self.compared: Compared | None = None
        """What the tables show."""
        self._results: Results | None = None
        self._stale = True
        self.ask_name: Callable[[str], str] = self._ask_name
        # Of its own, or the sum of its parts would set the least size of a window in which it is hidden.
        self.setMinimumSize(LEAST)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self._make_bar()
        self._make_pages()
        self.comparing.changed.connect(self.refresh)
        self.worker.done.connect(self._show)
        self.worker.failed.connect(self._tell_failure)
        theme.notifier.changed.connect(self._retheme)
        self._choose_page()

    # What is in it --------------------------------------------------------------------------------------------------

    def _make_bar(self) -> None:
        self.heading = ElidedLabel(bold=True)
        self.heading.set_text("Compare")
        self.add = _button("Add…", "Add devices, examples and saved designs to the comparison")
        self.add.clicked.connect(self.open_list)
        self.pin = _button("Pin snapshot", "Keep the present design as it is now, as a column of its own")
        self.pin.clicked.connect(self.pin_snapshot)
        self.pin.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        pin_menu = QMenu(self.pin)
        self.unpin = pin_menu.addAction("Remove all snapshots", self.remove_snapshots)
        self.pin.setMenu(pin_menu)
        self.undo = _button("Undo", "Compare again what was removed last")
        self.undo.clicked.connect(self.take_back)
        self.export = _button("Export", "Save the comparison as a web page, a table, a picture or a drawing")
        self.export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.export_menu = QMenu(self.export)
        for made, words, tip in EXPORTS:
            action = self.export_menu.addAction(words)
            action.setToolTip(tip)
            action.setData(made.suffix)
        self.export_menu.triggered.connect(self._export_chosen)
        self.export_menu.setToolTipsVisible(True)
        self.export.setMenu(self.export_menu)
        self.bar = QHBoxLayout()
        self.bar.setContentsMargins(theme.GRID_PX, theme.HALF_GRID_PX, theme.GRID_PX, 0)
        self.bar.setSpacing(theme.GRID_PX)
        self.bar.addWidget(self.heading, 1)
        self.back = _button("Back to the chip", "Show the canvas and its panels again")
        self.back.clicked.connect(self.closed)
        for button in (self.undo, self.add, self.pin, self.export, self.back):
            self.bar.addWidget(button)

    def _make_pages(self) -> None:
        self.figures = Grid("Figures side by side", ratios=True)
        self.differences = Grid("Parameters that differ", ratios=False)
        self.tables = QTabWidget()
        self.tables.setDocumentMode(True)
        self.tables.addTab(self.figures, "Figures")
        self.tables.addTab(self.differences, "Differences")
        for grid in (self.figures, self.differences):
            grid.menu_asked.connect(self.open_menu)
            grid.moved.connect(self._move)
            grid.remove_asked.connect(self.comparing.remove)
            grid.explain_asked.connect(self._explain)
            grid.rename_asked.connect(self.rename)
            grid.take_back_asked.connect(self.take_back)
        self.note = ElidedLabel()
        self.tables.currentChanged.connect(self._write_note)
        self.board = ChartBoard(self.document)
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.setChildrenCollapsible(False)
        self.split.addWidget(self._noted_tables())
        self.split.addWidget(self.board)
        self.split.setStretchFactor(0, 3)
        self.split.setStretchFactor(1, 2)
        self.empty = self._empty_page()
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.split)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self.bar)
        layout.addWidget(self.pages, 1)

    def _noted_tables(self) -> QWidget:
        both = QWidget()
        column = QVBoxLayout(both)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.tables, 1)
        line = QHBoxLayout()
        line.setContentsMargins(theme.GRID_PX, 0, theme.GRID_PX, 0)
        line.addWidget(self.note)
        column.addLayout(line)
        return both

    def _empty_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(4 * theme.GRID_PX, 0, 4 * theme.GRID_PX, 0)
        column.setSpacing(theme.GRID_PX)
        self.empty_heading = Tinted(EMPTY_HEADING, "text", bold=True)
        self.empty_text = Tinted(EMPTY_TEXT, "muted")
        self.empty_text.setWordWrap(True)
        self.empty_text.setFixedWidth(EMPTY_WIDTH_PX)
        self.empty_buttons = QWidget()
        row = QHBoxLayout(self.empty_buttons)
        row.setContentsMargins(0, 0, 0, 0)
        self.start_here = QPushButton("Add this design")
        self.start_here.clicked.connect(self.comparing.add_present)
        self.start_list = QPushButton("Add a device or saved design…")
        self.start_list.clicked.connect(self._open_list_here)
        row.addWidget(self.start_here)
        row.addWidget(self.start_list)
        column.addStretch(1)
        for widget in (self.empty_heading, self.empty_text, self.empty_buttons):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        self.empty_text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        return page

    # Following ------------------------------------------------------------------------------------------------------

    def show_results(self, results: Results) -> None:
        """Take the newest report of the present design, with the scenario and LLM that all others shall have."""
        self._results = results
        self.refresh()

    def refresh(self) -> None:
        """Compare anew, at once where visible, else as soon as the view is shown."""
        self._choose_page()
        self._stale = True
        if self.isVisible():
            self._request()

    def _request(self) -> None:
        if self._results is None or not self.comparing.subjects:
            return
        self._stale = False
        report, names = self._results.report, tuple(self.comparing.names())
        request = Request(
            self.comparing.subjects, names, self.comparing.reference, report, report.scenario, report.llm
        )
        self.worker.order(partial(self._compute, request))

    def _choose_page(self) -> None:
        """The tables, or what to do where there is nothing to show."""
        some = bool(self.comparing.subjects)
        if not some:
            self._say(EMPTY_HEADING, EMPTY_TEXT, buttons=True)
        elif self.compared is None and self.pages.currentWidget() is not self.split:
            self._say("Evaluating …", "Figures appear in a moment.", buttons=False)
        elif self.compared is not None:
            self.pages.setCurrentWidget(self.split)
        self.export.setEnabled(some and self.compared is not None)
        self.unpin.setEnabled(any(s.kind == "snapshot" for s in self.comparing.subjects))
        removed = self.comparing.last_removed
        self.undo.setVisible(bool(removed))
        self.undo.setToolTip(f"Compare again: {', '.join(s.name for s in removed)}")
        for grid in (self.figures, self.differences):
            grid.can_take_back = bool(removed)

    def _say(self, heading: str, text: str, buttons: bool) -> None:
        self.empty_heading.setText(heading)
        self.empty_text.setText(text)
        # A layout that centres a label does not ask how high its text gets.
        self.empty_text.setFixedHeight(self.empty_text.heightForWidth(EMPTY_WIDTH_PX))
        self.empty_buttons.setVisible(buttons)
        self.pages.setCurrentWidget(self.empty)

    def _show(self, compared: Compared) -> None:
        self.compared = compared
        self._choose_page()
        if not self.comparing.subjects:
            return
        comparison, titles = compared.comparison, titles_of(compared)
        differences = difference_lines(comparison)
        self.figures.show_lines(figure_lines(comparison), titles)
        self.differences.show_lines(differences, titles)
        self.tables.setTabText(1, f"Differences ({len(differences)})")
        first = comparison.reports[0]
        self.heading.set_text(f"Compare on {first.llm.name}: {scenario_words(first)}")
        self._write_note()
        self.board.show_comparison(compared)
        self.shown_comparison.emit(compared)

    def _write_note(self, *_: object) -> None:
        if self.compared is not None:
            words = key_words if self.tables.currentWidget() is self.figures else difference_words
            self.note.set_text(words(self.compared))

    def _tell_failure(self, words: str) -> None:
        if self.compared is None:
            self._say("The comparison failed", words, buttons=False)
        self.message.emit(f"The comparison failed: {words}")

    def _retheme(self) -> None:
        for grid in (self.figures, self.differences):
            grid.viewport().update()
            grid.head.viewport().update()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._request()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self.worker.busy:
            self._stale = True
        self.worker.cancel_waiting()

    def shutdown(self) -> None:
        """Let the evaluation in flight end; nothing is shown any more."""
        self.worker.shutdown()

    # Changing what is compared ----------------------------------------------------------------------------------------

    def open_list(self) -> None:
        """Open the list of what can be added."""
        self._open_list_below(self.add)

    def _open_list_here(self) -> None:
        self._open_list_below(self.start_list)

    def _open_list_below(self, anchor: QWidget) -> None:
        if self.document.path is not None:
            self.adding.folder = self.adding.folder or str(self.document.path.parent)
        self.adding.open_below(anchor)

    def pin_snapshot(self) -> Subject:
        """Keep the present design as it is now, as a column of its own."""
        pinned = self.comparing.pin()
        self.message.emit(f"Pinned: {pinned.name}")
        return pinned

    def remove_snapshots(self) -> None:
        """Take all pinned snapshots out of the comparison; Undo brings them back."""
        count = self.comparing.remove_snapshots()
        self.message.emit(f"Removed: {count} snapshot{'s' if count != 1 else ''}. Undo brings them back")

    def take_back(self) -> None:
        """Compare again what was removed last."""
        names = ", ".join(s.name for s in self.comparing.last_removed)
        self.comparing.take_back()
        if names:
            self.message.emit(f"Compared again: {names}")

    def open_menu(self, subject_id: str, place: QPoint) -> QMenu:
        """Open the menu of a column."""
        menu = self.menu_of(subject_id)
        menu.popup(place)
        return menu

    def menu_of(self, subject_id: str) -> QMenu:
        """What can be done with a column; the caller opens it."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        found = [(i, s) for i, s in enumerate(self.comparing.subjects) if s.id == subject_id]
        if not found:
            return menu
        at, subject = found[0]
        reference = menu.addAction("Use as &reference", partial(self.comparing.use_as_reference, subject_id))
        reference.setEnabled(at != self.comparing.reference)
        menu.addSeparator()
        left = menu.addAction("Move &left", partial(self._move, subject_id, at - 1))
        left.setEnabled(at > 0)
        right = menu.addAction("Move ri&ght", partial(self._move, subject_id, at + 1))
        right.setEnabled(at + 1 < len(self.comparing.subjects))
        menu.addSeparator()
        if subject.device:
            menu.addAction("How it is &timed…", partial(self.open_timing, subject_id))
            report = self._report_of(subject_id)
            known = menu.addAction(f"{HOW_KNOWN.replace('How', '&How', 1)}…", partial(self._know, subject_id))
            known.setEnabled(report is not None and bool(report.basis))
            menu.addSeparator()
        if subject.design is not None:
            menu.addAction("Re&name…", partial(self.rename, subject_id))
            menu.addAction("&Open as document", partial(self._open, subject))
        menu.addAction("Re&move", partial(self.comparing.remove, subject_id))
        if subject.kind == "snapshot":
            menu.addAction("Remove all &snapshots", self.remove_snapshots)
        return menu

    def rename(self, subject_id: str) -> None:
        """Ask for another name of a saved design or snapshot; others are called what they are."""
        subject = self.comparing.subjects[self.comparing.index(subject_id)]
        if subject.design is None:
            self.message.emit(f"{subject.name} keeps its name here: only saved designs and snapshots can be renamed")
            return
        self.comparing.rename(subject_id, self.ask_name(subject.name))

    def _ask_name(self, name: str) -> str:
        text, agreed = QInputDialog.getText(self, "Rename in the comparison", "Name", text=name)
        return text if agreed else ""

    def _move(self, subject_id: str, to: int) -> None:
        if any(s.id == subject_id for s in self.comparing.subjects):
            self.comparing.move(subject_id, to)

    def _open(self, subject: Subject) -> None:
        path = "" if subject.path.startswith(EXAMPLE) else subject.path
        self.open_requested.emit(subject.design, path)

    def _explain(self, column: int, key: str) -> None:
        if self.compared is not None:
            self.explain_requested.emit(self.compared.reports[column], key)

    # How devices are timed, and how their figures are known -----------------------------------------------------------

    def _report_of(self, subject_id: str) -> Report | None:
        """The report on show of a subject, None until it is evaluated as it is now."""
        found = self.compared
        pairs = zip(found.request.subjects, found.reports, strict=True) if found is not None else ()
        wanted = next((s for s in self.comparing.subjects if s.id == subject_id), None)
        return next((report for subject, report in pairs if subject == wanted), None)

    def open_timing(self, subject_id: str) -> DeviceTiming:
        """Open the popup about a device: its figures, and how it is timed."""
        popup = DeviceTiming(self)
        popup.retimed.connect(partial(self._retime, subject_id))
        popup.evidence_asked.connect(partial(self._know, subject_id))
        self.shown_comparison.connect(popup.show_newest)
        popup.newest = partial(self._report_of, subject_id)
        popup.show_baseline(self.comparing.subjects[self.comparing.index(subject_id)].baseline, popup.newest())
        head, column = self.figures.head, self.comparing.index(subject_id)
        popup.open_at(head.viewport().mapToGlobal(QPoint(head.sectionViewportPosition(column), head.height())))
        return popup

    def _retime(self, subject_id: str, _before: object, after: Baseline) -> None:
        self.comparing.retime(subject_id, after)

    def _know(self, subject_id: str, *_: object) -> None:
        report = self._report_of(subject_id)
        if report is not None:
            self.ask_evidence(report)

    def ask_evidence(self, report: Report) -> None:
        """Ask how the figures of a compared device are known; nothing for designs."""
        found = self.compared
        pairs = zip(found.request.subjects, found.reports, strict=True) if found is not None else ()
        for subject, known in pairs:
            if known is report and subject.device:
                self.evidence_requested.emit(subject.baseline, report)

    # Files ----------------------------------------------------------------------------------------------------------

    def _export_chosen(self, action: QAction) -> None:
        self.export_as(next(made for made, _, _ in EXPORTS if made.suffix == action.data()))

    def export_as(self, made: export.Format) -> Path | None:
        """Ask for a file of this kind and write the comparison into it; returns the file that was written."""
        if self.compared is None:
            return None
        suggestion = Path(self.adding.folder) / (suggested_name(self.compared) + made.suffix)
        path = export.save_asking(self, "Export the comparison", suggestion, (made,), self._bytes)
        if path is not None:
            self.message.emit(f"Written: {path}")
        return path

    def export_to(self, path: Path) -> None:
        """Write the comparison to a file by its suffix. Raises export.ExportError."""
        export.write_whole(path, self._bytes(path.suffix.lower()))

    def _bytes(self, suffix: str) -> bytes:
        if self.compared is None:
            raise export.ExportError("There is no comparison yet: add a device or a design first.")
        return comparison_bytes(self.compared, suffix, self.board)


def _button(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    return button
