"""Changing the keys of actions: giving, taking away, and back to the table's own. Pure; returns what to keep."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtGui import QKeySequence

from explorer import keymap
from explorer.actions import ACTIONS, BY_ID, ActionSpec

Chosen = Mapping[str, str]


def title(spec: ActionSpec) -> str:
    """An action's words without marks."""
    return spec.text.replace("&", "").rstrip("…")


def group(spec: ActionSpec) -> str:
    """The menu that an action stands in, such as "View › Theme"."""
    return spec.menu.replace("&", "").replace("/", " › ")


def keys_in(chosen: Chosen, spec: ActionSpec) -> list[QKeySequence]:
    """The keys that an action has under a choice of keys."""
    if spec.id in chosen:
        return keymap.from_text(chosen[spec.id])
    return keymap.default_keys(spec)


def conflicts(chosen: Chosen, keys: QKeySequence, action_id: str) -> tuple[ActionSpec, ...]:
    """The other actions that have these keys, or keys that these begin with, or that begin with these."""
    return tuple(
        spec for spec in ACTIONS if spec.id != action_id and any(_clash(keys, held) for held in keys_in(chosen, spec))
    )


def given(chosen: Chosen, action_id: str, keys: QKeySequence) -> dict[str, str]:
    """The choice in which an action has these keys alone, and no other action has them."""
    result = dict(chosen)
    for other in conflicts(chosen, keys, action_id):
        kept = [held for held in keys_in(chosen, other) if not _clash(keys, held)]
        result[other.id] = keymap.as_text(kept)
    result[action_id] = keymap.as_text([keys])
    return _tidied(result)


def cleared(chosen: Chosen, action_id: str) -> dict[str, str]:
    """The choice in which an action has no keys."""
    return _tidied({**chosen, action_id: ""})


def reset(chosen: Chosen, action_id: str) -> dict[str, str]:
    """The choice in which an action has the keys of the table; whoever had them meanwhile loses them."""
    result = {key: text for key, text in chosen.items() if key != action_id}
    for keys in keymap.default_keys(BY_ID[action_id]):
        for other in conflicts(result, keys, action_id):
            result[other.id] = keymap.as_text(k for k in keys_in(result, other) if not _clash(keys, k))
    return _tidied(result)


def valid(chosen: Chosen) -> dict[str, str]:
    """What of a remembered choice still makes sense: known actions, and no keys twice."""
    result: dict[str, str] = {}
    for action_id, text in chosen.items():
        if action_id in BY_ID:
            result[action_id] = keymap.as_text(keymap.from_text(text))
    taken: set[str] = set()
    for action_id in result:
        kept = [k for k in keymap.from_text(result[action_id]) if k.toString() not in taken]
        taken |= {k.toString() for k in kept}
        result[action_id] = keymap.as_text(kept)
    for spec in ACTIONS:
        if spec.id not in result and any(k.toString() in taken for k in keymap.default_keys(spec)):
            result[spec.id] = keymap.as_text(k for k in keymap.default_keys(spec) if k.toString() not in taken)
    return _tidied(result)


def _tidied(chosen: Chosen) -> dict[str, str]:
    """Without actions that have the table's own keys."""
    return {key: text for key, text in chosen.items() if text != keymap.as_text(keymap.default_keys(BY_ID[key]))}


def _clash(a: QKeySequence, b: QKeySequence) -> bool:
    none = QKeySequence.SequenceMatch.NoMatch
    return bool(a.count() and b.count()) and (a.matches(b) != none or b.matches(a) != none)
