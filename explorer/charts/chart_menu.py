"""What every chart offers by its context menu: where a figure is from, data, pictures, files, and how axes behave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu

from explorer.words import HOW_KNOWN, WHERE_FROM

if TYPE_CHECKING:
    from explorer.charts.chart import Chart
    from explorer.charts.sources import Source

COPY_DATA, COPY_PICTURE, EXPORT = "Copy data", "Copy picture", "Export…"
FREEZE, LINEAR = "Freeze axes", "Linear scale"


def chart_menu(chart: Chart, source: Source | None) -> QMenu:
    """The context menu of a chart over a figure, or over none. It deletes itself when it closes."""
    menu = QMenu(chart)
    menu.aboutToHide.connect(menu.deleteLater)
    if source is not None:
        where = menu.addAction(WHERE_FROM)
        where.setData(tuple(source))
        where.triggered.connect(chart.explain_asked)
        if source.report.basis:
            known = menu.addAction(HOW_KNOWN)
            known.setData((source.report,))
            known.triggered.connect(chart.evidence_asked)
        menu.addSeparator()
    has_figures = bool(chart.values().rows)
    for text, handler in ((COPY_DATA, chart.copy_data), (COPY_PICTURE, chart.copy_picture), (EXPORT, chart.ask_export)):
        action = menu.addAction(text)
        action.setEnabled(has_figures)
        action.triggered.connect(handler)
    if chart.can_freeze or chart.can_be_linear:
        menu.addSeparator()
    if chart.can_freeze:
        freeze = menu.addAction(FREEZE)
        freeze.setCheckable(True)
        freeze.setChecked(chart.frozen)
        freeze.setEnabled(has_figures)
        freeze.toggled.connect(chart.set_frozen)
    if chart.can_be_linear:
        linear = menu.addAction(LINEAR)
        linear.setCheckable(True)
        linear.setChecked(chart.linear)
        linear.toggled.connect(chart.set_linear)
    return menu


def copy_text(text: str) -> None:
    """Put text on the clipboard."""
    QGuiApplication.clipboard().setText(text)
