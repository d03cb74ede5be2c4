"""Remembers what is compared between sessions, pinned snapshots with their designs included."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

import msgspec
import platformdirs
from PySide6.QtCore import QObject, QTimer

from explorer import atomic, settings
from explorer.compare.subjects import PRESENT_ID, Comparing, Kind, Subject
from explorer.timed import Timed, settings_of, timed_of
from hwlib.catalog import find_device
from hwlib.design import files

log = logging.getLogger(__name__)

FORMAT = "chipscape-comparison"
REST_MS = 1000
"""Changes in a row are written once."""


class _Kept(msgspec.Struct, frozen=True):
    """A subject as it stands in the file; `design` is a whole design file, so that its migrations hold here too."""

    id: str
    kind: Kind
    name: str
    device: str = ""
    design: str = ""
    path: str = ""
    pinned_at: datetime | None = None
    timed: Timed = Timed()


class _File(msgspec.Struct, frozen=True):
    format: str
    version: int
    subjects: tuple[_Kept, ...]
    reference: str = ""


def comparison_path() -> Path:
    """The file in the user's data folder."""
    return Path(platformdirs.user_data_dir(settings.APP_NAME, appauthor=False)) / "comparison.json"


def dumps(comparing: Comparing) -> bytes:
    """What is compared, as a file."""
    kept = tuple(
        _Kept(
            s.id, s.kind, s.name, s.device, files.dumps(s.design).decode() if s.design else "", s.path, s.pinned_at,
            timed_of(s.settings, s.calibration_file),
        )
        for s in comparing.subjects
    )
    return msgspec.json.format(msgspec.json.encode(_File(FORMAT, 1, kept, comparing.reference_id)))


def loads(data: bytes) -> tuple[tuple[Subject, ...], str]:
    """The subjects of a file and the id of the reference. What this version does not know is left out.

    Raises ValueError where the file is none of ours.
    """
    try:
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if file.format != FORMAT:
        raise ValueError(f"the format is {file.format!r}")
    found = (_subject(kept) for kept in file.subjects)
    return tuple(s for s in found if s is not None), file.reference


def _subject(kept: _Kept) -> Subject | None:
    try:
        design = files.loads(kept.design, kept.name) if kept.design else None
        if kept.device:
            find_device(kept.device)
    except (files.DesignFileError, KeyError, ValueError) as error:
        log.info("no longer compared: %s", error)
        return None
    return Subject(
        id=kept.id or PRESENT_ID, kind=kept.kind, name=kept.name, device=kept.device, design=design, path=kept.path,
        pinned_at=kept.pinned_at, settings=settings_of(kept.timed), calibration_file=kept.timed.calibration_file,
    )  # fmt: skip


class ComparisonMemory(QObject):
    """Writes what is compared a moment after each change. A disk that refuses is logged: it must not stop anybody."""

    def __init__(self, comparing: Comparing, path: Path | None = None) -> None:
        super().__init__(comparing)
        self._comparing = comparing
        self._path = path or comparison_path()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self.write)
        self._restore()
        comparing.changed.connect(self._rest.start)

    def write(self) -> None:
        """Write now."""
        self._rest.stop()
        try:
            atomic.write(self._path, dumps(self._comparing))
        except (OSError, files.DesignFileError) as error:
            log.info("the comparison could not be remembered: %s", error)

    def end(self) -> None:
        """Write what still waits."""
        if self._rest.isActive():
            self.write()

    def _restore(self) -> None:
        try:
            subjects, reference = loads(self._path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            log.info("the last comparison is forgotten: %s", error)
            return
        self._comparing.restore(subjects, reference)
