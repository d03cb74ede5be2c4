"""The page of the preferences on which every action gets the keys that the user wants."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from explorer import keymap, theme
from explorer.actions import ACTIONS, BY_ID
from explorer.canvas.keys import COMMANDS as CANVAS_COMMANDS
from explorer.shell import fuzzy, shortcuts
from explorer.widgets.style import Tinted

ID = Qt.ItemDataRole.UserRole
COLUMNS = ("Action", "Menu", "Keys")
Native = QKeySequence.SequenceFormat.NativeText


class ShortcutPage(QWidget):
    """A list of the actions with their keys; below it, the keys of the chosen one can be changed."""

    changed = Signal(object)
    """dict of action id to keys, of those that differ from the table."""

    def __init__(self, chosen: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chosen = dict(chosen)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Find an action or keys")
        self.search.setAccessibleName("Find an action or keys")
        self.search.setClearButtonEnabled(True)
        self.list = self._make_list()
        self.edit = QKeySequenceEdit(self)
        self.edit.setMaximumSequenceLength(1)
        self.edit.setAccessibleName("New keys")
        self.note = Tinted("", "muted")
        self.note.setWordWrap(True)
        self.note.setMinimumHeight(2 * self.fontMetrics().height())
        self.note.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.set_button = self._button("&Set", "Give these keys to the chosen action")
        self.clear_button = self._button("&No keys", "Take all keys from the chosen action")
        self.reset_button = self._button("&Reset", "Give the chosen action its own keys back")
        self.reset_all_button = self._button("Reset &all", "Give every action its own keys back")
        self._lay_out()
        self._wire()
        self.refresh()

    def _make_list(self) -> QTreeWidget:
        made = QTreeWidget(self)
        made.setColumnCount(len(COLUMNS))
        made.setHeaderLabels(list(COLUMNS))
        made.setRootIsDecorated(False)
        made.setUniformRowHeights(True)
        made.setAllColumnsShowFocus(True)
        made.setAccessibleName("Actions")
        made.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        made.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        made.header().setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        for spec in ACTIONS:
            item = QTreeWidgetItem([shortcuts.title(spec), shortcuts.group(spec), ""])
            item.setData(0, ID, spec.id)
            item.setToolTip(0, spec.tip)
            made.addTopLevelItem(item)
        return made

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        return button

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        margin = 2 * theme.GRID_PX
        column.setContentsMargins(margin, margin, margin, margin)
        column.setSpacing(theme.GRID_PX)
        column.addWidget(self.search)
        column.addWidget(self.list, 1)
        row = QHBoxLayout()
        row.setSpacing(theme.GRID_PX)
        label = QLabel("New ke&ys", self)
        label.setBuddy(self.edit)
        row.addWidget(label)
        row.addWidget(self.edit, 1)
        for button in (self.set_button, self.clear_button, self.reset_button, self.reset_all_button):
            row.addWidget(button)
        column.addLayout(row)
        column.addWidget(self.note)

    def _wire(self) -> None:
        self.search.textChanged.connect(self._filter)
        self.list.currentItemChanged.connect(self._on_current)
        self.list.itemActivated.connect(self.edit.setFocus)
        self.edit.keySequenceChanged.connect(self._judge)
        self.set_button.clicked.connect(self._set)
        self.clear_button.clicked.connect(self._clear)
        self.reset_button.clicked.connect(self._reset)
        self.reset_all_button.clicked.connect(self._reset_all)

    @property
    def current(self) -> str:
        """The id of the chosen action, empty where none is."""
        item = self.list.currentItem()
        return str(item.data(0, ID)) if item is not None else ""

    def choose(self, action_id: str) -> None:
        """Choose an action in the list."""
        items = (self.list.topLevelItem(n) for n in range(self.list.topLevelItemCount()))
        self.list.setCurrentItem(next(item for item in items if item is not None and item.data(0, ID) == action_id))

    def keys_shown(self, action_id: str) -> str:
        """The keys that the list names for an action."""
        keys = shortcuts.keys_in(self.chosen, BY_ID[action_id])
        # Not the "Save" and "Open" keys that few keyboards have.
        return ", ".join(k.toString(Native) for k in keys if keymap.first_of(k).key() < Qt.Key.Key_Back)

    def refresh(self) -> None:
        """Show every action's keys; those the user has chosen stand in bold."""
        for n in range(self.list.topLevelItemCount()):
            item = self.list.topLevelItem(n)
            if item is None:
                continue
            action_id = str(item.data(0, ID))
            item.setText(2, self.keys_shown(action_id))
            item.setFont(2, theme.text_font(bold=action_id in self.chosen))
        self.reset_all_button.setEnabled(bool(self.chosen))
        self._filter()
        self._judge()

    def _filter(self, *_: object) -> None:
        query = self.search.text().strip()
        for n in range(self.list.topLevelItemCount()):
            item = self.list.topLevelItem(n)
            if item is not None:
                keys = item.text(2).casefold()
                fits = not query or query.casefold() in keys or fuzzy.score(query, item.text(0)) is not None
                item.setHidden(not fits)

    def _on_current(self, *_: object) -> None:
        self.edit.clear()
        self._judge()

    def _judge(self, *_: object) -> None:
        """Say what the typed keys would do."""
        action_id, keys = self.current, self.edit.keySequence()
        known = bool(action_id)
        self.edit.setEnabled(known)
        self.clear_button.setEnabled(known and bool(self.keys_shown(action_id)) if known else False)
        self.reset_button.setEnabled(action_id in self.chosen)
        trouble = self._trouble(action_id, keys) if known else ""
        self.set_button.setEnabled(known and bool(keys.count()) and not trouble)
        self.note.set_tint("error" if trouble else "muted")
        self.note.setText(trouble or self._words(action_id, keys))

    def _trouble(self, action_id: str, keys: QKeySequence) -> str:
        if not keys.count():
            return ""
        spec = BY_ID[action_id]
        return keymap.refusal(keys, spec, on_canvas=action_id in CANVAS_COMMANDS)

    def _words(self, action_id: str, keys: QKeySequence) -> str:
        if not action_id:
            return "Choose an action, then press its new keys."
        if not keys.count():
            return f"Press the new keys for “{shortcuts.title(BY_ID[action_id])}”."
        others = shortcuts.conflicts(self.chosen, keys, action_id)
        if not others:
            return f"{keys.toString(Native)} is free."
        names = " and ".join(f"“{shortcuts.title(spec)}”" for spec in others)
        return f"{keys.toString(Native)} belongs to {names}, which would lose it."

    def _set(self) -> None:
        keys = self.edit.keySequence()
        if self.set_button.isEnabled():
            self._take(shortcuts.given(self.chosen, self.current, keys))

    def _clear(self) -> None:
        self._take(shortcuts.cleared(self.chosen, self.current))

    def _reset(self) -> None:
        self._take(shortcuts.reset(self.chosen, self.current))

    def _reset_all(self) -> None:
        self._take({})

    def _take(self, chosen: dict[str, str]) -> None:
        self.chosen = chosen
        self.edit.clear()
        self.refresh()
        self.changed.emit(dict(chosen))
