"""Which keys stand for which action: those of the table, or those the user has chosen instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QKeyCombination, QObject, Qt, Signal
from PySide6.QtGui import QKeySequence

if TYPE_CHECKING:
    from explorer.actions import ActionSpec, Shortcut

Modifier = Qt.KeyboardModifier
CHORDS = Modifier.ControlModifier | Modifier.AltModifier | Modifier.MetaModifier
RESERVED = ("Esc", "Tab", "Shift+Tab", "Return", "Enter", "Space", "Left", "Right", "Up", "Down", "F10", "Menu")
"""Keys that move through any window or end what is under way."""
Format = QKeySequence.SequenceFormat


class Notifier(QObject):
    """Tells that actions have other keys."""

    changed = Signal()


notifier = Notifier()
_chosen: dict[str, str] = {}


def use(chosen: Mapping[str, str]) -> None:
    """Take the user's keys: action id -> sequences as text ("Ctrl+K; F"), empty for none."""
    if dict(chosen) != _chosen:
        _chosen.clear()
        _chosen.update(chosen)
        notifier.changed.emit()


def chosen() -> dict[str, str]:
    """The user's keys by action id; actions that keep the table's own are left out."""
    return dict(_chosen)


def keys_of(shortcut: Shortcut) -> list[QKeySequence]:
    """The key sequences of a standard key or of text such as "Ctrl+0; F"."""
    if not shortcut:
        return []
    if isinstance(shortcut, str):
        return QKeySequence.listFromString(shortcut)
    return QKeySequence.keyBindings(shortcut)


def default_keys(spec: ActionSpec) -> list[QKeySequence]:
    """The keys of the table, those of the whole window first."""
    return [*keys_of(spec.shortcut), *keys_of(spec.canvas_keys)]


def all_keys(spec: ActionSpec) -> list[QKeySequence]:
    """Every key that stands for an action now."""
    if spec.id in _chosen:
        return from_text(_chosen[spec.id])
    return default_keys(spec)


def window_keys(spec: ActionSpec) -> list[QKeySequence]:
    """The keys that hold in the whole window."""
    if spec.id in _chosen:
        # What belonged to the canvas alone still does: elsewhere such keys may edit text.
        return [] if spec.shortcut is None and spec.canvas_keys else [k for k in all_keys(spec) if not is_typed(k)]
    return keys_of(spec.shortcut)


def shown_keys(spec: ActionSpec) -> QKeySequence:
    """The keys that a menu names for an action: those of the whole window, else those of the canvas."""
    found = [*window_keys(spec), *all_keys(spec)]
    return found[0] if found else QKeySequence()


def shown_text(spec: ActionSpec) -> str:
    """The keys that a menu names, as this system writes them."""
    return shown_keys(spec).toString(Format.NativeText)


def first_of(keys: QKeySequence) -> QKeyCombination:
    """The first of the keys to press."""
    combination: QKeyCombination = keys[0]  # type: ignore[index]  # the stubs do not know
    return combination


def is_typed(keys: QKeySequence) -> bool:
    """True for keys that type text where there is a field: they can only hold on the canvas."""
    if not keys.count():
        return False
    first = first_of(keys)
    if first.keyboardModifiers() & CHORDS:
        return False
    return first.key() < Qt.Key.Key_Escape or first.key() == Qt.Key.Key_Backspace


def from_text(text: str) -> list[QKeySequence]:
    """Key sequences from text as the settings keep it; what is no key is left out."""
    return [keys for keys in QKeySequence.listFromString(text) if keys.count()]


def as_text(keys: Iterable[QKeySequence]) -> str:
    """Key sequences as the settings keep them."""
    return "; ".join(key.toString(Format.PortableText) for key in keys)


def refusal(keys: QKeySequence, spec: ActionSpec, on_canvas: bool) -> str:
    """Why these keys can't stand for an action; empty where they can."""
    text = keys.toString(Format.PortableText)
    if not text:
        return "Press the keys first."
    if text in RESERVED:
        return f"{text} moves through the window and can't be given away."
    if is_typed(keys) and not on_canvas:
        return f"{text} alone types text. Hold Ctrl or Alt with it, or take a function key."
    return ""


def holders(keys: QKeySequence, specs: Iterable[ActionSpec], apart: str = "") -> list[ActionSpec]:
    """The actions that have these keys now, but for the one with the id `apart`."""
    text = keys.toString()
    return [s for s in specs if s.id != apart and any(k.toString() == text for k in all_keys(s))]
