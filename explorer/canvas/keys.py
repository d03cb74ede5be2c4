"""What keys do on the canvas, and the same as entries of its context menu."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

if TYPE_CHECKING:
    from explorer.canvas.canvas import Canvas

Key = Qt.Key
ARROWS = {Key.Key_Left: (-1, 0), Key.Key_Right: (1, 0), Key.Key_Up: (0, -1), Key.Key_Down: (0, 1)}
COARSE_STEPS = 10
PAN_PX = 48


def press(view: Canvas, event: QKeyEvent) -> bool:
    """Do what a key asks for; False where it asks for nothing here."""
    control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
    shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
    key = Key(event.key())
    if key == Key.Key_Escape:
        view.escape()
    elif view.gesture is not None:
        return True  # nothing else in the middle of a gesture
    elif key == Key.Key_Space and not event.isAutoRepeat():
        view.hold_space(True)
    elif key in ARROWS and not control:
        _arrow(view, key, COARSE_STEPS if shift else 1, event.isAutoRepeat())
    else:
        run = _plain(view, shift).get(key) if not control else _with_control(view).get(key)
        if run is None:
            return key == Key.Key_Space
        run()
    return True


def _plain(view: Canvas, shift: bool) -> dict[Key, Callable[[], None]]:
    return {
        Key.Key_Delete: view.delete_selected,
        Key.Key_Backspace: view.delete_selected,
        Key.Key_F: view.fit_selection if shift else view.fit,
        Key.Key_C: lambda: view.set_mode("select" if view.mode == "connect" else "connect"),
        Key.Key_G: lambda: view.set_snap(not view.snap_enabled),
        Key.Key_R: view.turn_selection,
        Key.Key_N: lambda: view.select_next(-1 if shift else 1),
        Key.Key_Return: view.activate_selected,
        Key.Key_Enter: view.activate_selected,
        Key.Key_Plus: view.zoom_in,
        Key.Key_Equal: view.zoom_in,
        Key.Key_Minus: view.zoom_out,
    }


def _with_control(view: Canvas) -> dict[Key, Callable[[], None]]:
    return {
        Key.Key_A: view.select_all,
        Key.Key_D: view.duplicate_selection,
        Key.Key_0: view.fit,
        Key.Key_Plus: view.zoom_in,
        Key.Key_Equal: view.zoom_in,
        Key.Key_Minus: view.zoom_out,
    }


def _arrow(view: Canvas, key: Key, steps: int, repeated: bool) -> None:
    """Nudge the selection; without one, pan. A key held down is one gesture."""
    dx, dy = ARROWS[key]
    if not view.document.selection & view.chip.blocks.keys():
        view.pan(-dx * PAN_PX, -dy * PAN_PX)
        return
    if not repeated or view.nudging is None:
        view.nudging = view.document.new_gesture()
    view.nudge(dx * steps, dy * steps, view.nudging)


@dataclass(frozen=True)
class Entry:
    """A line of the context menu."""

    text: str
    shortcut: QKeySequence
    run: Callable[[], None]
    enabled: bool = True


def menu_entries(view: Canvas) -> list[Entry | None]:
    """The context menu, None for a separator."""
    blocks = bool(view.document.selection & view.chip.blocks.keys())
    return [
        Entry("Duplicate", QKeySequence("Ctrl+D"), view.duplicate_selection, blocks),
        Entry("Turn by 90°", QKeySequence("R"), view.turn_selection, blocks),
        Entry("Delete", QKeySequence("Del"), view.delete_selected, bool(view.document.selection)),
        None,
        Entry("Select all", QKeySequence("Ctrl+A"), view.select_all, bool(view.chip.blocks)),
        Entry("Zoom to selection", QKeySequence("Shift+F"), view.fit_selection, blocks),
        Entry("Fit", QKeySequence("F"), view.fit),
    ]
