"""What the user is told, and asked, where the file of an open design was changed or deleted by another program."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from explorer.outside import Outside, different
from explorer.page import Page, Stamp
from explorer.workspace import Workspace
from hwlib.design.design import Design
from hwlib.design.files import DesignFileError


class OutsideNotices(QObject):
    """Puts what Outside notices into words and carries out the answer."""

    notice = Signal(str, str, str, object, object)
    """(text, level, details, choices, what it is about), as Notices.say takes them."""
    settled = Signal(object)
    """What need not be asked any more, as Notices.settle takes it."""
    compare_requested = Signal(object)
    """The Design in a file, to be compared with the page on show."""

    def __init__(self, outside: Outside, workspace: Workspace, save: Callable[[Page], object], parent: QObject) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._save = save
        outside.changed.connect(self._on_changed)
        outside.gone.connect(self._on_gone)
        outside.settled.connect(self._on_settled)
        workspace.removed.connect(self._on_settled)

    def _on_settled(self, page: Page) -> None:
        self.settled.emit(_about(page))

    def _on_changed(self, page: Page, found: Design | str) -> None:
        if page.path is None:
            return
        said = f"{page.path.name} was changed outside of this window."
        keep = ("Keep mine", lambda: self._keep(page), True)
        if isinstance(found, str):
            said += " It can't be read now."
            self.notice.emit(said, "warning", found, (keep,), _about(page))
            return
        if page.dirty:
            said += " Here are changes that are not saved; reloading is a step that can be undone."
        choices = (
            ("Compare", lambda: self._compare(page, found), False),
            keep,
            ("Reload", lambda: self._reload(page), True),
        )
        self.notice.emit(said, "warning", "", choices, _about(page))

    def _on_gone(self, page: Page) -> None:
        if page.path is None:
            return
        said = f"{page.path.name} was deleted or moved outside of this window. What is open here is not saved anywhere."
        choices = (("Save again", lambda: self._save(page), True),)
        self.notice.emit(said, "warning", "", choices, _about(page))

    def _reload(self, page: Page) -> None:
        self._workspace.show(page)
        try:
            page.reload()
        except DesignFileError as error:
            self.notice.emit("The file could not be reloaded", "error", str(error), (), None)

    def _keep(self, page: Page) -> None:
        """The page is what counts: saving it is no surprise to anybody, and is still to be done."""
        found = different(page)
        if page.path is not None and found is not None:
            # A file that can't be read holds no design to differ from: only its stamp is taken note of.
            page.agree(found if isinstance(found, Design) else page.on_disk, Stamp.of(page.path))
            page.mark_dirty()

    def _compare(self, page: Page, found: Design) -> None:
        self._workspace.show(page)
        self.compare_requested.emit(found)


def _about(page: Page) -> tuple[str, int]:
    return "outside", page.number
