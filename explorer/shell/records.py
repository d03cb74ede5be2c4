"""The log records of this session, kept in memory for the log view; any thread may log."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

MOST_KEPT = 5000


@dataclass(frozen=True)
class Line:
    """One record: when (seconds since 1970), how grave (a level of `logging`), from where, and what."""

    at_s: float
    level: int
    source: str
    text: str

    def said(self) -> str:
        """The record as one line of a log file."""
        clock = time.strftime("%H:%M:%S", time.localtime(self.at_s))
        return f"{clock} {logging.getLevelName(self.level)} {self.source}: {self.text}"


class Records(QObject):
    """The last records, oldest first."""

    added = Signal(object)
    """A Line; sent from the thread that logged, so queued for widgets."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[Line] = deque(maxlen=MOST_KEPT)
        self._handler = _Handler(self)

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is kept."""
        return tuple(self._lines)

    def start(self) -> None:
        """Keep what is logged from now on; once is enough."""
        self._handler.setFormatter(logging.Formatter("%(message)s"))
        root = logging.getLogger()
        if self._handler not in root.handlers:
            root.addHandler(self._handler)

    def stop(self) -> None:
        """Keep no further records."""
        logging.getLogger().removeHandler(self._handler)

    def clear(self) -> None:
        """Forget the records."""
        self._lines.clear()

    def keep(self, line: Line) -> None:
        """Add a record."""
        self._lines.append(line)
        self.added.emit(line)


class _Handler(logging.Handler):
    def __init__(self, records: Records) -> None:
        super().__init__(logging.INFO)
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = Line(record.created, record.levelno, record.name, self.format(record))
            self._records.keep(line)
        except RuntimeError:
            pass  # Qt has ended; the file has the record.


session = Records()
"""The records of this program."""
