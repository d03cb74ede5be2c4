"""The example designs that come with the product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hwlib.catalog.lookup import find
from hwlib.resources import list_files, resource_root

if TYPE_CHECKING:
    from hwlib.design.design import Design

SUFFIX = ".chip.json"
FOLDER = "designs"


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
    # Imported here: files.py may look names up in the catalog, and the catalog must load without it.
    from hwlib.design.files import load

    example = find(name, tuple(_Example(known) for known in example_designs()), what="example design")
    return load(resource_root() / FOLDER / f"{example.name}{SUFFIX}")
