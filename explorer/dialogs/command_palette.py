"""The command palette: type a few letters of anything the window can do, and press Enter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QSize
from PySide6.QtWidgets import QWidget

from explorer import theme
from explorer.shell import fuzzy
from explorer.widgets.search import Entry, ListPopup

SIZE = QSize(560, 440)
TOP_SHARE = 0.12
"""How far below the window's top it opens, of the window's height."""
MOST_SHOWN = 200


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


class CommandPalette(ListPopup):
    """The commands that fit what was typed, the best first."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("Type a command, a file, an LLM or a part", "Commands that fit", parent)
        self.setObjectName("command_palette")
        self._commands: tuple[Command, ...] = ()
        self._used: list[str] = []

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

    def _filter(self, *_: object) -> None:
        self._model.clear()
        if self.query:
            for command in ranked(self._commands, self.query)[:MOST_SHOWN]:
                self._append(_entry(command, "   ".join(filter(None, (command.group, command.detail)))))
        else:
            self._list_all()
        if not self._model.rowCount():
            self._append_head("Nothing fits")
        self._mark()

    def _list_all(self) -> None:
        """All commands by group; before them those that were used last."""
        by_key = {command.key: command for command in self._commands}
        used = [by_key[key] for key in self._used if key in by_key]
        if used:
            self._append_head("Used last")
        for command in used:
            self._append(_entry(command, command.detail))
        self._list_groups(_entry(command, command.detail) for command in self._commands)

    def _take(self, entry: Entry) -> None:
        command = next(c for c in self._commands if c.key == entry.key)
        self._used = [entry.key, *(key for key in self._used if key != entry.key)][:5]
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
