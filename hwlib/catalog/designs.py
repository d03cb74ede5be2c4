"""The designs that come with the product: examples, published chips, and machines of other tools' tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hwlib.catalog.lookup import find
from hwlib.resources import list_files, resource_root

if TYPE_CHECKING:
    from hwlib.design.design import Design

SUFFIX = ".chip.json"
FOLDER = "designs"
PUBLISHED = "designs/published"
REFERENCE = "designs/reference"


class _Example(msgspec.Struct, frozen=True):
    name: str
    aliases: tuple[str, ...] = ()


def example_designs() -> tuple[str, ...]:
    """Names of the example designs, in alphabetical order, as `load_example` takes them."""
    return tuple(name.removesuffix(SUFFIX) for name in list_files(FOLDER, SUFFIX))


def load_example(name: str) -> Design:
    """The example design called `name`; case and punctuation don't count, a unique prefix is enough.

    Raises UnknownNameError with the nearest names.
    """
    return _load(name, FOLDER, example_designs(), "example design")


def published_designs() -> tuple[str, ...]:
    """Names of the published chips drawn as designs, in alphabetical order, as `load_published` takes them."""
    return tuple(name.removesuffix(SUFFIX) for name in list_files(PUBLISHED, SUFFIX))


def load_published(name: str) -> Design:
    """The published chip called `name`, as `load_example`. Raises UnknownNameError with the nearest names."""
    return _load(name, PUBLISHED, published_designs(), "published chip")


def load_reference(name: str) -> Design:
    """The machine that a reference table of another tool is of. Raises UnknownNameError with the nearest names."""
    known = tuple(found.removesuffix(SUFFIX) for found in list_files(REFERENCE, SUFFIX))
    return _load(name, REFERENCE, known, "reference machine")


def _load(name: str, folder: str, known: tuple[str, ...], what: str) -> Design:
    # Imported here: files.py may look names up in the catalog, and the catalog must load without it.
    from hwlib.design.files import load

    found = find(name, tuple(_Example(one) for one in known), what=what)
    return load(resource_root() / folder / f"{found.name}{SUFFIX}")
