"""What happens to an exception that nobody caught: it is logged, then shown, and the program goes on."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

log = logging.getLogger(__name__)

Hook = Callable[[type[BaseException], BaseException, TracebackType | None], object]


class ErrorReporter(QObject):
    """Stands in for sys.excepthook, which slots, paint events and worker threads end in as well.

    `rescue` runs first (it saves a recovery copy); the dialog opens later, on the window's thread.
    """

    caught = Signal(str)
    """The traceback of every exception that nobody caught."""
    _forwarded = Signal(str, str)

    def __init__(self, rescue: Callable[[], object] | None = None, dialogs: bool = True) -> None:
        super().__init__()
        self.rescue = rescue
        self._dialogs = dialogs
        self._dialog: QMessageBox | None = None
        self._previous: Hook | None = None
        self._previous_thread_hook = threading.excepthook
        self.window: QWidget | None = None
        self.count = 0
        """How many exceptions came so far."""
        self._forwarded.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Catch from now on."""
        self._previous = sys.excepthook
        sys.excepthook = self.handle
        self._previous_thread_hook = threading.excepthook
        threading.excepthook = self._handle_in_thread

    def uninstall(self) -> None:
        """Give the hooks back."""
        if self._previous is not None:
            sys.excepthook = self._previous
            threading.excepthook = self._previous_thread_hook
            self._previous = None

    def handle(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Log an exception, save what can be saved, and have it shown. Callable from any thread."""
        if not issubclass(kind, Exception):
            sys.__excepthook__(kind, error, trace)
            return
        self.count += 1
        log.critical("an error that nobody caught", exc_info=(kind, error, trace))
        if self.rescue is not None:
            try:
                self.rescue()
            except Exception:
                log.exception("the recovery copy failed")
        text = "".join(traceback.format_exception(kind, error, trace))
        self._forwarded.emit(f"{kind.__name__}: {error}", text)

    def _handle_in_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self.handle(args.exc_type, args.exc_value, args.exc_traceback)

    def _show(self, summary: str, text: str) -> None:
        """Open one dialog; while it is open, further errors are only counted, or a broken paint would bury the user."""
        self.caught.emit(text)
        if not self._dialogs:
            return
        if self._dialog is not None:
            self._dialog.setInformativeText(_advice(self.count))
            return
        dialog = QMessageBox(self.window)
        dialog.setIcon(QMessageBox.Icon.Critical)
        dialog.setWindowTitle("Something went wrong")
        dialog.setText(summary)
        dialog.setInformativeText(_advice(self.count))
        dialog.setDetailedText(text)
        dialog.finished.connect(self._forget_dialog)
        self._dialog = dialog
        dialog.open()

    def _forget_dialog(self) -> None:
        if self._dialog is not None:
            self._dialog.deleteLater()
            self._dialog = None


@contextmanager
def watching(dialogs: bool = False) -> Iterator[ErrorReporter]:
    """Catch errors that nobody else catches as long as the block runs."""
    reporter = ErrorReporter(dialogs=dialogs)
    reporter.install()
    try:
        yield reporter
    finally:
        reporter.uninstall()


def _advice(count: int) -> str:
    again = "" if count == 1 else f" {count} errors so far."
    return f"Your design is still here. Save it, and undo the last step if the error comes again.{again}"
