"""Choosing other keys: conflicts, refusals, reset, that they work in the window, and that they are kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from pytestqt.qtbot import QtBot

from explorer import keymap, settings
from explorer.actions import ACTIONS, BY_ID
from explorer.dialogs.shortcut_page import ShortcutPage
from explorer.settings import Preferences
from explorer.shell import shortcuts
from tests.explorer.shell_window import make

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(autouse=True)
def own_keys() -> Iterator[None]:
    yield
    keymap.use({})


@pytest.fixture
def page(qtbot: QtBot) -> ShortcutPage:
    made = ShortcutPage({})
    qtbot.addWidget(made)
    made.show()
    return made


def press(qtbot: QtBot, page: ShortcutPage, key: Qt.Key, modifiers: Qt.KeyboardModifier) -> None:
    page.edit.setFocus()
    qtbot.keyClick(page.edit, key, modifiers)


def test_free_keys_are_given(qtbot: QtBot, page: ShortcutPage) -> None:
    page.choose("pin")
    press(qtbot, page, Qt.Key.Key_J, CTRL)
    assert page.note.text() == "Ctrl+J is free."
    with qtbot.waitSignal(page.changed) as told:
        qtbot.mouseClick(page.set_button, Qt.MouseButton.LeftButton)
    assert told.args == [{"pin": "Ctrl+J"}]
    assert page.keys_shown("pin") == "Ctrl+J"


def test_a_conflict_is_told_and_taken_over(qtbot: QtBot, page: ShortcutPage) -> None:
    page.choose("pin")
    press(qtbot, page, Qt.Key.Key_D, CTRL)
    assert "belongs to “Duplicate”" in page.note.text()
    qtbot.mouseClick(page.set_button, Qt.MouseButton.LeftButton)
    assert page.keys_shown("pin") == "Ctrl+D"
    assert page.keys_shown("duplicate") == ""
    page.choose("duplicate")
    qtbot.mouseClick(page.reset_button, Qt.MouseButton.LeftButton)
    assert page.keys_shown("duplicate") == "Ctrl+D"
    assert page.keys_shown("pin") == ""
    qtbot.mouseClick(page.reset_all_button, Qt.MouseButton.LeftButton)
    assert page.chosen == {}
    assert not page.reset_all_button.isEnabled()


def test_letters_are_refused_where_text_is_typed(qtbot: QtBot, page: ShortcutPage) -> None:
    page.choose("save")
    press(qtbot, page, Qt.Key.Key_J, Qt.KeyboardModifier.NoModifier)
    assert "types text" in page.note.text()
    assert not page.set_button.isEnabled()
    page.choose("turn")
    press(qtbot, page, Qt.Key.Key_J, Qt.KeyboardModifier.NoModifier)
    assert page.set_button.isEnabled()


def test_find_narrows_the_list_by_words_and_by_keys(qtbot: QtBot, page: ShortcutPage) -> None:
    def shown() -> list[str]:
        items = (page.list.topLevelItem(n) for n in range(page.list.topLevelItemCount()))
        return [item.text(0) for item in items if item is not None and not item.isHidden()]

    qtbot.keyClicks(page.search, "dupl")
    assert shown() == ["Duplicate"]
    page.search.clear()
    qtbot.keyClicks(page.search, "Ctrl+Q")
    assert shown() == ["Quit"]
    page.search.clear()
    assert len(shown()) == len(ACTIONS)


def test_chosen_keys_work_at_once_and_are_kept(qtbot: QtBot) -> None:
    window = make(qtbot, Preferences())
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    dialog = window.shell.open_preferences()
    dialog.shortcuts.choose("select_all")
    press(qtbot, dialog.shortcuts, Qt.Key.Key_J, CTRL)
    qtbot.mouseClick(dialog.shortcuts.set_button, Qt.MouseButton.LeftButton)
    dialog.shortcuts.choose("turn")
    press(qtbot, dialog.shortcuts, Qt.Key.Key_J, Qt.KeyboardModifier.NoModifier)
    qtbot.mouseClick(dialog.shortcuts.set_button, Qt.MouseButton.LeftButton)
    dialog.close()
    assert window.commands["select_all"].shortcut().toString() == "Ctrl+J"
    assert "(Ctrl+J)" in window.commands["select_all"].toolTip()
    assert settings.load().shortcuts == {"select_all": "Ctrl+J", "turn": "J"}
    window.canvas.setFocus()
    qtbot.keyClick(window.canvas, Qt.Key.Key_J, CTRL)
    assert window.document.selection >= {b.id for b in window.document.design.blocks}
    before = window.document.design
    qtbot.keyClick(window.canvas, Qt.Key.Key_R)
    assert window.document.design is before
    qtbot.keyClick(window.canvas, Qt.Key.Key_J)
    assert window.document.design is not before
    window.close()
    keymap.use({})
    again = make(qtbot, settings.load())
    assert again.commands["turn"].shortcut().toString() == "J"
    again.close()


KEYS = st.sampled_from(["Ctrl+J", "Ctrl+D", "Ctrl+S", "F9", "Ctrl+Shift+P", "J", "Del", ""])


@given(st.dictionaries(st.sampled_from([*BY_ID, "gone"]), KEYS, max_size=6))
def test_whatever_is_remembered_gives_no_key_twice(chosen: dict[str, str]) -> None:
    good = shortcuts.valid(chosen)
    taken = [k.toString() for spec in ACTIONS for k in shortcuts.keys_in(good, spec)]
    assert len(taken) == len(set(taken))
    assert "gone" not in good


@given(st.lists(st.tuples(st.sampled_from(list(BY_ID)), st.sampled_from(["Ctrl+J", "Ctrl+D", "F9", "Ctrl+S"]))))
def test_giving_and_resetting_never_shares_a_key(steps: list[tuple[str, str]]) -> None:
    chosen: dict[str, str] = {}
    for action_id, keys in steps:
        chosen = shortcuts.given(chosen, action_id, QKeySequence(keys))
        taken = [k.toString() for spec in ACTIONS for k in shortcuts.keys_in(chosen, spec)]
        assert len(taken) == len(set(taken))
    for action_id in list(chosen):
        chosen = shortcuts.reset(chosen, action_id)
        assert action_id not in chosen
