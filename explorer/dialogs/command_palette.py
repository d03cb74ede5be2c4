"""The command palette: type a few letters of anything the window can do, and press Enter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QSize, Qt
from PySide6.QtGui import QKeyEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QFrame, QLineEdit, QListView, QVBoxLayout, QWidget

from explorer import theme
from explorer.shell import fuzzy
from explorer.widgets.search import ENTRY_ROLE, LIST_KEYS, Entry, EntryDelegate

SIZE = QSize(560, 440)
TOP_SHARE = 0.12
"""How far below the window's top it opens, of the window's height."""
MOST_SHOWN = 200
WORST = float("-inf")


@dataclass(frozen=True)
class Command:
    """One thing to do: its name, its group, the keys that do it too, and what does it."""

    key: str
    name: str
    group: str
    run: Callable[[], object]
    detail: str = ""
    """Keys, or a word on what it is; stands at the right."""
    also: tuple[str, ...] = ()
    """Other words that find it."""
    reason: str = ""
    """Why it can't be done now; empty where it can."""


class CommandPalette(QFrame):
    """A line to type into above the commands that fit, the best first. Enter does the marked one, Escape closes."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("command_palette")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._commands: tuple[Command, ...] = ()
        self._used: list[str] = []
        self.line = QLineEdit(self)
        self.line.setPlaceholderText("Type a command, a file, an LLM or a part")
        self.line.setAccessibleName("Command")
        self.line.setClearButtonEnabled(True)
        self.line.installEventFilter(self)
        self._model = QStandardItemModel(self)
        self.list = self._make_list()
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GRID_PX, theme.GRID_PX, theme.GRID_PX, theme.GRID_PX)
        column.setSpacing(theme.GRID_PX)
        column.addWidget(self.line)
        column.addWidget(self.list, 1)
        self.setFocusProxy(self.line)
        self.line.textChanged.connect(self._filter)
        self.line.returnPressed.connect(self._do_current)
        self.list.clicked.connect(self._do)

    def _make_list(self) -> QListView:
        made = QListView(self)
        made.setModel(self._model)
        made.setItemDelegate(EntryDelegate(made))
        made.setFrameShape(QFrame.Shape.NoFrame)
        made.setMouseTracking(True)
        made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        made.setAccessibleName("Commands that fit")
        return made

    def open_over(self, window: QWidget, commands: Iterable[Command]) -> None:
        """Show the commands in the upper middle of a window, those used last on top."""
        self._commands = tuple(commands)
        self.resize(SIZE.boundedTo(window.size() - QSize(4 * theme.GRID_PX, 4 * theme.GRID_PX)))
        corner = QPoint((window.width() - self.width()) // 2, round(window.height() * TOP_SHARE))
        self.move(window.mapToGlobal(corner))
        self.line.clear()
        self._filter()
        self.show()
        self.line.setFocus()

    def shown(self) -> tuple[str, ...]:
        """Keys of the commands on show, from top to bottom."""
        entries = (self._model.item(row).data(ENTRY_ROLE) for row in range(self._model.rowCount()))
        return tuple(e.key for e in entries if e is not None)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """The arrow keys move through the list while the line keeps the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in LIST_KEYS:
            self.list.keyPressEvent(event)
            return True
        return False

    def _filter(self, *_: object) -> None:
        query = self.line.text().strip()
        self._model.clear()
        if query:
            for command in ranked(self._commands, query)[:MOST_SHOWN]:
                detail = "   ".join(filter(None, (command.group, command.detail)))
                self._append(_entry(command, detail))
        else:
            self._list_all()
        if not self._model.rowCount():
            self._append_head("Nothing fits")
        self._mark_first()

    def _list_all(self) -> None:
        """All commands by group; before them those that were used last."""
        by_key = {command.key: command for command in self._commands}
        used = [by_key[key] for key in self._used if key in by_key]
        if used:
            self._append_head("Used last")
        for command in used:
            self._append(_entry(command, command.detail))
        group = ""
        for command in self._commands:
            if command.group != group:
                group = command.group
                self._append_head(group)
            self._append(_entry(command, command.detail))

    def _append(self, entry: Entry) -> None:
        item = QStandardItem(entry.name)
        item.setData(entry, ENTRY_ROLE)
        usable = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        item.setFlags(Qt.ItemFlag.NoItemFlags if entry.reason else usable)
        self._model.appendRow(item)

    def _append_head(self, text: str) -> None:
        item = QStandardItem(text)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        self._model.appendRow(item)

    def _mark_first(self) -> None:
        rows = (self._model.item(row) for row in range(self._model.rowCount()))
        first = next((item for item in rows if item.flags() & Qt.ItemFlag.ItemIsEnabled), None)
        if first is not None:
            self.list.setCurrentIndex(first.index())
        self.list.scrollToTop()

    def _do_current(self) -> None:
        self._do(self.list.currentIndex())

    def _do(self, index: QModelIndex) -> None:
        entry = index.data(ENTRY_ROLE) if index.isValid() else None
        if entry is None or entry.reason:
            return
        command = next(c for c in self._commands if c.key == entry.key)
        self._used = [entry.key, *(key for key in self._used if key != entry.key)][:5]
        # First away, then done: what the command opens must not lose its focus to a popup that closes.
        self.hide()
        command.run()


def ranked(commands: Sequence[Command], query: str) -> list[Command]:
    """The commands that fit, the best first; those that can't be done now behind their equals."""
    scored = [(fuzzy.best(query, _names(c), c.also), -n, c) for n, c in enumerate(commands)]
    found = [(score - (1.0 if c.reason else 0.0), n, c) for score, n, c in scored if score is not None]
    return [c for _, _, c in sorted(found, key=lambda one: one[:2], reverse=True)]


def _names(command: Command) -> tuple[str, ...]:
    return (command.name, f"{command.group} {command.name}")


def _entry(command: Command, detail: str) -> Entry:
    return Entry(command.key, command.name, detail, command.group, command.reason, command.also)
