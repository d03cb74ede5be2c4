"""Which columns of a table are on show: as many as have room, the most telling first, or those that the user chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolButton

AUTOMATIC = "As many as have room"


def with_room(order: Sequence[str], widths: Mapping[str, int], room: int, chosen: Mapping[str, bool]) -> frozenset[str]:
    """The columns to show in `room` pixels: those that were chosen, then others by `order` while they fit.

    The first of `order` is always there; columns that were chosen away never are.
    """
    shown = {key for key, on in chosen.items() if on} | set(order[:1])
    left = room - sum(widths[key] for key in shown)
    for key in order:
        if key in shown or key in chosen:
            continue
        if widths[key] > left:
            break  # A less telling one that is narrow would only stand where this one is looked for.
        shown.add(key)
        left -= widths[key]
    return frozenset(shown)


class ColumnChooser(QObject):
    """The button "Columns" with a menu of all; what is not chosen there is on show as long as it has room."""

    changed = Signal()

    def __init__(self, titles: Iterable[tuple[str, str, str]], order: Sequence[str], parent: QObject) -> None:
        """`titles` are (key, title, what it means) in the order of the table, `order` the keys by importance."""
        super().__init__(parent)
        self._order = tuple(order)
        self.chosen: dict[str, bool] = {}
        self.button = QToolButton()
        self.button.setText("Columns")
        self.button.setAutoRaise(True)
        self.button.setToolTip("Choose which columns are on show")
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(self.button)
        self.menu.setToolTipsVisible(True)
        self._automatic = self.menu.addAction(AUTOMATIC, self.let_go)
        self.menu.addSeparator()
        self._actions = {key: self._entry(key, title, tip) for key, title, tip in titles}
        self.button.setMenu(self.menu)
        self._say()

    def shown(self, widths: Mapping[str, int], room: int) -> frozenset[str]:
        """The columns to show in so many pixels; the menu ticks them."""
        found = with_room(self._order, widths, room, self.chosen)
        for key, action in self._actions.items():
            action.setChecked(key in found)
        return found

    def choose(self, key: str, on: bool) -> None:
        """Show or hide a column whatever the room."""
        self.chosen[key] = on
        self._say()
        self.changed.emit()

    def let_go(self) -> None:
        """Show as many as have room again."""
        self.chosen.clear()
        self._say()
        self.changed.emit()

    def _entry(self, key: str, title: str, tip: str) -> QAction:
        action = self.menu.addAction(title)
        action.setCheckable(True)
        action.setData(key)
        action.setToolTip(tip)
        # The first is what the lines are about.
        action.setEnabled(key != self._order[0])
        action.triggered.connect(self._chosen)
        return action

    def _chosen(self, on: bool) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.choose(str(action.data()), on)

    def _say(self) -> None:
        self._automatic.setEnabled(bool(self.chosen))
