"""Base of the charts of the Compare view: many reports side by side, told apart by letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from explorer.charts.chart import Chart
from explorer.evaluator import Results
from explorer.words import distinct

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from explorer.document import Document
    from hwlib.report import Report

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def letters(count: int) -> list[str]:
    """A, B, … Z, AA, AB, … : what reports side by side are called."""
    found = []
    for number in range(count):
        word, rest = _ALPHABET[number % 26], number // 26
        while rest:
            word, rest = _ALPHABET[(rest - 1) % 26] + word, (rest - 1) // 26
        found.append(word)
    return found


class CompareChart(Chart):
    """Shows `reports` in their order; ratios and the waterfall refer to the one at `reference`.

    As any chart it draws `Results`: those of the first report that has figures, so that a chip on which the LLM does
    not run does not hide the others.
    """

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.reports: tuple[Report, ...] = ()
        self.reference = 0
        self._count = 0
        self._show_nothing()

    def show_reports(self, reports: Sequence[Report], reference: int = 0) -> None:
        """Compares other reports, at once where the chart is visible. Raises IndexError for a bad `reference`."""
        if reports:
            reports[reference]
        self.reports, self.reference = tuple(reports), reference
        if not self.reports:
            self.results = self._drawn = None
            self._show_nothing()
            return
        self._count += 1
        ordered = (self.reports[reference], *self.reports)
        shown = next((r for r in ordered if r.fits), ordered[0])
        self.show_results(Results(self._count, shown, tuple(r for r in self.reports if r is not shown), 0.0))

    @property
    def names(self) -> list[str]:
        """The reports' names, told apart."""
        return distinct([r.subject for r in self.reports])

    def _show_nothing(self) -> None:
        self.heading.set_text(self.title)
        self._message.show_text("Nothing to compare", "Add saved designs, catalog devices or the present design.")
        self._pages.setCurrentWidget(self._message)
