"""Tags of saved designs: words that the user files them under, kept in one small file beside the designs."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from explorer import atomic

log = logging.getLogger(__name__)

INDEX_NAME = ".chipscape-library.json"
DAMAGED_NAME = ".chipscape-library.damaged.json"
FORMAT = "chipscape-library"
VERSION = 1
MOST_TAGS = 32
LONGEST_TAG = 40
MAX_BYTES = 16 * 2**20

Tags = tuple[str, ...]


def parse(text: str) -> Tags:
    """The tags in a text such as "hbm, edge"; commas part them."""
    return cleaned(text.split(","))


def cleaned(tags: Iterable[object]) -> Tags:
    """Tags without blanks around them, empty ones and second ones that differ in case alone."""
    kept: dict[str, str] = {}
    for tag in tags:
        word = " ".join(tag.split())[:LONGEST_TAG] if isinstance(tag, str) else ""
        if word:
            kept.setdefault(word.casefold(), word)
    return tuple(kept.values())[:MOST_TAGS]


def read(folder: Path) -> dict[str, Tags]:
    """File name to tags of the designs in a folder. What can't be made sense of is left out, never an error."""
    entries = _entries(_document(folder))
    found = {name: cleaned(tags) for name, tags in entries.items() if isinstance(tags, list)}
    return {name: tags for name, tags in found.items() if tags}


def change(folder: Path, changes: Mapping[str, Tags]) -> None:
    """Give files other tags; empty ones drop the file from the index. A damaged index is kept beside the new one.

    The index is read anew, so that what another window has written meanwhile stays. Raises OSError.
    """
    present = read(folder)
    wanted = {name: tags for name, tags in (present | dict(changes)).items() if tags}
    if wanted == present:
        return
    index = folder / INDEX_NAME
    if index.exists() and _document(folder) is None:
        with contextlib.suppress(OSError):
            os.replace(index, folder / DAMAGED_NAME)
    document = {"format": FORMAT, "version": VERSION, "tags": {n: list(t) for n, t in sorted(wanted.items())}}
    atomic.write(index, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())


def _document(folder: Path) -> dict[str, Any] | None:
    """The index as JSON; None where there is none or it is no index."""
    try:
        with open(folder / INDEX_NAME, "rb") as file:
            document = json.loads(file.read(MAX_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        log.info("tags in %s can't be read: %s", folder, error)
        return None
    if not isinstance(document, dict) or not isinstance(document.get("tags"), dict):
        return None
    return document


def _entries(document: dict[str, Any] | None) -> dict[str, Any]:
    return document["tags"] if document is not None else {}
