"""The arrangements of the panels that have names: Design, Compare, Teach, and those of the user."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QDockWidget, QMainWindow

from explorer import layout
from explorer.layout import Layout

OWN = "own:"
WORDS = {"design": "Design", "compare": "Compare", "teach": "Teach"}
TEACH = replace(
    layout.LARGE,
    name="teach",
    left=(("palette",),),
    right=(("inspector", "findings"),),
    bottom=(("memory_wall", "timeline"), ("roofline", "operator_time")),
    right_px=304,
    bottom_px=340,
    bottom_widths=(50, 50),
    right_heights=(1,),
)
"""Few panels and large ones: the chip, what it is made of, and the charts that show the wall."""
TEACH_SMALL = replace(TEACH, left_px=160, right_px=288, bottom_px=248)
SMALL_BELOW = QSize(1500, 860)


def of(name: str, size: QSize, docks: Collection[str]) -> Layout:
    """The arrangement of some docks called "compare", "teach", or any other name for "design", in a window's size."""
    if name == "compare":
        return layout.COMPARE
    if name != "teach":
        return layout.layout_for(size)
    wanted = TEACH if size.expandedTo(SMALL_BELOW) == size else TEACH_SMALL
    return replace(wanted, bottom=tuple(tuple(n for n in place if n in docks) for place in wanted.bottom))


def own(name: str) -> str:
    """The plan of an arrangement that the user has saved under a name."""
    return f"{OWN}{name}"


def name_of(shown: Layout) -> str:
    """The name of an arrangement: those for windows of several sizes are all Design."""
    return shown.name if shown.name in ("compare", "teach") else "design"


@dataclass(frozen=True)
class Places:
    """Where panels stand: QMainWindow.saveState, and those that are closed, which that state does not know of."""

    state: bytes = b""
    hidden: tuple[str, ...] = ()


def places_of(window: QMainWindow, docks: Mapping[str, QDockWidget]) -> Places:
    """Where the panels of a window stand."""
    hidden = tuple(name for name, dock in docks.items() if dock.isHidden())
    return Places(bytes(window.saveState(layout.LAYOUT_VERSION).data()), hidden)


def put_back(window: QMainWindow, docks: Mapping[str, QDockWidget], places: Places) -> bool:
    """Put panels back where they stood; False where that was under another version of the panels."""
    if not window.restoreState(places.state, layout.LAYOUT_VERSION):
        return False
    for name in places.hidden:
        if name in docks:
            docks[name].hide()
    return True
