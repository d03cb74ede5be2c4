"""The charts of the comparison: all subjects on common axes, and what lies between two of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QTabWidget, QWidget

from explorer import theme
from explorer.charts.compare_charts import CompareChart, compare_charts

if TYPE_CHECKING:
    from PySide6.QtCore import QSize

    from explorer.compare.worker import Compared
    from explorer.document import Document

PRINTED_BARS = ("prefill", "decode", "energy")
"""What the bars show on a picture, one chart each; on screen they switch."""
PRINTED_FALLS = ("tpot", "energy")


def show_in(charts: Iterable[CompareChart], compared: Compared) -> None:
    """Show a comparison in charts."""
    for chart in charts:
        chart.show_reports(compared.reports, compared.comparison.reference)


class ChartBoard(QWidget):
    """The bars on the left, and in tabs beside them every other chart."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.charts = compare_charts(document)
        self._printed: tuple[CompareChart, ...] = ()
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.setChildrenCollapsible(False)
        self.split.addWidget(self.charts[0])
        self.split.addWidget(self.tabs)
        for chart in sorted(self.charts[1:], key=lambda c: c.name != "waterfall"):
            self.tabs.addTab(chart, chart.title)
        self.split.setStretchFactor(0, 1)
        self.split.setStretchFactor(1, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, theme.HALF_GRID_PX, 0, 0)
        row.addWidget(self.split)

    def chart(self, name: str) -> CompareChart:
        """The chart of a name on screen. Raises KeyError for another name."""
        return {c.name: c for c in self.charts}[name]

    def show_comparison(self, compared: Compared) -> None:
        """Show the subjects in every chart."""
        show_in(self.charts, compared)

    def charts_for_print(self, compared: Compared, size: QSize) -> tuple[CompareChart, ...]:
        """A second set of charts with a comparison, each of this size and ready to be rendered.

        They live as long as the board: charts that come and go leave the garbage collector pieces of scenes that Qt
        has deleted already, and the process crashes (pyqtgraph 0.14, PySide 6.10).
        """
        if not self._printed:
            self._printed = self._made_for_print()
        for chart in self._printed:
            chart.resize(size)
            chart.show()
        show_in(self._printed, compared)
        self._take_choices()
        for chart in self._printed:
            _hide_tools(chart)
        # Axes take their widths by a posted event.
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
        for chart in self._printed:
            chart.hide()
        return tuple(c for c in self._printed if not c.message)

    @property
    def printed_count(self) -> int:
        """How many charts stand on a picture at most."""
        return len(PRINTED_BARS) + len(PRINTED_FALLS) + len(self.charts) - 2

    def _made_for_print(self) -> tuple[CompareChart, ...]:
        from explorer.charts.compare_bars import CompareBars
        from explorer.charts.compare_roofline import CompareRoofline
        from explorer.charts.waterfall import WaterfallChart

        bars = [CompareBars(self._document) for _ in PRINTED_BARS]
        falls = [WaterfallChart(self._document) for _ in PRINTED_FALLS]
        charts = (*bars, *falls, CompareRoofline(self._document))
        for chart in charts:
            chart.setParent(self, Qt.WindowType.Tool)
            # A chart draws only where it is shown; this shows it without a window.
            chart.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
            chart.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        for one, what in zip(bars, PRINTED_BARS, strict=True):
            one.show_what(what)
        for fall, what in zip(falls, PRINTED_FALLS, strict=True):
            fall.show_what(what)
        return charts

    def _take_choices(self) -> None:
        """The waterfalls on paper lead between the same chips as the one on screen."""
        from explorer.charts.waterfall import WaterfallChart

        shown = next(c for c in self.charts if isinstance(c, WaterfallChart))
        for chart in self._printed:
            if isinstance(chart, WaterfallChart):
                chart.show_ends(shown.source_chooser.chosen, shown.target_chooser.chosen)


def _hide_tools(chart: CompareChart) -> None:
    """Nobody can press buttons on paper."""
    for i in range(chart.tools.count()):
        item = chart.tools.itemAt(i)
        if item is not None and (tool := item.widget()) is not None:
            tool.hide()
