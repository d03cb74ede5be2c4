"""Recovery copies: unsaved designs, written apart from their files while they change, offered after a crash.

Each running program has a folder of its own with a lock, which the system takes back however the program ends, and one
file per unsaved design. A folder whose lock is free is what a dead program left over.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import platformdirs
from PySide6.QtCore import QObject, QTimer, Signal

from explorer import atomic
from explorer.latest import Latest
from explorer.settings import APP_NAME
from hwlib.design import files
from hwlib.design.design import FORMAT as DESIGN_FORMAT
from hwlib.design.design import VERSION as DESIGN_VERSION
from hwlib.design.design import Design

log = logging.getLogger(__name__)

FORMAT = "chipscape-recovery"
VERSION = 1
DELAY_MS = 1000
"""From an edit to its copy; the promise is two seconds."""
LOCK_NAME = "lock"
HELD = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
ATTEMPTS = 3


@dataclass(frozen=True)
class Unsaved:
    """A design with changes that are not saved. `edits` counts the steps since the last save."""

    number: int
    design: Design
    path: Path | None
    edits: int


class Copy(msgspec.Struct, frozen=True):
    """The file of a recovery copy. `document` is a whole design file, read as such, old versions included."""

    format: str
    version: int
    path: str
    edits: int
    written_s: float
    document: msgspec.Raw


@dataclass(frozen=True)
class Recovered:
    """A design that a dead program had not saved: where it belongs, and when (seconds since 1970) it was written."""

    design: Design
    path: Path | None
    edits: int
    written_s: float
    copy: Path | None = None
    """The file that it was read from."""

    def said(self, now_s: float | None = None) -> str:
        """In words: "Edge NPU, from 11:42, 3 edits after the last save"."""
        edits = f"{self.edits} edit{'' if self.edits == 1 else 's'}"
        since = f"{edits} after the last save" if self.path is not None else f"{edits}, never saved"
        return f"{self.design.name}, from {clock(self.written_s, time.time() if now_s is None else now_s)}, {since}"


@dataclass(frozen=True)
class Unreadable:
    """A copy that can't be read, and why."""

    copy: Path
    reason: str


def clock(then_s: float, now_s: float) -> str:
    """A time of today as "11:42", an older one with its day."""
    try:
        then, now = datetime.fromtimestamp(then_s), datetime.fromtimestamp(now_s)
    except (OverflowError, OSError, ValueError):
        return "an unknown time"
    return then.strftime("%H:%M") if then.date() == now.date() else f"{then.day} {then.strftime('%b %Y, %H:%M')}"


def default_root() -> Path:
    """Where programs keep their recovery copies."""
    return Path(platformdirs.user_state_dir(APP_NAME, appauthor=False)) / "recovery"


# One program's folder ---------------------------------------------------------------------------------------------


class Lock:
    """A lock on a file, held until `release` or the end of the program, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def take(self) -> bool:
        """Take the lock; False where another program has it. Raises OSError where there can be no such file."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(handle)
        except OSError as error:
            # On a file system without locks, the process id has to do.
            if error.errno in HELD or _alive(_read_pid(handle)):
                os.close(handle)
                return False
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, str(os.getpid()).encode())
        self._handle = handle
        return True

    def release(self) -> None:
        """Let others have it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, 1 << 20, os.SEEK_SET)  # far behind the text, which others may read
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _read_pid(handle: int) -> int:
    os.lseek(handle, 0, os.SEEK_SET)
    text = os.read(handle, 32)
    return int(text) if text.isdigit() else 0


def _alive(pid: int) -> bool:
    if pid <= 0 or sys.platform == "win32":
        return pid > 0
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


class Session:
    """The copies of this program. Any thread may write."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = self._fresh()
        self._lock: Lock | None = None
        self._busy = threading.Lock()
        self._written: dict[int, Unsaved] = {}

    def write(self, unsaved: Iterable[Unsaved]) -> None:
        """Keep a copy of these designs and of no others; what has not changed is not written again.

        Raises OSError.
        """
        wanted = {one.number: one for one in unsaved}
        with self._busy:
            if wanted and self._lock is None:
                self._open()
            for number in self._written.keys() - wanted.keys():
                self._file(number).unlink(missing_ok=True)
                del self._written[number]
            for number, one in wanted.items():
                if self._written.get(number) != one:
                    atomic.write(self._file(number), encoded(one))
                    self._written[number] = one

    def end(self) -> None:
        """Remove every copy: nothing is unsaved, or the user gave it up."""
        with self._busy:
            if self._lock is not None:
                self._lock.release()
                self._lock = None
                self._written.clear()
                shutil.rmtree(self.folder, ignore_errors=True)

    def _open(self) -> None:
        """Make and lock the folder; a program that starts just now may take it for left over, so try another."""
        for _ in range(ATTEMPTS):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = Lock(self.folder / LOCK_NAME)
            with contextlib.suppress(FileNotFoundError):
                if lock.take():
                    self._lock = lock
                    return
            self.folder = self._fresh()
        raise BlockingIOError(errno.EAGAIN, "the folder is in use")

    def _fresh(self) -> Path:
        return self._root / f"{os.getpid()}-{secrets.token_hex(4)}"

    def _file(self, number: int) -> Path:
        return self.folder / f"{number}.json"


def encoded(one: Unsaved) -> bytes:
    """The file of a copy. A tenth of what saving takes: the design was checked when it was edited."""
    document = {"format": DESIGN_FORMAT, "version": DESIGN_VERSION, "design": one.design}
    raw = msgspec.Raw(msgspec.json.encode(document))
    place = os.path.abspath(one.path) if one.path is not None else ""
    return msgspec.json.encode(Copy(FORMAT, VERSION, place, one.edits, time.time(), raw))


# What dead programs left ------------------------------------------------------------------------------------------


class LeftOver:
    """What one dead program left. It stays locked, so that no second program offers it too, until it is let go."""

    def __init__(self, folder: Path, lock: Lock) -> None:
        self.folder = folder
        self._lock = lock
        self.designs: tuple[Recovered, ...] = ()
        self.problems: tuple[Unreadable, ...] = ()
        found = [_recovered(path) for path in sorted(folder.glob("*.json"))]
        self.designs = tuple(one for one in found if isinstance(one, Recovered))
        self.problems = tuple(one for one in found if isinstance(one, Unreadable))

    def discard_one(self, one: Recovered | Unreadable) -> None:
        """Delete one copy; the last one takes the folder with it. A copy that can't be deleted is offered again."""
        self.designs = tuple(kept for kept in self.designs if kept is not one)
        self.problems = tuple(kept for kept in self.problems if kept is not one)
        if not self.designs and not self.problems:
            self.discard()
        elif one.copy is not None:
            with contextlib.suppress(OSError):
                one.copy.unlink(missing_ok=True)

    def keep(self) -> None:
        """Leave everything for the next start."""
        self._lock.release()

    def discard(self) -> None:
        """Delete the copies."""
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def left_over(root: Path) -> tuple[LeftOver, ...]:
    """What dead programs left, the newest last; folders with nothing in them are cleared away."""
    found = []
    with contextlib.suppress(OSError):
        for folder in sorted(path for path in root.iterdir() if path.is_dir()):
            lock = Lock(folder / LOCK_NAME)
            if not lock.take():
                continue
            one = LeftOver(folder, lock)
            if one.designs or one.problems:
                found.append(one)
            else:
                one.discard()
    return tuple(sorted(found, key=lambda one: max((d.written_s for d in one.designs), default=0.0)))


def _recovered(path: Path) -> Recovered | Unreadable:
    try:
        copy = msgspec.json.decode(path.read_bytes(), type=Copy)
        design = files.loads(bytes(copy.document), path.name)
    except (OSError, ValueError, files.DesignFileError, RecursionError) as error:
        log.info("a recovery copy can't be read: %s", error)
        return Unreadable(path, _reason(error))
    place = Path(copy.path) if copy.path and "\0" not in copy.path else None
    return Recovered(design, place, max(copy.edits, 1), copy.written_s, path)


def _reason(error: Exception) -> str:
    """Why a copy can't be read, in words for who knows nothing of its format."""
    match error:
        case files.DesignFileError():
            return str(error)
        case OSError():
            return f"The copy can't be read: {error.strerror or error}."
        case msgspec.ValidationError():
            return f"The copy is damaged: {error}."
        case _:
            return f"The copy is damaged or was cut off: {error}."


# Following the window ---------------------------------------------------------------------------------------------


class Recovery(QObject):
    """Writes copies a moment after each change, in the background. `unsaved` says what there is to keep."""

    failed = Signal(str)
    """Why copies can't be written; told once."""

    def __init__(
        self, unsaved: Callable[[], tuple[Unsaved, ...]], root: Path | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._unsaved = unsaved
        self._session = Session(root or default_root())
        self._told = False
        self._writer = Latest("writing recovery copies", self)
        self._writer.done.connect(self._on_written)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self._write_soon)

    @property
    def folder(self) -> Path:
        """Where this program's copies are."""
        return self._session.folder

    def touch(self, *_: object) -> None:
        """Something changed. The clock is not set back, or a long drag would never be written."""
        if not self._timer.isActive():
            self._timer.start()

    def write_now(self) -> None:
        """Write before returning. Callable from any thread; an error is logged, never raised."""
        self._on_written(_written(self._session, self._unsaved()))

    def end(self) -> None:
        """The program ends in order: no copy is needed any more."""
        self._timer.stop()
        self._writer.shutdown()
        self._session.end()

    def _write_soon(self) -> None:
        unsaved, session = self._unsaved(), self._session
        self._writer.order(lambda: _written(session, unsaved))

    def _on_written(self, problem: object) -> None:
        if problem and not self._told:
            self._told = True
            self.failed.emit(str(problem))


def _written(session: Session, unsaved: tuple[Unsaved, ...]) -> str:
    try:
        session.write(unsaved)
    except OSError as error:
        log.info("recovery copies can't be written: %s", error)
        return f"Recovery copies can't be written: {error.strerror or error}. Save your work often."
    return ""
