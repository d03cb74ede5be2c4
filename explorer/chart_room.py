"""The charts of one window, wired together: results, memory walls, explanations, and commands for the chart at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QDockWidget

from explorer.answers import Answers, map_operator, refine
from explorer.charts import all_charts
from explorer.charts.chart import Chart
from explorer.charts.mapping import MappingChart
from explorer.charts.memory_wall import MemoryWallChart
from explorer.charts.placement import PlacementChart
from explorer.walls import Walls

if TYPE_CHECKING:
    from explorer.document import Document
    from explorer.evaluator import Evaluator

CHECKED_BY = {"chart_freeze": "frozen", "chart_linear": "linear"}
"""Which property of a chart an action shows."""


class ChartRoom(QObject):
    """Hands results to the charts. Commands go to the chart with the focus, else to the one last under the pointer."""

    explain_requested = Signal(object, str)
    """(report, key of a figure of it)."""
    evidence_requested = Signal(object)
    """The report of a device: how do you know?"""
    export_requested = Signal(object)
    """A chart that shall be saved to a file."""
    message = Signal(str)
    """A word to the user in passing."""

    def __init__(self, document: Document, evaluator: Evaluator, parent: QObject) -> None:
        super().__init__(parent)
        self.charts: dict[str, Chart] = {chart.name: chart for chart in all_charts(document)}
        self._known: tuple[Chart, ...] = ()
        self._last: Chart | None = None
        self._actions: dict[str, QAction] = {}
        wall = next(c for c in self.charts.values() if isinstance(c, MemoryWallChart))
        for chart in self.charts.values():
            evaluator.finished.connect(chart.show_results)
            chart.painted.connect(evaluator.painted)
            chart.explain_requested.connect(self.explain_requested)
            chart.evidence_requested.connect(self.evidence_requested)
            chart.export_requested.connect(self.export_requested)
        self.include(self.charts.values())
        self.walls = Walls(evaluator, wall, parent=self)
        self.placement = next(c for c in self.charts.values() if isinstance(c, PlacementChart))
        self.mapping = next(c for c in self.charts.values() if isinstance(c, MappingChart))
        self.optima = Answers("looking for the best placement", document, self.placement, refine, parent=self)
        self.nests = Answers("mapping an operator", document, self.mapping, map_operator, parent=self)

    def include(self, charts: Iterable[Chart]) -> None:
        """Let commands reach further charts of the window, whose results and requests are wired elsewhere."""
        for chart in charts:
            chart.touched.connect(self._touched)
            chart.options_changed.connect(self._check)
            self._known += (chart,)

    @property
    def busy(self) -> bool:
        """True while something is computed in the background for a chart on show."""
        return self.walls.busy or self.optima.busy or self.nests.busy

    @property
    def current(self) -> Chart | None:
        """The chart that commands are about, None where no chart is on show."""
        widget = QApplication.focusWidget()
        while widget is not None:
            if isinstance(widget, Chart) and widget in self._known:
                return widget
            widget = widget.parentWidget()
        if self._last is not None and self._last.on_show:
            return self._last
        return next((c for c in self._known if c.on_show), None)

    def handlers(self, docks: Mapping[str, QDockWidget]) -> dict[str, Callable[..., object]]:
        """What each action about charts does; `docks` hold the charts by their names."""

        def shower(name: str) -> Callable[..., None]:
            def show(*_: object) -> None:
                docks[name].show()
                docks[name].raise_()
                if self.charts[name].focusProxy() is not None:
                    self.charts[name].setFocus(Qt.FocusReason.ShortcutFocusReason)

            return show

        return {
            "memory_wall": shower("memory_wall"),
            "timeline": shower("timeline"),
            "placement": shower("placement"),
            "mapping": shower("mapping"),
            "chart_data": self.copy_data,
            "chart_picture": self.copy_picture,
            "chart_export": self.export,
            "chart_freeze": self.freeze,
            "chart_linear": self.make_linear,
        }

    def use_actions(self, actions: Mapping[str, QAction]) -> None:
        """Keep the checkable actions in step with the chart that they are about."""
        self._actions = {name: actions[name] for name in CHECKED_BY}
        self._check()

    def copy_data(self) -> None:
        """Copy the figures of the chart at hand as a table."""
        chart = self.current
        if chart is None or not chart.values().rows:
            self.message.emit("There is no chart with figures on show")
            return
        chart.copy_data()
        self.message.emit(f"Copied: {len(chart.values().rows)} rows of {chart.title.lower()}")

    def copy_picture(self) -> None:
        """Copy the chart at hand as a picture."""
        chart = self.current
        if chart is not None:
            chart.copy_picture()
            self.message.emit(f"Copied: picture of {chart.title.lower()}")

    def export(self) -> None:
        """Save the chart at hand to a file."""
        if self.current is not None:
            self.export_requested.emit(self.current)

    def freeze(self, on: bool) -> None:
        """Hold the axes of the chart at hand still, or let them follow again."""
        chart = self.current
        if chart is not None and chart.can_freeze:
            chart.set_frozen(on)
            self.message.emit(f"{chart.title}: axes {'frozen' if on else 'follow the figures'}")
        elif chart is not None:
            self.message.emit(f"{chart.title} has no axes that could be frozen")
        self._check()

    def make_linear(self, on: bool) -> None:
        """Make the logarithmic axis of the chart at hand linear, or logarithmic again."""
        chart = self.current
        if chart is not None and chart.can_be_linear:
            chart.set_linear(on)
        elif chart is not None:
            self.message.emit(f"{chart.title} has no axis that could be both")
        self._check()

    def shutdown(self) -> None:
        """End what is computed in the background."""
        for worker in (self.walls, self.optima, self.nests):
            worker.shutdown()

    def _touched(self, chart: object) -> None:
        if isinstance(chart, Chart):
            self._last = chart
            self._check()

    def _check(self) -> None:
        chart = self.current
        for name, action in self._actions.items():
            action.setChecked(chart is not None and bool(getattr(chart, CHECKED_BY[name])))
