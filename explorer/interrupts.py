"""Ctrl-C in the terminal that the window was started from: it closes the window, and a second one ends the program."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from types import FrameType

from PySide6.QtCore import QCoreApplication, QObject, QSocketNotifier
from PySide6.QtWidgets import QWidget

INTERRUPTED = 130


class Interrupts(QObject):
    """Listens while it lives; end it with `stop`.

    Python runs a signal's handler when it next runs anything, and in Qt's event loop that may be never: the signal also
    writes to a socket, which wakes the loop.
    """

    def __init__(self, window: QWidget, rescue: Callable[[], object]) -> None:
        super().__init__(window)
        self._window, self._rescue = window, rescue
        self.came = False
        """Ctrl-C was pressed."""
        self._read, self._write = socket.socketpair()
        for end in (self._read, self._write):
            end.setblocking(False)
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._drain)
        self._woken_before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._handler_before = signal.signal(signal.SIGINT, self._on_interrupt)

    def stop(self) -> None:
        """Listen no more."""
        signal.signal(signal.SIGINT, self._handler_before)
        signal.set_wakeup_fd(self._woken_before)
        self._notifier.setEnabled(False)
        self._read.close()
        self._write.close()

    def _on_interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self.came:
            # A question about unsaved work is open, or the program hangs: nobody wants to wait for it.
            self._rescue()
            os._exit(INTERRUPTED)
        self.came = True
        if self._window.close():
            QCoreApplication.exit(INTERRUPTED)

    def _drain(self, *_: object) -> None:
        try:
            while self._read.recv(64):
                pass
        except OSError:
            pass
