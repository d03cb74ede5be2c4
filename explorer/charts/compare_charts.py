"""The charts of the Compare view, one of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.charts.compare_chart import CompareChart, letters

if TYPE_CHECKING:
    from explorer.document import Document

__all__ = ["CompareChart", "compare_charts", "letters"]


def compare_charts(document: Document) -> tuple[CompareChart, ...]:
    """One of every chart that takes many reports, in the order in which the view lines them up."""
    from explorer.charts.compare_bars import CompareBars
    from explorer.charts.compare_roofline import CompareRoofline
    from explorer.charts.waterfall import WaterfallChart

    return (CompareBars(document), CompareRoofline(document), WaterfallChart(document))
