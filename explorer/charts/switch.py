"""Choosers for a chart's head: words side by side where there is room, a button with a menu where there is not."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from explorer import theme
from explorer.charts.chart import elided, text_width

ARROW_PX = 28
"""What a menu's arrow and a button's margins take."""
MOST_PX = 180


class Switch(QWidget):
    """A few words of which one is on; each is a flat button."""

    changed = Signal(str)

    def __init__(self, words: Mapping[str, str], tips: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._group = QActionGroup(self)
        self.buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for key, word in words.items():
            action = QAction(word, self._group)
            action.setCheckable(True)
            action.setData(key)
            action.setToolTip((tips or {}).get(key, word))
            button = self.buttons[key] = QToolButton()
            button.setDefaultAction(action)
            button.setAutoRaise(True)
            row.addWidget(button)
        self._group.triggered.connect(self._triggered)
        self.choose(next(iter(words)))

    @property
    def chosen(self) -> str:
        """The key of the word that is on."""
        return str(self._group.checkedAction().data())

    def choose(self, key: str) -> None:
        """Switch to a key without telling. Raises KeyError for an unknown one."""
        self.buttons[key].defaultAction().setChecked(True)

    def _triggered(self, action: QAction) -> None:
        self.changed.emit(str(action.data()))


class Chooser(QToolButton):
    """A button that shows the chosen word and opens a menu of all."""

    changed = Signal(str)

    def __init__(self, words: Mapping[str, str], tip: str) -> None:
        super().__init__()
        self._menu = QMenu(self)
        self._group: QActionGroup | None = None
        self.words: dict[str, str] = {}
        self.chosen = ""
        self.setMenu(self._menu)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setAutoRaise(True)
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._most_px = MOST_PX
        self.set_words(words)

    def set_words(self, words: Mapping[str, str]) -> None:
        """Offer other words; what was chosen stays chosen where it is still offered, else the first is."""
        if dict(words) == self.words:
            return
        self.words = dict(words)
        self._menu.clear()
        if self._group is not None:
            self._group.deleteLater()
        self._group = QActionGroup(self)
        self._group.triggered.connect(self._triggered)
        for key, word in self.words.items():
            action = QAction(word, self._group)
            action.setCheckable(True)
            action.setData(key)
            self._menu.addAction(action)
        self.choose(self.chosen if self.chosen in self.words else next(iter(self.words), ""))

    def choose(self, key: str) -> None:
        """Switch to a key without telling."""
        self.chosen = key
        for action in self._menu.actions():
            action.setChecked(action.data() == key)
        self._show()

    def wanted_px(self) -> int:
        """The width at which the chosen word is whole."""
        return int(text_width(self.words.get(self.chosen, ""))) + ARROW_PX

    def set_most(self, pixels: int) -> None:
        """Limit the width; a longer word ends in "…"."""
        if pixels != self._most_px:
            self._most_px = pixels
            self._show()

    def _show(self) -> None:
        word = self.words.get(self.chosen, "")
        shown = elided(word, self._most_px - ARROW_PX)
        self.setText(shown)
        self.setFixedSize(text_width(shown) + ARROW_PX, 3 * theme.GRID_PX)

    def _triggered(self, action: QAction) -> None:
        self.choose(str(action.data()))
        self.changed.emit(self.chosen)
