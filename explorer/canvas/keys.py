"""What keys do on the canvas, and its context menu: both read the one table of actions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QKeyCombination, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QMenu

from explorer import keymap
from explorer.actions import ACTIONS, BY_ID, shown_keys

if TYPE_CHECKING:
    from explorer.canvas.canvas import Canvas

Key = Qt.Key
Modifier = Qt.KeyboardModifier
ARROWS = {Key.Key_Left: (-1, 0), Key.Key_Right: (1, 0), Key.Key_Up: (0, -1), Key.Key_Down: (0, 1)}
COARSE_STEPS = 10
PAN_PX = 48

COMMANDS: dict[str, Callable[[Canvas], None]] = {
    "cut": lambda view: view.cut_selection(),
    "copy": lambda view: view.copy_selection(),
    "paste": lambda view: view.paste(),
    "duplicate": lambda view: view.duplicate_selection(),
    "array": lambda view: view.ask_for_array(),
    "rename": lambda view: view.rename_selected(),
    "lock": lambda view: view.toggle_lock(),
    "align_left": lambda view: view.align("left"),
    "align_centre": lambda view: view.align("centre"),
    "align_right": lambda view: view.align("right"),
    "align_top": lambda view: view.align("top"),
    "align_middle": lambda view: view.align("middle"),
    "align_bottom": lambda view: view.align("bottom"),
    "distribute_across": lambda view: view.distribute("across"),
    "distribute_down": lambda view: view.distribute("down"),
    "turn": lambda view: view.turn_selection(),
    "wider": lambda view: view.reshape_selection(1),
    "narrower": lambda view: view.reshape_selection(-1),
    "delete": lambda view: view.delete_selected(),
    "arrange": lambda view: view.ask_to_arrange(),
    "select_all": lambda view: view.select_all(),
    "select_next": lambda view: view.select_next(),
    "select_previous": lambda view: view.select_next(-1),
    "select_second": lambda view: view.select_second(),
    "select_link": lambda view: view.select_link(),
    "connect": lambda view: view.connect_selected(),
    "link_mode": lambda view: view.set_mode("select" if view.mode == "connect" else "connect"),
    "zoom_in": lambda view: view.zoom_in(),
    "zoom_out": lambda view: view.zoom_out(),
    "zoom_fit": lambda view: view.fit(),
    "fit_selection": lambda view: view.fit_selection(),
    "snap": lambda view: view.set_snap(not view.snap_enabled),
    "minimap": lambda view: view.set_minimap(not view.minimap.on),
    "overlay_use": lambda view: view.set_overlay("use"),
    "overlay_power": lambda view: view.set_overlay("power"),
    "overlay_traffic": lambda view: view.set_overlay("traffic"),
    "overlay_bound": lambda view: view.set_overlay("bound"),
    "overlay_weights": lambda view: view.set_overlay("weights"),
    "overlay_kinds": lambda view: view.set_overlay("kinds"),
}
"""What those actions do that concern the canvas, by id."""
ALIGN = (
    "align_left", "align_centre", "align_right", None, "align_top", "align_middle", "align_bottom", None,
    "distribute_across", "distribute_down",
)  # fmt: skip
BLOCK_MENU = (
    "cut", "copy", "duplicate", "array", None, "rename", "turn", "lock", ("&Align", ALIGN), "arrange", None, "connect",
    None, "fit_selection", "delete",
)  # fmt: skip
LINK_MENU = ("delete", None, "link_mode", "select_all")
OVERLAYS = (
    "overlay_use", "overlay_power", "overlay_traffic", "overlay_bound", "overlay_weights", "overlay_kinds",
)  # fmt: skip
GROUND_MENU = (
    "paste", None, "select_all", "link_mode", "arrange", None, ("&Overlay", OVERLAYS), "snap", "minimap", "zoom_fit",
)  # fmt: skip
"""Ids of actions; None for a separator, (title, ids) for a submenu."""
Entry = str | None | tuple[str, tuple[str | None, ...]]


@cache
def bindings() -> dict[str, str]:
    """Key sequence in portable text -> id of the action that it stands for on the canvas."""
    specs = [spec for spec in ACTIONS if spec.id in COMMANDS]
    return {k.toString(): spec.id for spec in specs for k in keymap.all_keys(spec)}


keymap.notifier.changed.connect(bindings.cache_clear)


def command_of(event: QKeyEvent) -> Callable[[Canvas], None] | None:
    """What a key stands for; "+" is the same key with Shift on one keyboard and without it on another."""
    key, held = Key(event.key()), event.modifiers() & ~Modifier.KeypadModifier
    tried = [held] if event.text().isalpha() else [held, held & ~Modifier.ShiftModifier]
    texts = (QKeySequence(QKeyCombination(modifiers, key)).toString() for modifiers in tried)
    return next((COMMANDS[bindings()[text]] for text in texts if text in bindings()), None)


def press(view: Canvas, event: QKeyEvent) -> bool:
    """Do what a key asks for; False where it asks for nothing here."""
    key, held = Key(event.key()), event.modifiers()
    if key == Key.Key_Escape:
        view.escape()
    elif view.gesture is not None:
        return True  # nothing else in the middle of a gesture
    elif key == Key.Key_Space:
        if not event.isAutoRepeat():
            view.hold_space(True)
    elif key in ARROWS and not held & Modifier.ControlModifier:
        _arrow(view, key, COARSE_STEPS if held & Modifier.ShiftModifier else 1, event.isAutoRepeat())
    elif key in (Key.Key_Return, Key.Key_Enter):
        view.activate_selected()
    elif (run := command_of(event)) is not None:
        run(view)
    else:
        return False
    return True


def _arrow(view: Canvas, key: Key, steps: int, repeated: bool) -> None:
    """Nudge the selection; without one, pan. A key held down is one gesture."""
    dx, dy = ARROWS[key]
    if not view.document.selection & view.chip.blocks.keys():
        view.pan(-dx * PAN_PX, -dy * PAN_PX)
        return
    if not repeated or view.nudging is None:
        view.nudging = view.document.new_gesture()
    view.nudge(dx * steps, dy * steps, view.nudging)


def context_menu(view: Canvas) -> QMenu:
    """What can be done with what is selected, as the one table of actions words it; deleted when it closes."""
    chosen = view.document.selection
    entries = BLOCK_MENU if chosen & view.chip.blocks.keys() else LINK_MENU if chosen else GROUND_MENU
    menu = QMenu(view)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    _fill(menu, view, entries)
    return menu


def _fill(menu: QMenu, view: Canvas, entries: tuple[Entry, ...]) -> None:
    for entry in entries:
        if entry is None:
            menu.addSeparator()
        elif isinstance(entry, tuple):
            _fill(menu.addMenu(entry[0]), view, entry[1])
        else:
            spec = BY_ID[entry]
            action = menu.addAction(spec.text, partial(COMMANDS[entry], view))
            action.setShortcut(shown_keys(spec))
            action.setShortcutVisibleInContextMenu(True)
            action.setEnabled(spec.enabled(view.document))
