"""Where the docks stand, for a large and for a small window; and when a remembered layout is void."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QSize, Qt, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDockWidget, QMainWindow

AREA = Qt.DockWidgetArea
LAYOUT_VERSION = 4


@dataclass(frozen=True)
class Layout:
    """One arrangement. Each tuple of dock names is one place; further names in it are tabs behind the first."""

    name: str
    left: tuple[tuple[str, ...], ...]
    right: tuple[tuple[str, ...], ...]
    strip: str
    bottom: tuple[tuple[str, ...], ...]
    left_px: int
    right_px: int
    bottom_px: int
    bottom_widths: tuple[int, ...]
    right_heights: tuple[int, ...]
    page: Literal["canvas", "compare"] = "canvas"
    """What stands in the middle."""


BOTTOM = (
    ("operator_time", "operators", "timeline", "mapping"),
    ("energy", "placement"),
    ("roofline", "memory_wall", "growth"),
)
"""The charts below the chip, in three places."""
LARGE = Layout(
    name="large",
    left=(("palette", "library"),),
    right=(("inspector",), ("findings",)),
    strip="headline",
    bottom=BOTTOM,
    left_px=184,
    right_px=336,
    bottom_px=288,
    bottom_widths=(40, 30, 30),
    right_heights=(2, 1),
)
SMALL = Layout(
    name="small",
    left=(("palette", "library"),),
    right=(("inspector", "findings"),),
    strip="headline",
    bottom=BOTTOM,
    left_px=160,
    right_px=304,
    bottom_px=228,
    bottom_widths=(36, 32, 32),
    right_heights=(1,),
)
SPACIOUS = Layout(
    name="spacious",
    left=LARGE.left,
    right=LARGE.right,
    strip=LARGE.strip,
    bottom=(("operator_time", "timeline", "mapping"), *BOTTOM[1:], ("operators",)),
    left_px=216,
    right_px=400,
    bottom_px=400,
    bottom_widths=(27, 22, 22, 29),
    right_heights=LARGE.right_heights,
)
FOUR_CHARTS = Layout(
    name="four charts",
    left=LARGE.left,
    right=LARGE.right,
    strip=LARGE.strip,
    bottom=(("operator_time",), ("energy",), ("roofline",), ("operators",)),
    left_px=LARGE.left_px,
    right_px=LARGE.right_px,
    bottom_px=LARGE.bottom_px,
    bottom_widths=(25, 25, 25, 25),
    right_heights=LARGE.right_heights,
)
COMPARE = Layout(
    name="compare",
    left=(),
    right=(),
    strip="",
    bottom=(),
    left_px=0,
    right_px=0,
    bottom_px=0,
    bottom_widths=(),
    right_heights=(),
    page="compare",
)
"""The comparison alone: it has a table, charts and controls of its own."""
BY_SIZE = ((SPACIOUS, QSize(2200, 1250)), (LARGE, QSize(1500, 860)))
"""Arrangements from the largest on, each with the smallest window that it is for."""

ALL_SIZES = (*(found for found, _ in BY_SIZE), SMALL)


def layout_for(size: QSize) -> Layout:
    """The arrangement for a window of this size."""
    return next((found for found, least in BY_SIZE if size.expandedTo(least) == size), SMALL)


def arrange(window: QMainWindow, docks: Mapping[str, QDockWidget], layout: Layout) -> None:
    """Put every dock where the layout says, whatever the user had done with it."""
    for dock in docks.values():
        dock.setFloating(False)
        window.removeDockWidget(dock)
    window.setCorner(Qt.Corner.BottomLeftCorner, AREA.BottomDockWidgetArea)
    window.setCorner(Qt.Corner.BottomRightCorner, AREA.BottomDockWidgetArea)
    _stack(window, docks, layout.left, AREA.LeftDockWidgetArea, Qt.Orientation.Vertical)
    _stack(window, docks, layout.right, AREA.RightDockWidgetArea, Qt.Orientation.Vertical)
    _bottom(window, docks, layout)
    for places in (layout.left, layout.right, layout.bottom):
        for place in places:
            docks[place[0]].raise_()
    size_docks(window, docks, layout)


def size_docks(window: QMainWindow, docks: Mapping[str, QDockWidget], layout: Layout) -> None:
    """Give the docks their sizes; Qt only heeds this once the window has its own."""
    first = [docks[place[0]] for place in layout.bottom]
    for side, width_px in ((layout.left, layout.left_px), (layout.right, layout.right_px)):
        if side:
            window.resizeDocks([docks[side[0][0]]], [width_px], Qt.Orientation.Horizontal)
    if not first:
        return
    window.resizeDocks(first, [layout.bottom_px] * len(first), Qt.Orientation.Vertical)
    window.resizeDocks(first, [w * window.width() // 100 for w in layout.bottom_widths], Qt.Orientation.Horizontal)
    right = [docks[place[0]] for place in layout.right]
    window.resizeDocks(right, [100 * h for h in layout.right_heights], Qt.Orientation.Vertical)


def signature(version: str) -> str:
    """What a remembered layout depends on; with another signature it is void."""
    screens = ",".join(f"{s.size().width()}x{s.size().height()}" for s in QGuiApplication.screens())
    return f"{LAYOUT_VERSION}/{version}/{qVersion()}/{screens}"


def _bottom(window: QMainWindow, docks: Mapping[str, QDockWidget], layout: Layout) -> None:
    """The strip on top, the row of charts below it, over the whole width."""
    area = AREA.BottomDockWidgetArea
    if not layout.strip:
        return
    strip = docks[layout.strip]
    window.addDockWidget(area, strip)
    previous = strip
    for n, place in enumerate(layout.bottom):
        first = docks[place[0]]
        window.splitDockWidget(previous, first, Qt.Orientation.Horizontal if n else Qt.Orientation.Vertical)
        previous = first
    strip.show()
    for place in layout.bottom:
        _tab(window, docks, place)


def _stack(
    window: QMainWindow,
    docks: Mapping[str, QDockWidget],
    places: tuple[tuple[str, ...], ...],
    area: Qt.DockWidgetArea,
    orientation: Qt.Orientation,
) -> None:
    for place in places:
        window.addDockWidget(area, docks[place[0]], orientation)
        _tab(window, docks, place)


def _tab(window: QMainWindow, docks: Mapping[str, QDockWidget], place: tuple[str, ...]) -> None:
    """Show the docks of one place, the further ones as tabs behind the first."""
    docks[place[0]].show()
    for name in place[1:]:
        window.tabifyDockWidget(docks[place[0]], docks[name])
        docks[name].show()
