"""What is compared: the present design, saved designs, catalog devices and pinned snapshots, in their order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from PySide6.QtCore import QObject, Signal

from explorer.document import Baseline
from explorer.timing import AS_SHIPPED, name_of
from explorer.words import distinct
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.design.design import Design
from hwlib.design.files import SUFFIX

if TYPE_CHECKING:
    from explorer.document import Document

Kind = Literal["present", "design", "device", "snapshot"]
PRESENT_ID = "present"
EXAMPLE = "example:"
"""How the path of an example begins; its name follows."""
MAX_NAME = 200
"""Characters of a name, as in a design."""
MOST_TAKEN_BACK = 20
"""Removals that can be taken back."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the comparison. `id` stays when it is renamed or moved.

    The present design has neither `device` nor `design`: it is whatever the document holds now.
    """

    id: str
    kind: Kind
    name: str
    device: str = ""
    design: Design | None = None
    path: str = ""
    """The file of a saved design, or "example:" with a name."""
    pinned_at: datetime | None = None
    settings: DeviceSettings = DeviceSettings()
    """How a device is timed."""
    calibration_file: str = ""

    @property
    def baseline(self) -> Baseline:
        """The same as the evaluator knows it. Raises ValueError for the present design."""
        if self.kind == "present":
            raise ValueError("the present design is no baseline")
        return Baseline(self.name, self.device, self.design, self.settings, self.calibration_file)

    @property
    def kind_words(self) -> str:
        """What it is, in a few words."""
        if self.kind == "snapshot" and self.pinned_at is not None:
            return f"pinned {self.pinned_at:%H:%M}"
        if self.path.startswith(EXAMPLE):
            return "example"
        return {"present": "open, live", "design": "saved design", "device": "catalog device"}.get(
            self.kind, "snapshot"
        )


class Comparing(QObject):
    """The compared subjects and the reference among them. The document's own design is one unless it is removed."""

    changed = Signal()
    """Subjects came, went, moved or were renamed, or the reference changed."""

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._serial = 0
        self._reference = ""
        self._removed: list[tuple[tuple[int, Subject], ...]] = []
        self._name = document.design.name
        self._subjects: tuple[Subject, ...] = (self._present(),)
        for baseline in document.baselines:
            self._subjects += (self._of(baseline),)
        document.changed.connect(self._follow_name)
        document.baseline_retimed.connect(self.follow)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What is compared, in the order of the columns."""
        return self._subjects

    @property
    def reference(self) -> int:
        """Index of the subject that ratios refer to, 0 where none was chosen."""
        ids = [s.id for s in self._subjects]
        return ids.index(self._reference) if self._reference in ids else 0

    def names(self) -> list[str]:
        """The names as shown, with how devices are timed where the user has chosen that, told apart."""
        return distinct([s.name if s.kind == "present" else name_of(s.baseline) for s in self._subjects])

    def index(self, subject_id: str) -> int:
        """Where a subject stands. Raises KeyError where it is not compared."""
        for i, subject in enumerate(self._subjects):
            if subject.id == subject_id:
                return i
        raise KeyError(subject_id)

    def add_present(self) -> None:
        """Compare the present design too, as the first column."""
        if all(s.kind != "present" for s in self._subjects):
            self._take((self._present(), *self._subjects))

    def add_device(self, name: str) -> None:
        """Compare a catalog device too, once as the product times it."""
        if all((s.device, s.settings) != (name, AS_SHIPPED) for s in self._subjects):
            self._take((*self._subjects, self._of(Baseline(name, device=name))))

    def retime(self, subject_id: str, after: Baseline) -> None:
        """Time a device in another way."""
        self._take(self._retimed(s, after) if s.id == subject_id else s for s in self._subjects)

    def follow(self, before: Baseline, after: Baseline) -> None:
        """A baseline of the window is timed in another way: so is a device here that was timed as it was."""
        same = (before.device, before.settings)
        self._take(
            self._retimed(s, after) if s.device and (s.device, s.settings) == same else s for s in self._subjects
        )

    @staticmethod
    def _retimed(subject: Subject, after: Baseline) -> Subject:
        chosen = {"settings": after.settings, "calibration_file": after.calibration_file}
        return msgspec.structs.replace(subject, **chosen) if subject.device else subject

    def add_design(self, design: Design, path: str = "") -> None:
        """Compare a saved design too, once. A name that is taken is told apart by its file's."""
        if all((s.kind, s.design, s.path) != ("design", design, path) for s in self._subjects):
            name = design.name
            if path and any(s.name == name for s in self._subjects):
                name = f"{name}, {_source(path)}"[:MAX_NAME]
            self._take((*self._subjects, self._of(Baseline(name, design=design), path)))

    def pin(self, at: datetime | None = None) -> Subject:
        """Keep the present design as it is now, next to the present one; returns the snapshot."""
        at = at or datetime.now()
        design = self._document.design
        taken = {s.name for s in self._subjects}
        name = f"{design.name}, {at:%H:%M}"
        if name in taken:
            name = f"{design.name}, {at:%H:%M:%S}"
        pinned = Subject(id=self._new_id(), kind="snapshot", name=name[:MAX_NAME], design=design, pinned_at=at)
        after = next((i + 1 for i, s in enumerate(self._subjects) if s.kind == "present"), len(self._subjects))
        while after < len(self._subjects) and self._subjects[after].kind == "snapshot":
            after += 1
        self._take((*self._subjects[:after], pinned, *self._subjects[after:]))
        return pinned

    def remove(self, subject_id: str) -> None:
        """Take a subject out of the comparison."""
        self._remove({subject_id})

    def remove_snapshots(self) -> int:
        """Take all pinned snapshots out; returns how many there were."""
        pinned = {s.id for s in self._subjects if s.kind == "snapshot"}
        self._remove(pinned)
        return len(pinned)

    def clear(self) -> None:
        """Take everything out."""
        self._remove({s.id for s in self._subjects})

    @property
    def last_removed(self) -> tuple[Subject, ...]:
        """What `take_back` would bring back, empty where nothing was removed."""
        return tuple(s for _, s in self._removed[-1]) if self._removed else ()

    def take_back(self) -> None:
        """Compare again what was removed last, at its old place, with what has come since."""
        if not self._removed:
            return
        subjects = list(self._subjects)
        for place, gone in self._removed.pop():
            subject = self._present() if gone.kind == "present" else gone
            # It may have been added again by hand.
            if all(msgspec.structs.replace(s, id=subject.id) != subject for s in subjects):
                subjects.insert(place, subject)
        self._subjects = tuple(subjects)
        self.changed.emit()

    def _remove(self, ids: set[str]) -> None:
        gone = tuple((i, s) for i, s in enumerate(self._subjects) if s.id in ids)
        if gone:
            self._removed = [*self._removed, gone][-MOST_TAKEN_BACK:]
            self._take(s for s in self._subjects if s.id not in ids)

    def rename(self, subject_id: str, name: str) -> None:
        """Give a saved design or a snapshot another name here; blank names and other subjects are left as they are."""
        wanted = " ".join(name.split())[:MAX_NAME]
        if wanted:
            self._take(
                msgspec.structs.replace(s, name=wanted) if s.id == subject_id and s.design is not None else s
                for s in self._subjects
            )

    def move(self, subject_id: str, to: int) -> None:
        """Move a subject to another place among the columns."""
        subject = self._subjects[self.index(subject_id)]
        others = [s for s in self._subjects if s.id != subject_id]
        at = max(0, min(to, len(others)))
        self._take((*others[:at], subject, *others[at:]))

    def use_as_reference(self, subject_id: str) -> None:
        """Let ratios refer to this subject, wherever it moves."""
        if subject_id != self._reference:
            self._reference = subject_id
            self.changed.emit()

    def restore(self, subjects: Iterable[Subject], reference: str = "") -> None:
        """Compare what an earlier session compared. Ids are given anew where they would clash."""
        kept: dict[str, Subject] = {}
        for subject in subjects:
            if subject.kind == "present":
                kept[PRESENT_ID] = self._present()
            elif subject.device or subject.design is not None:
                own = subject if subject.id not in kept else msgspec.structs.replace(subject, id=self._new_id())
                kept[own.id] = own
        self._reference = reference
        self._take(kept.values())

    @property
    def reference_id(self) -> str:
        """Id of the subject that ratios refer to, empty where nothing is compared."""
        return self._subjects[self.reference].id if self._subjects else ""

    def _take(self, subjects: Iterable[Subject]) -> None:
        wanted = tuple(subjects)
        if wanted != self._subjects:
            self._subjects = wanted
            self.changed.emit()

    def _present(self) -> Subject:
        return Subject(id=PRESENT_ID, kind="present", name=self._document.design.name)

    def _of(self, baseline: Baseline, path: str = "") -> Subject:
        return Subject(
            id=self._new_id(), kind="device" if baseline.device else "design", name=baseline.name,
            device=baseline.device, design=baseline.design, path=path, settings=baseline.settings,
            calibration_file=baseline.calibration_file,
        )  # fmt: skip

    def _new_id(self) -> str:
        """An id that no subject has, restored ones included."""
        taken = {s.id for s in getattr(self, "_subjects", ())}
        while True:
            self._serial += 1
            if (made := f"s{self._serial}") not in taken:
                return made

    def _follow_name(self, _before: Design, after: Design) -> None:
        if after.name != self._name:
            self._name = after.name
            self._take(self._present() if s.kind == "present" else s for s in self._subjects)


def _source(path: str) -> str:
    """The word that tells a saved design from another of its name: its file's name."""
    return "example" if path.startswith(EXAMPLE) else Path(path).name.removesuffix(SUFFIX)
