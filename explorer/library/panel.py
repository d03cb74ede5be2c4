"""The library's panel: search, order and folder above the list of designs; keys and context menu of the list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QActionGroup,
    QContextMenuEvent,
    QDesktopServices,
    QHideEvent,
    QKeyEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QListView,
    QMenu,
    QMessageBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from explorer import theme
from explorer.library import tags
from explorer.library.delegate import LibraryDelegate
from explorer.library.entries import ORDERS, PUBLISHED, Entry
from explorer.library.library import Library
from explorer.library.model import ROW_ROLE, LibraryModel

WIDTH_PX, LEAST_WIDTH_PX = 240, 160
LEAST_FOLDER_PX = 48
MENU_MARK = " ▾"
"""Fusion draws its own mark across the text of narrow buttons."""
Button = QMessageBox.StandardButton
Key = Qt.Key
OWN_KEYS = (Key.Key_Delete, Key.Key_F2, Key.Key_Return, Key.Key_Enter, Key.Key_F5)


class LibraryList(QListView):
    """The list: Enter opens, F2 renames, Delete moves to the trash, Ctrl+D duplicates."""

    open_asked = Signal()
    delete_asked = Signal()
    duplicate_asked = Signal()
    refresh_asked = Signal()
    menu_asked = Signal(object)
    """The QPoint on the screen where the menu shall open."""
    left_upwards = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QListView.EditTrigger.EditKeyPressed)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMouseTracking(True)
        self.setAccessibleName("Designs")
        self.doubleClicked.connect(self._on_double_click)

    def event(self, event: QEvent) -> bool:
        """Keys that mean something here don't reach the window's shortcuts: Delete must not delete blocks."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and _is_own(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys of the list."""
        key = event.key()
        editing = self.state() == QAbstractItemView.State.EditingState
        if key in (Key.Key_Return, Key.Key_Enter) and not editing:
            self.open_asked.emit()
        elif key == Key.Key_Delete:
            self.delete_asked.emit()
        elif key == Key.Key_F5:
            self.refresh_asked.emit()
        elif _is_duplicate(event):
            self.duplicate_asked.emit()
        elif key == Key.Key_Up and self._at_top():
            self.left_upwards.emit()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """By mouse the line under the pointer is chosen; by key the menu opens at the current one."""
        at = event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard and self.currentIndex().isValid():
            at = self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).center())
        self.menu_asked.emit(at)

    def _at_top(self) -> bool:
        rows = range(self.currentIndex().row())
        return not any(self.model().flags(self.model().index(row, 0)) for row in rows)

    def _on_double_click(self, index: QModelIndex) -> None:
        if index.flags() & Qt.ItemFlag.ItemIsEnabled:
            self.open_asked.emit()


class LibraryPanel(QWidget):
    """Designs to look through, tidy up and open."""

    open_requested = Signal(object)
    """The Path of a design file to open."""
    example_requested = Signal(object)
    """The Design of an example to show."""
    compare_requested = Signal(object)
    """Tuple of (Design, the path of its file or an empty text) to compare."""
    published_requested = Signal(str)
    """The name of a published chip whose figures shall be shown beside the model's."""
    order_changed = Signal(str)

    def __init__(self, library: Library, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.library = library
        self.model = LibraryModel(library, self)
        self.list = LibraryList(self)
        self.list.setModel(self.model)
        self.delegate = LibraryDelegate(library, self.list)
        self.list.setItemDelegate(self.delegate)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Find a design")
        self.search.setAccessibleName("Find a design by name, note or tag")
        self.search.setToolTip("Name, note, tags or file name")
        self.search.setClearButtonEnabled(True)
        self.search.installEventFilter(self)
        self.folder_button = self._button("Where the designs are kept", self._folder_menu())
        self.sort_button = self._button("Order of the saved designs", self._sort_menu())
        self._lay_out()
        self._wire()
        self._name_folder()
        self._retheme()

    def sizeHint(self) -> QSize:
        return QSize(WIDTH_PX, 480)

    def minimumSizeHint(self) -> QSize:
        return QSize(LEAST_WIDTH_PX, 160)

    def _button(self, tip: str, menu: QMenu) -> QToolButton:
        button = QToolButton(self)
        button.setAutoRaise(True)
        button.setToolTip(tip)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.setMenu(menu)
        button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        return button

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(theme.HALF_GRID_PX)
        line.addWidget(self.folder_button)
        line.addStretch(1)
        line.addWidget(self.sort_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GRID_PX, theme.GRID_PX, 0, 0)
        column.setSpacing(theme.HALF_GRID_PX)
        column.addWidget(self.search)
        column.addLayout(line)
        column.addWidget(self.list, 1)

    def _wire(self) -> None:
        self.search.textChanged.connect(self.model.set_query)
        self.search.returnPressed.connect(self._open_first)
        rows = self.list
        rows.open_asked.connect(self.open_selected)
        rows.delete_asked.connect(self.delete_selected)
        rows.duplicate_asked.connect(self.duplicate_selected)
        rows.refresh_asked.connect(self.library.refresh)
        rows.menu_asked.connect(self._open_menu)
        rows.left_upwards.connect(self._to_search)
        self.model.rename_asked.connect(self._rename)
        self.model.order_changed.connect(self._on_order)
        self.library.folder_changed.connect(self._name_folder)
        theme.notifier.changed.connect(self._retheme)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._name_folder()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.library.set_active(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.library.set_active(False)

    # What is chosen

    def selected(self) -> tuple[Entry, ...]:
        """The chosen lines, from top to bottom."""
        rows = sorted(self.list.selectionModel().selectedIndexes(), key=lambda index: index.row())
        return tuple(index.data(ROW_ROLE) for index in rows)

    def choose(self, key: str) -> None:
        """Choose the line of an entry and bring it into sight."""
        index = self.model.row_of(key)
        if index.isValid():
            self.list.setCurrentIndex(index)
            self.list.scrollTo(index)

    # What can be done

    def open_selected(self) -> None:
        """Open the chosen designs, each in a tab; a broken file is tried too, so that its error is told in full."""
        for entry in self.selected():
            if entry.path is not None:
                self.open_requested.emit(entry.path)
            else:
                self.example_requested.emit(entry.design)

    def compare_selected(self) -> None:
        """Ask for the chosen designs in the comparison."""
        designs = tuple((e.design, str(e.path or "")) for e in self.selected() if e.design is not None)
        if designs:
            self.compare_requested.emit(designs)

    def _show_published(self) -> None:
        self.published_requested.emit(self.selected()[0].key.removeprefix(PUBLISHED))

    def duplicate_selected(self) -> None:
        """Save copies of the chosen designs."""
        self.library.duplicate(self.selected())

    def rename_selected(self) -> None:
        """Type another name for the current design, in its line."""
        index = self.list.currentIndex()
        if index.isValid() and index.flags() & Qt.ItemFlag.ItemIsEditable:
            self.list.edit(index)

    def edit_tags(self) -> None:
        """Type the tags of the chosen designs."""
        chosen = [e for e in self.selected() if not e.is_example]
        if not chosen:
            return
        present = ", ".join(chosen[0].tags)
        known = self.library.all_tags()
        label = "Tags, with commas between them" + (f"\nIn use: {', '.join(known[:12])}" if known else "")
        text, accepted = QInputDialog.getText(self, "Tags", label, QLineEdit.EchoMode.Normal, present)
        if accepted:
            for entry in chosen:
                self.library.set_tags(entry, tags.parse(text))

    def delete_selected(self) -> None:
        """Move the chosen files to the trash; where there is none, ask before deleting for good."""
        chosen = [e for e in self.selected() if not e.is_example]
        row = min((self.model.row_of(e.key).row() for e in chosen), default=0)
        for entry in chosen:
            if not self.library.move_to_trash(entry) and self._confirms_delete(entry):
                self.library.delete_for_good(entry)
        if chosen:
            self._choose_near(row)

    def _choose_near(self, row: int) -> None:
        """Choose the line that took the place of those that are gone."""
        rows = sorted(range(self.model.rowCount()), key=lambda r: (abs(r - row), -r))
        found = (
            self.model.index(r) for r in rows if self.model.flags(self.model.index(r)) & Qt.ItemFlag.ItemIsEditable
        )
        near = next(found, QModelIndex())
        if near.isValid():
            self.list.setCurrentIndex(near)

    def _confirms_delete(self, entry: Entry) -> bool:
        box = QMessageBox(
            QMessageBox.Icon.Warning,
            "Delete for good?",
            f"{entry.name} could not be moved to the trash.",
            Button.NoButton,
            self,
        )
        box.setInformativeText("Deleted now, it can't be brought back.")
        box.addButton("Delete for good", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(Button.Cancel))
        box.exec()
        clicked = box.clickedButton()
        return clicked is not None and box.buttonRole(clicked) == QMessageBox.ButtonRole.DestructiveRole

    def _rename(self, entry: Entry, name: str) -> None:
        path = self.library.rename(entry, name)
        if path is not None:
            self.choose(str(path))

    # Menus

    def _open_menu(self, at: QPoint) -> None:
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(at)

    def menu(self) -> QMenu:
        """What can be done with the chosen lines."""
        chosen = self.selected()
        designs = [e for e in chosen if e.design is not None]
        own = [e for e in chosen if not e.is_example]
        menu = QMenu(self)
        self._add(menu, "&Open", "Return", self.open_selected, bool(chosen))
        self._add(menu, "Add to &comparison", "", self.compare_selected, bool(designs))
        if len(chosen) == 1 and chosen[0].key.startswith(PUBLISHED):
            self._add(menu, "&Published against model…", "", self._show_published, True)
        menu.addSeparator()
        self._add(menu, "&Duplicate", "Ctrl+D", self.duplicate_selected, bool(designs))
        self._add(menu, "&Rename", "F2", self.rename_selected, len(own) == len(chosen) == 1)
        self._add(menu, "&Tags…", "", self.edit_tags, bool(own))
        self._add(menu, "Show in &folder", "", self._show_folder, True)
        menu.addSeparator()
        self._add(menu, "&Move to trash", "Del", self.delete_selected, bool(own))
        return menu

    def _add(self, menu: QMenu, text: str, keys: str, run: Callable[[], object], enabled: bool) -> None:
        action = menu.addAction(text, run)
        action.setEnabled(enabled)
        if keys:
            action.setShortcut(keys)
            action.setShortcutVisibleInContextMenu(True)

    def _folder_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("&Choose a folder…", self.choose_folder)
        menu.addAction("&Show in the file manager", self._show_folder)
        menu.addAction("&Read again", self.library.refresh).setShortcut("F5")
        return menu

    def _sort_menu(self) -> QMenu:
        menu = QMenu(self)
        group = QActionGroup(menu)
        for order, words in ORDERS.items():
            action = group.addAction(words)
            action.setCheckable(True)
            action.setChecked(order == self.model.order)
            action.setData(order)
            menu.addAction(action)
        menu.triggered.connect(self._sort)
        return menu

    def _sort(self, action: object) -> None:
        self.model.set_order(action.data())  # type: ignore[attr-defined]

    def _on_order(self, order: str) -> None:
        for action in self.sort_button.menu().actions():
            action.setChecked(action.data() == order)
        self._name_folder()
        self.order_changed.emit(order)

    def choose_folder(self) -> None:
        """Ask for the folder to show."""
        name = QFileDialog.getExistingDirectory(self, "Where are your designs?", str(self.library.folder))
        if name:
            self.library.set_folder(Path(name))

    def _show_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.library.folder)))

    # Keys of the search line, looks

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """From the search, Down goes into the list and Esc empties the line."""
        if watched is self.search and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Key.Key_Down:
                self._to_list()
                return True
            if event.key() == Key.Key_Escape and self.search.text():
                self.search.clear()
                return True
        return super().eventFilter(watched, event)  # type: ignore[arg-type]

    def _to_list(self) -> None:
        entries = self.model.entries()
        if not self.selected() and entries:
            self.choose(entries[0].key)
        self.list.setFocus(Qt.FocusReason.TabFocusReason)

    def _to_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.BacktabFocusReason)

    def _open_first(self) -> None:
        """Enter in the search opens what it found, or the chosen line."""
        if not self.selected() and self.model.entries():
            self.choose(self.model.entries()[0].key)
        self.open_selected()

    def _name_folder(self, *_: object) -> None:
        self.sort_button.setText(f"{ORDERS[self.model.order]}{MENU_MARK}")
        name = self.library.folder.name or str(self.library.folder)
        room = max(self.width() - self.sort_button.sizeHint().width() - 3 * theme.GRID_PX, LEAST_FOLDER_PX)
        metrics = self.folder_button.fontMetrics()
        room -= metrics.horizontalAdvance(MENU_MARK) + 2 * theme.GRID_PX
        shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, room)
        self.folder_button.setText(f"{shown}{MENU_MARK}")
        self.folder_button.setToolTip(f"Designs are kept in {self.library.folder}")

    def _retheme(self) -> None:
        self.list.setStyleSheet("QListView { background: transparent; outline: 0; border: 0; }")
        self.list.viewport().update()


def _is_own(event: QKeyEvent) -> bool:
    return event.key() in OWN_KEYS or _is_duplicate(event)


def _is_duplicate(event: QKeyEvent) -> bool:
    return event.key() == Key.Key_D and event.modifiers() == Qt.KeyboardModifier.ControlModifier
