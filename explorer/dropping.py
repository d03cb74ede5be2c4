"""Design files that are dragged onto a window from a file manager or from the library."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QWidget

from hwlib.design.files import SUFFIX


def design_files(data: QMimeData) -> tuple[Path, ...]:
    """The design files among what is dragged, by their names."""
    local = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return tuple(path for path in local if path.name.lower().endswith(SUFFIX))


class FileDrops(QObject):
    """Lets a window take design files, wherever in it they are dropped."""

    dropped = Signal(object)
    """Tuple of Paths."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take drags that carry design files."""
        if isinstance(event, QDropEvent) and not isinstance(event, QDragMoveEvent):
            return self._drop(event)
        if isinstance(event, QDragEnterEvent | QDragMoveEvent) and design_files(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            return True
        return False

    def _drop(self, event: QDropEvent) -> bool:
        paths = design_files(event.mimeData())
        if paths:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.dropped.emit(paths)
        return bool(paths)
