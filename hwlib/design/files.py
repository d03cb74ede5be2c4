"""Design files (`.chip.json`): versioned, strictly read, atomically saved; reading one never executes anything.

A file is `{"format": "chipscape-design", "version": 1, "design": {…}}`. Fields that hold their default are left out, so
files stay short and their differences readable; whoever changes a default therefore raises VERSION and adds a
migration that writes the old default into older files.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from hwlib.design.design import FORMAT, VERSION, Design
from hwlib.design.file_errors import DesignFileError, nearest, refused, shown

__all__ = ["MAX_BYTES", "MIGRATIONS", "SUFFIX", "DesignFileError", "dumps", "load", "loads", "save"]

SUFFIX = ".chip.json"
MAX_BYTES = 64 * 2**20
"""Larger files are refused: a chip of 10,000 blocks takes 3 MB."""

Migration = Callable[[dict[str, Any]], dict[str, Any]]
MIGRATIONS: dict[int, Migration] = {}
"""From a version to the next: a function from the old "design" object to the new one."""


class _Object(dict[str, Any]):
    """A JSON object that remembers a key it was given twice."""

    twice: str | None = None


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    result = _Object(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        result.twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return result


def load(path: str | os.PathLike[str]) -> Design:
    """The design in a file. Raises DesignFileError, which says what is wrong, where, and what to do."""
    where = str(path)
    try:
        with _opened(path, where) as file:
            data = file.read(MAX_BYTES + 1)
    except DesignFileError:
        raise
    except (OSError, ValueError) as error:
        raise DesignFileError(where, f"can't be read: {_reason(error)}.", _read_mend(error)) from None
    return loads(data, where)


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str], where: str) -> Iterator[Any]:
    # A pipe or device could block for ever, so what kind of file it is comes before opening it.
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise DesignFileError(where, "is a folder.", f"Name a design file ({SUFFIX}) in it.")
    if not stat.S_ISREG(mode):
        raise DesignFileError(where, "is not a plain file.", f"Name a design file ({SUFFIX}).")
    with open(path, "rb") as file:
        yield file


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _read_mend(error: Exception) -> str:
    match error:
        case FileNotFoundError():
            return "Check the name and the folder."
        case PermissionError():
            return "Ask its owner for the right to read it, or copy it to a folder of yours."
        case _:
            return ""


def loads(data: bytes | str, where: str = "the design") -> Design:
    """The design in the text of a file; `where` begins each message. Raises DesignFileError."""
    document = _parsed(data, where)
    version = _version(document, where)
    _refuse_flaws(document, where)
    tree = _migrated(document["design"], version, where)
    try:
        design = msgspec.convert(tree, Design)
    except msgspec.ValidationError as error:
        raise refused(where, error, tree) from None
    _refuse_tangles(design, where)
    return design


def _parsed(data: bytes | str, where: str) -> Any:
    """The JSON value of a file's bytes, as plain objects."""
    if len(data) > MAX_BYTES:
        raise DesignFileError(where, f"is larger than {MAX_BYTES >> 20} MiB.", "That is no design file.")
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 text (byte {error.start})."
        raise DesignFileError(where, what, "Save it as UTF-8, or choose another file.") from None
    if not text.strip():
        raise DesignFileError(where, "is empty.", "Choose another file, or restore it from a copy.")
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise _not_json(error, text, where) from None
    except RecursionError:
        raise DesignFileError(where, "is nested too deeply.", "That is no design file.") from None
    except ValueError:  # what int() says to that
        raise DesignFileError(where, "holds a number of thousands of digits.") from None


def _not_json(error: json.JSONDecodeError, text: str, where: str) -> DesignFileError:
    place = f"line {error.lineno}, column {error.colno}"
    whole = text.rstrip()
    cut = whole.lstrip()[0] in "{[" and whole[-1] not in "}]"
    if cut or error.msg.startswith("Unterminated") or error.pos >= len(whole):
        return DesignFileError(
            where, f"ends too early (at {place}); it seems cut off.", "Restore it from a copy, or save it again."
        )
    return DesignFileError(
        where, f"is not JSON: {error.msg} at {place}.", f"Mend it there, or choose another file ({SUFFIX})."
    )


def _version(document: Any, where: str) -> int:
    """The version of a file; looks at nothing but the envelope, so that a file from the future is told as such."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DesignFileError(
            where, f'is not a Chipscape design: it lacks "format": "{FORMAT}".', f"Choose a design file ({SUFFIX})."
        )
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise DesignFileError(
            where, f"version is {shown(version)}; it must be a whole number, {VERSION} at most.", "", "version"
        )
    if version > VERSION:
        raise DesignFileError(
            where, f"made by a newer Chipscape (format {version}); this one reads up to {VERSION}.",
            "Update Chipscape to open it.", "version",
        )  # fmt: skip
    known = ("format", "version", "design")
    for key in document:
        if key not in known:
            raise DesignFileError(where, f"the file has a field {key!r} that isn't known.", nearest(key, known), key)
    if "design" not in document:
        raise DesignFileError(where, "lacks the field 'design'.", "Restore it from a copy.", "design")
    return version


def _refuse_flaws(document: Any, where: str) -> None:
    """Refuse what JSON readers let through: keys given twice, NaN, infinity, text that is no Unicode."""
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        path, value = waiting.pop()
        name = path.removeprefix("design.") or "the file"
        if isinstance(value, _Object):
            if value.twice is not None:
                raise DesignFileError(where, f"{name} has the field {value.twice!r} twice.", "Remove one.", name)
            waiting += [(f"{path}.{key}" if path else key, item) for key, item in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [(f"{path}[{i}]", value[i]) for i in reversed(range(len(value)))]
        elif isinstance(value, float) and not math.isfinite(value):
            raise DesignFileError(where, f"{name} is {value}, not a finite number.", "Give a number.", name)
        elif isinstance(value, str) and not _encodable(value):
            raise DesignFileError(where, f"{name} holds half of a surrogate pair.", "Write the text anew.", name)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _migrated(tree: Any, version: int, where: str) -> Any:
    """The "design" object of a file of an older version, brought to this one step by step."""
    for step in range(version, VERSION):
        if step not in MIGRATIONS:
            raise DesignFileError(where, f"format {step} can't be read any more.", "Open it with an older Chipscape.")
        try:
            tree = MIGRATIONS[step](tree)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DesignFileError(where, f"can't be brought from format {step} to {step + 1}: {error!r}.") from None
    return tree


def _refuse_tangles(design: Design, where: str) -> None:
    """Refuse what types can't tell: ids used twice, links to nowhere, to themselves or doubled."""
    blocks = {block.id for block in design.blocks}
    seen: dict[str, str] = {}
    named = [(f"blocks[{i}].id", block.id) for i, block in enumerate(design.blocks)]
    named += [(f"links[{i}].id", link.id) for i, link in enumerate(design.links)]
    for path, name in named:
        if name in seen:
            raise DesignFileError(where, f"{path} is {name!r}, as {seen[name]} is.", "Give each its own id.", path)
        seen[name] = path
    ends: dict[frozenset[str], int] = {}
    for i, link in enumerate(design.links):
        for side, end in (("source", link.source), ("target", link.target)):
            if end not in blocks:
                path = f"links[{i}].{side}"
                hint = nearest(end, blocks) or "Name a block's id, or remove the link."
                raise DesignFileError(where, f"{path} is {end!r}, but there is no such block.", hint, path)
        pair = frozenset((link.source, link.target))
        if len(pair) == 1:
            raise DesignFileError(where, f"links[{i}] links {link.source!r} to itself.", "Remove it.", f"links[{i}]")
        if pair in ends:
            what = f"links[{i}] joins the same two blocks as links[{ends[pair]}]."
            raise DesignFileError(where, what, "Keep one, and widen it.", f"links[{i}]")
        ends[pair] = i


def _plain(value: Any) -> Any:
    """A struct as JSON values in the order of declaration, without the fields that hold their default."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if not isinstance(value, msgspec.Struct):
        return value
    config = value.__struct_config__
    result: dict[str, Any] = {config.tag_field: config.tag} if config.tag_field else {}
    for name, default in _defaults(type(value)):
        item = getattr(value, name)
        # Equal is not enough: 1 == True == 1.0, and a file must give the type back.
        if default is msgspec.NODEFAULT or item != default or type(item) is not type(default):
            result[name] = _plain(item)
    return result


@lru_cache(maxsize=64)
def _defaults(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    """Name and default of every field of a struct."""
    return tuple((field.name, field.default) for field in msgspec.structs.fields(kind))


def dumps(design: Design) -> bytes:
    """The file of a design: indented UTF-8 JSON in a stable order, defaults left out.

    Raises DesignFileError for a value that no file may hold (NaN, out of range, links to nowhere): it couldn't be
    loaded again.
    """
    document = {"format": FORMAT, "version": VERSION, "design": _plain(design)}
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        data = text.encode()
    except (TypeError, ValueError) as error:  # UnicodeEncodeError is one of them
        raise DesignFileError("the design", f"can't be saved: {error}.") from None
    loads(data, "the design can't be saved")
    return data


def save(design: Design, path: str | os.PathLike[str]) -> None:
    """Write a design to a file, whole or not at all: a full disk or a crash leaves the old file as it was.

    Raises DesignFileError where the design is invalid or the file can't be written.
    """
    data = dumps(design)
    try:
        target = Path(os.path.realpath(path))  # through a link, so that the link stays one
        if target.is_dir():
            raise DesignFileError(str(path), "is a folder.", f"Name a file ({SUFFIX}) in it.")
        replace_file(target, data)
    except DesignFileError:
        raise
    except (OSError, ValueError) as error:
        mend = "Save it under another name or in another folder; a file that was there is as it was."
        raise DesignFileError(str(path), f"can't be saved: {_reason(error)}.", mend) from None


def replace_file(target: Path, data: bytes) -> None:
    """Put a file with these bytes in the place of `target` in one step. Raises OSError, and then changed nothing."""
    temporary = target.parent / f".chipscape-{secrets.token_hex(6)}.tmp"
    try:
        _write_through(temporary, data, _mode_of(target))
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _mode_of(target: Path) -> int | None:
    """The rights of the file that is replaced; None where there is none yet."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except OSError:
        return None


def _write_through(path: Path, data: bytes, mode: int | None) -> None:
    """Write a new file and wait until the disk holds it."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if mode is not None:
        os.chmod(path, mode)


def _sync_folder(folder: Path) -> None:
    """Wait until the disk holds the new name too, where the system can (Windows can't open a folder)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
