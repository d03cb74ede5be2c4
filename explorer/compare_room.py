"""Comparing and exporting in one window, wired together: the Compare view, snapshots, and what goes into files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from explorer import theme
from explorer.compare.adding import Saved, designs_in
from explorer.compare.memory import ComparisonMemory
from explorer.compare.subjects import MAX_NAME
from explorer.compare.view import CompareView
from explorer.compare.worker import ComparisonMaker
from explorer.export_commands import ExportCommands

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QGraphicsView

    from explorer.document import Document
    from explorer.evaluator import Evaluator
    from explorer.kept_reports import KeptReports
    from explorer.library.library import Library
    from explorer.library.panel import LibraryPanel
    from hwlib.design.design import Design

IN_FILE = " (in its file)"


class CompareRoom(QObject):
    """The Compare view on the window's document. It shares the reports of devices with the window's evaluator."""

    message = Signal(str)
    """A word to the user in passing."""
    explain_requested = Signal(object, str)
    """(report, key of a figure)."""
    evidence_requested = Signal(object, object)
    """(baseline, its report): how do you know?"""
    open_requested = Signal(object, str)
    """(design, path or empty): show it as a document."""
    show_requested = Signal()
    """Something was put into the comparison from elsewhere."""

    def __init__(
        self, document: Document, evaluator: Evaluator, kept: KeptReports, canvas: QGraphicsView, window: QWidget
    ) -> None:
        super().__init__(window)
        self.view = CompareView(document, compute=ComparisonMaker(kept))
        self.view.setObjectName("compare")
        self._library: Library | None = None
        self._memory: ComparisonMemory | None = None
        self.exports = ExportCommands(document, evaluator, canvas, window)
        evaluator.finished.connect(self.view.show_results)
        self.view.message.connect(self.message)
        self.exports.message.connect(self.message)
        self.view.explain_requested.connect(self.explain_requested)
        self.view.evidence_requested.connect(self.evidence_requested)
        self.view.open_requested.connect(self.open_requested)
        for chart in self.view.board.charts:
            chart.export_requested.connect(self.exports.chart)
            chart.explain_requested.connect(self.explain_requested)
            chart.evidence_requested.connect(self.view.ask_evidence)

    def remember(self) -> None:
        """Compare what the last session compared, and keep it for the next one."""
        self._memory = ComparisonMemory(self.view.comparing)

    def use_library(self, library: Library, panel: LibraryPanel) -> None:
        """Offer the library's designs, and take what its panel sends."""
        self._library = library
        self.view.adding.saved = self._saved
        panel.compare_requested.connect(self.compare_designs)

    def compare_designs(self, designs: Iterable[tuple[Design, str]]) -> None:
        """Put designs, each with the path of its file or an empty text, into the comparison and show it."""
        for design, path in designs:
            self.view.comparing.add_design(design, path)
        self.show_requested.emit()

    def compare_with_file(self, design: Design) -> None:
        """Put the present design beside what its file holds, and show both."""
        self.view.comparing.add_present()
        named = msgspec.structs.replace(design, name=f"{design.name[:MAX_NAME - len(IN_FILE)]}{IN_FILE}")
        self.compare_designs([(named, "")])

    def _saved(self) -> Sequence[Saved]:
        """The library's designs, and those beside the last opened file."""
        listed = self._library.saved if self._library is not None else ()
        found = {e.path: e.name for e in listed if e.path is not None and not e.problem}
        for name, path in designs_in(self.view.adding.folder):
            found.setdefault(path, name)
        return tuple((name, path) for path, name in found.items())

    def beside(self, headline: QWidget, *actions: QAction) -> QWidget:
        """The headline with a button for each action at its right."""
        both = QWidget()
        # No higher than the headline, however high the place is.
        both.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(both)
        row.setContentsMargins(0, 0, theme.GRID_PX, 0)
        row.setSpacing(theme.GRID_PX)
        row.addWidget(headline, 1)
        column = QVBoxLayout()
        column.setSpacing(theme.HALF_GRID_PX)
        column.addStretch(1)
        for action in actions:
            button = QToolButton()
            button.setDefaultAction(action)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            column.addWidget(button)
        column.addStretch(1)
        row.addLayout(column)
        return both

    def shutdown(self) -> None:
        """Let the comparison in flight end."""
        self.view.shutdown()
        if self._memory is not None:
            self._memory.end()
