"""The charts under the canvas: each shows the newest results, follows the theme and the selected operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from explorer.charts.chart import Chart
    from explorer.document import Document


def all_charts(document: Document) -> tuple[Chart, ...]:
    """One of every chart, in the order in which the window lines them up; each has its own `name`."""
    from explorer.charts.energy import EnergyChart
    from explorer.charts.growth import GrowthChart
    from explorer.charts.mapping import MappingChart
    from explorer.charts.memory_wall import MemoryWallChart
    from explorer.charts.operator_table import OperatorTable
    from explorer.charts.operator_time import OperatorTimeChart
    from explorer.charts.placement import PlacementChart
    from explorer.charts.roofline import RooflineChart
    from explorer.charts.timeline import TimelineChart

    return (
        OperatorTimeChart(document), EnergyChart(document), RooflineChart(document), OperatorTable(document),
        MemoryWallChart(document), TimelineChart(document), GrowthChart(document),
        PlacementChart(document), MappingChart(document),
    )  # fmt: skip
