"""The designs that are open in one window, as tabs: opening, showing and closing them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QMouseEvent
from PySide6.QtWidgets import QMenu, QTabBar, QToolButton, QWidget

from explorer import theme
from explorer.document import Document
from explorer.page import Page, Stamp
from explorer.widgets.style import icon
from hwlib.design import files
from hwlib.design.design import Design

DIRTY_MARK = "● "
LONGEST_TITLE = 32
CLOSE_PX = 18
PAGE = "page"


class Workspace(QObject):
    """The pages of a window in the order of their tabs; there is always one, and the document shows one of them."""

    added = Signal(object)
    removed = Signal(object)
    page_changed = Signal(object)
    """A page's name, file or dirty mark changed, or its design."""
    arranged = Signal()
    """The pages stand in another order."""

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self._pages: list[Page] = []
        self._add(document.page)

    @property
    def pages(self) -> tuple[Page, ...]:
        """The open pages, from left to right."""
        return tuple(self._pages)

    @property
    def current(self) -> Page:
        """The page on show."""
        return self.document.page

    def unsaved(self) -> tuple[Page, ...]:
        """The pages with changes that are not saved."""
        return tuple(page for page in self._pages if page.dirty)

    def find(self, path: Path) -> Page | None:
        """The page that holds a file, by whatever name it goes."""
        return next((p for p in self._pages if p.path is not None and same_file(p.path, path)), None)

    def open_file(self, path: Path) -> Page:
        """Show a file in a tab of its own, or in the one that has it. Raises DesignFileError."""
        page = self.find(path)
        if page is None:
            # Before it is read, so that a write in between is noticed.
            stamp = Stamp.of(path)
            page = self.open_design(files.load(path), path)
            page.stamp = stamp
        self.document.show(page)
        return page

    def open_design(self, design: Design, path: Path | None = None) -> Page:
        """Show a design in a new tab; one that holds an empty, untouched design gives its place."""
        replaced = self.current if self.current.pristine else None
        page = Page(design, path, self.document)
        self._add(page, at=self._pages.index(self.current) + 1)
        self.document.show(page)
        if replaced is not None and page is not replaced:
            self._remove(replaced)
        return page

    def recover(self, design: Design, path: Path | None) -> Page:
        """Show work that was not saved, dirty; one step back lies what its file holds, where it can be read."""
        page = self.find(path) if path is not None else None
        if page is None and path is not None:
            with contextlib.suppress(files.DesignFileError):
                page = self.open_file(path)
        if page is None:
            page = self.open_design(design, path)
            page.mark_dirty()
        self.document.show(page)
        page.edit("Recover unsaved work", design)
        return page

    def new(self) -> Page:
        """Show an empty design in a new tab."""
        page = Page(Design(), None, self.document)
        self._add(page)
        self.document.show(page)
        return page

    def show(self, page: Page) -> None:
        """Show an open page."""
        if page in self._pages:
            self.document.show(page)

    def show_next(self) -> None:
        """Show the page in the next tab; after the last comes the first."""
        self._step(1)

    def show_previous(self) -> None:
        """Show the page in the tab before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        self.document.show(self._pages[(self._pages.index(self.current) + by) % len(self._pages)])

    def close(self, page: Page) -> None:
        """Close a page, saved or not. An empty design takes the place of the last one."""
        if page not in self._pages:
            return
        at = self._pages.index(page)
        if len(self._pages) == 1:
            self.new()
        elif page is self.current:
            self.document.show(self._pages[at + 1 if at + 1 < len(self._pages) else at - 1])
        self._remove(page)

    def move(self, before: int, after: int) -> None:
        """Put the page at one place in another."""
        self._pages.insert(after, self._pages.pop(before))
        self.arranged.emit()

    def file_moved(self, before: Path, after: Path) -> None:
        """A file was renamed from outside of its page, with the design in it."""
        for page in self._pages:
            # By name: the old one is gone.
            if page.path is not None and _absolute(page.path) == _absolute(before):
                page.follow_file(after, _name_in(after) or page.design.name)

    def file_removed(self, path: Path) -> None:
        """A file was deleted; the page that holds it is the only copy."""
        for page in self._pages:
            if page.path is not None and _absolute(page.path) == _absolute(path):
                page.lose_file()

    def _add(self, page: Page, at: int | None = None) -> None:
        self._pages.insert(len(self._pages) if at is None else at, page)
        page.changed.connect(self._on_changed)
        self.added.emit(page)

    def _remove(self, page: Page) -> None:
        self._pages.remove(page)
        page.changed.disconnect(self._on_changed)
        self.removed.emit(page)
        page.deleteLater()

    def _on_changed(self) -> None:
        page = self.sender()
        if isinstance(page, Page):
            self.page_changed.emit(page)


class PageTabs(QTabBar):
    """A tab for every page; hidden as long as there is one. A middle click closes, dragging rearranges."""

    close_asked = Signal(object)
    """The Page whose tab is to be closed."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.setDocumentMode(True)
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setMovable(True)
        self.setAutoHide(True)
        self.setElideMode(Qt.TextElideMode.ElideRight)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Open designs")
        for page in workspace.pages:
            self._add(page)
        workspace.added.connect(self._add)
        workspace.removed.connect(self._remove)
        workspace.page_changed.connect(self._retitle)
        workspace.document.page_shown.connect(self._show_current)
        self.currentChanged.connect(self._on_current)
        theme.notifier.changed.connect(self._retheme)
        self.tabMoved.connect(workspace.move)
        self._show_current()

    def page_at(self, index: int) -> Page | None:
        """The page of a tab."""
        number = self.tabData(index)
        return next((p for p in self._workspace.pages if p.number == number), None)

    def index_of(self, page: Page) -> int:
        """The tab of a page; -1 where there is none."""
        return next((i for i in range(self.count()) if self.tabData(i) == page.number), -1)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A middle click closes the tab under the pointer."""
        index = self.tabAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.MiddleButton and index >= 0:
            self._ask_close(index)
        else:
            super().mouseReleaseEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Close this tab, or the others."""
        index = self.tabAt(event.pos())
        page = self.page_at(index if index >= 0 else self.currentIndex())
        if page is not None:
            self.menu_for(page).popup(event.globalPos() if index >= 0 else self.mapToGlobal(QPoint(0, self.height())))

    def menu_for(self, page: Page) -> QMenu:
        """The context menu of a page's tab."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("&Close").triggered.connect(lambda: self.close_asked.emit(page))
        others = menu.addAction("Close the &others")
        others.setEnabled(self.count() > 1)
        others.triggered.connect(lambda: self._close_others(page))
        return menu

    def _close_others(self, kept: Page) -> None:
        for page in self._workspace.pages:
            if page is not kept:
                self.close_asked.emit(page)

    def _add(self, page: Page) -> None:
        # Qt makes a first or inserted tab the current one, which here would show its page too early.
        blocked = self.blockSignals(True)
        index = self.insertTab(self._workspace.pages.index(page), "")
        self.setTabData(index, page.number)
        self.setTabButton(index, QTabBar.ButtonPosition.RightSide, self._close_button(page))
        self._retitle(page)
        self._show_current()
        self.blockSignals(blocked)

    def _close_button(self, page: Page) -> QToolButton:
        # Fusion's own is a red box, as loud as an error.
        button = QToolButton(self)
        button.setAutoRaise(True)
        button.setFixedSize(CLOSE_PX, CLOSE_PX)
        button.setIcon(icon("cross", theme.current().muted))
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setToolTip("Close (Ctrl+W)")
        button.setAccessibleName("Close this design")
        button.setProperty(PAGE, page.number)
        button.clicked.connect(self._on_close_button)
        return button

    def _on_close_button(self) -> None:
        number = self.sender().property(PAGE)
        self._ask_close(next(i for i in range(self.count()) if self.tabData(i) == number))

    def _retheme(self) -> None:
        for button in self.findChildren(QToolButton):
            if button.property(PAGE) is not None:
                button.setIcon(icon("cross", theme.current().muted))

    def _remove(self, page: Page) -> None:
        blocked = self.blockSignals(True)
        self.removeTab(self.index_of(page))
        self._show_current()
        self.blockSignals(blocked)

    def _retitle(self, page: Page) -> None:
        index = self.index_of(page)
        name = page.design.name if len(page.design.name) <= LONGEST_TITLE else f"{page.design.name[:LONGEST_TITLE]}…"
        title = f"{DIRTY_MARK if page.dirty else ''}{name}".replace("&", "&&")
        if self.tabText(index) != title:
            self.setTabText(index, title)
        place = str(page.path) if page.path is not None else "not saved to a file yet"
        self.setTabToolTip(index, f"{page.design.name}, {place}{', with unsaved changes' if page.dirty else ''}")

    def _show_current(self, *_: object) -> None:
        index = self.index_of(self._workspace.current)
        if index >= 0 and index != self.currentIndex():
            self.setCurrentIndex(index)

    def _on_current(self, index: int) -> None:
        page = self.page_at(index)
        if page is not None:
            self._workspace.show(page)

    def _ask_close(self, index: int) -> None:
        page = self.page_at(index)
        if page is not None:
            self.close_asked.emit(page)


def _name_in(path: Path) -> str:
    """The name of the design in a file, empty where it can't be read."""
    try:
        return files.load(path).name
    except files.DesignFileError:
        return ""


def same_file(a: Path, b: Path) -> bool:
    """Whether two paths mean one file."""
    try:
        return os.path.samefile(a, b)
    except OSError:
        return _absolute(a) == _absolute(b)


def _absolute(path: Path) -> str:
    return os.path.normcase(os.path.abspath(path))
