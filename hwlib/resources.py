"""The one reader of the raw files under resources/: finds the folder and reads text, JSON and CSV, each once."""

from __future__ import annotations

import csv
import io
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec


class ResourceError(RuntimeError):
    """A resource file is missing or damaged: the installation is incomplete."""


@cache
def resource_root() -> Path:
    """The folder of resources: inside the installed package, else beside it in a working tree.

    Raises ResourceError where neither is there.
    """
    package = Path(str(files("hwlib")))
    for folder in (package / "resources", package.parent / "resources"):
        if folder.is_dir():
            return folder
    raise ResourceError(f"no resources folder in or beside {package}: the installation is incomplete")


@cache
def read_text(relative: str) -> str:
    """The text of `relative` ("devices/devices.json"), read once. Raises ResourceError where it can't be read."""
    path = resource_root() / relative
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResourceError(f"can't read the resource {relative}: {error}") from None


@cache
def read_json(relative: str) -> Any:
    """The decoded JSON of `relative`. Shared between callers: don't change it. Raises ResourceError."""
    try:
        return msgspec.json.decode(read_text(relative))
    except msgspec.DecodeError as error:
        raise ResourceError(f"the resource {relative} isn't valid JSON: {error}") from None


@cache
def read_csv(relative: str) -> list[dict[str, str]]:
    """The rows of `relative` by column name, all text. Shared: don't change them. Raises ResourceError."""
    return list(csv.DictReader(io.StringIO(read_text(relative))))


def list_files(relative: str, suffix: str) -> tuple[str, ...]:
    """Names, sorted, of the files in a resource folder that end in `suffix`; empty where there is no such folder."""
    folder = resource_root() / relative
    if not folder.is_dir():
        return ()
    return tuple(sorted(p.name for p in folder.iterdir() if p.name.endswith(suffix)))
