"""The dialog on the layouts that the user has saved: show, rename, renew and delete them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from explorer import theme
from explorer.shell import plan
from explorer.shell.layouts import OwnLayouts
from explorer.widgets.style import Tinted

WIDTH_PX = 400
HEIGHT_PX = 280
MARGIN_PX = 2 * theme.GRID_PX
NAME = Qt.ItemDataRole.UserRole
EMPTY = "No layout is saved yet. Arrange the panels (View, Move panels), then choose Save layout as."


class LayoutDialog(QDialog):
    """Lists the saved layouts; a name is edited in its line (F2)."""

    def __init__(self, layouts: OwnLayouts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layouts = layouts
        self.setWindowTitle("My layouts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(WIDTH_PX, HEIGHT_PX)
        self.list = QListWidget(self)
        self.list.setAccessibleName("Saved layouts")
        self.list.setEditTriggers(
            QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.SelectedClicked
        )
        self.list.itemActivated.connect(self._show_chosen)
        self.list.itemChanged.connect(self._rename)
        self.list.currentRowChanged.connect(self._enable)
        self.show_button = self._button("&Show", "Arrange the panels like this", self._show_chosen)
        self.rename_button = self._button("&Rename", "Give it another name (F2)", self._edit_name)
        self.renew_button = self._button("&Update", "Keep the present arrangement under this name", self._renew)
        self.delete_button = self._button("&Delete", "Forget it; the panels stay as they are", self._delete)
        self.note = Tinted(EMPTY, "muted")
        self.note.setWordWrap(True)
        self._lay_out()
        self._fill()

    def _button(self, text: str, tip: str, do: object) -> QPushButton:
        made = QPushButton(text, self)
        made.setToolTip(tip)
        made.setAutoDefault(False)
        made.clicked.connect(do)
        return made

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, MARGIN_PX)
        column.setSpacing(theme.GRID_PX)
        row, side = QHBoxLayout(), QVBoxLayout()
        row.addWidget(self.list, 1)
        for button in (self.show_button, self.rename_button, self.renew_button, self.delete_button):
            side.addWidget(button)
        side.addStretch(1)
        row.addLayout(side)
        column.addLayout(row, 1)
        column.addWidget(self.note)
        close = self._button("&Close", "", self.reject)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)

    def _fill(self, choose: str = "") -> None:
        blocked = self.list.blockSignals(True)
        self.list.clear()
        for name in self._layouts.names:
            item = QListWidgetItem(name)
            item.setData(NAME, name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            self.list.addItem(item)
        self.list.blockSignals(blocked)
        names = self._layouts.names
        self.list.setCurrentRow(names.index(choose) if choose in names else min(0, len(names) - 1))
        self.note.setText("" if names else EMPTY)
        self._enable()

    def _enable(self, *_: object) -> None:
        for button in (self.show_button, self.rename_button, self.renew_button, self.delete_button):
            button.setEnabled(self.list.currentItem() is not None)

    def _chosen(self) -> str:
        item = self.list.currentItem()
        return str(item.data(NAME)) if item is not None else ""

    def _show_chosen(self, *_: object) -> None:
        if name := self._chosen():
            self._layouts.chosen.emit(plan.own(name))

    def _edit_name(self) -> None:
        if (item := self.list.currentItem()) is not None:
            self.list.editItem(item)

    def _rename(self, item: QListWidgetItem) -> None:
        refused = self._layouts.rename(str(item.data(NAME)), item.text())
        self._fill(item.text().strip() if not refused else str(item.data(NAME)))
        self.note.setText(refused)

    def _renew(self) -> None:
        if name := self._chosen():
            self._layouts.save(name)
            self._fill(name)

    def _delete(self) -> None:
        if name := self._chosen():
            self._layouts.remove(name)
            self._fill()
