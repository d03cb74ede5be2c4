"""The arrangements of the panels that have names: Design, Compare, Teach, and the user's own."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QSize

from explorer import layout
from explorer.layout import Layout

NAMES = ("design", "compare", "teach")
OWN = "own"
WORDS = {"design": "Design", "compare": "Compare", "teach": "Teach", OWN: "My layout"}
TEACH = replace(
    layout.LARGE,
    name="teach",
    left=(("palette",),),
    right=(("inspector", "findings"),),
    bottom=(("operator_time",), ("roofline",)),
    right_px=304,
    bottom_px=340,
    bottom_widths=(50, 50),
    right_heights=(1,),
)
"""Few panels and large ones: the chip, what it is made of, and the two charts that show the wall."""
TEACH_SMALL = replace(TEACH, left_px=160, right_px=288, bottom_px=248)
SMALL_BELOW = QSize(1500, 860)


def of(name: str, size: QSize) -> Layout:
    """The arrangement called "design", "compare" or "teach", for a window of a size."""
    if name == "compare":
        return layout.COMPARE
    if name == "teach":
        return TEACH if size.expandedTo(SMALL_BELOW) == size else TEACH_SMALL
    return layout.layout_for(size)
