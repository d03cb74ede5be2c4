"""What the library does to design files: duplicate, rename, move to the trash."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import msgspec
from PySide6.QtCore import QFile, QStandardPaths

from hwlib.design import files
from hwlib.design.design import Design
from hwlib.design.edit import checked

LONGEST_STEM_BYTES = 180
"""Room below the 255 bytes that file systems allow, for the ending and a number."""


def stem_of(name: str) -> str:
    """The file name, without its ending, of a design called `name`."""
    bare = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    return bare.encode()[:LONGEST_STEM_BYTES].decode(errors="ignore").strip("-.") or "design"


def free_path(folder: Path, stem: str, own: Path | None = None) -> Path:
    """The first of `stem`, `stem-2`, `stem-3`, … that is free in the folder, or is the file `own` itself."""
    n = 1
    while True:
        path = folder / f"{stem}{'' if n == 1 else f'-{n}'}{files.SUFFIX}"
        if not os.path.lexists(path) or (own is not None and _same(path, own)):
            return path
        n += 1


def copy_name(name: str, taken: set[str]) -> str:
    """ "X copy", or "X copy 2" and so on: the first that is not `taken`."""
    base = re.sub(r" copy( \d+)?$", "", name)[:180]
    n = 1
    while (found := f"{base} copy{'' if n == 1 else f' {n}'}") in taken:
        n += 1
    return found


def save_as(design: Design, folder: Path, name: str) -> Path:
    """Save a design in a folder under another name, in a file of its own. Raises DesignFileError or OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = free_path(folder, stem_of(name))
    files.save(msgspec.structs.replace(design, name=name), path)
    return path


def delete(path: Path) -> Path:
    """Delete a file for good. Raises OSError."""
    path.unlink()
    return path


def rename(path: Path, name: str) -> Path:
    """Give the design in a file another name, and its file one that fits; the new path.

    A broken file gets the file name only. Raises EditError for a name that no design may have, DesignFileError or
    OSError; the file is then as it was.
    """
    wanted = name.strip()
    checked(Design(name=wanted), Design)
    design = _readable(path)
    target = free_path(path.parent, stem_of(wanted), own=path)
    if target != path:
        os.rename(path, target)
    if design is not None and design.name != wanted:
        try:
            files.save(msgspec.structs.replace(design, name=wanted), target)
        except files.DesignFileError:
            with contextlib.suppress(OSError):
                os.rename(target, path)
            raise
    return target


def move_to_trash(path: Path) -> bool:
    """Move a file to the desktop's trash; False where there is none for it."""
    # Without this folder, as on a fresh account, Qt finds no trash.
    with contextlib.suppress(OSError):
        data = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
        os.makedirs(data, exist_ok=True)
    return QFile(str(path)).moveToTrash()


def _readable(path: Path) -> Design | None:
    try:
        return files.load(path)
    except files.DesignFileError:
        return None


def _same(a: Path, b: Path) -> bool:
    """Whether two names mean one file, as those that differ in case alone do on some systems."""
    try:
        return a.parent == b.parent and os.path.samestat(os.lstat(a), os.lstat(b))
    except OSError:
        return False
