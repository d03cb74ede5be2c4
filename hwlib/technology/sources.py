"""Where every constant and table of the technology models comes from, by dotted key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from hwlib.technology.tables import entries

Confidence = Literal["datasheet", "paper", "measured", "vendor claim", "estimate"]
CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)


@dataclass(frozen=True)
class Source:
    """A document or data set, how far it can be trusted, and what to know about it."""

    document: str
    confidence: Confidence
    note: str = ""


def source_keys() -> tuple[str, ...]:
    """All keys that `source_of` answers, sorted."""
    return tuple(sorted(entries()))


def source_of(key: str) -> Source:
    """The source of a constant or table ("mac.int8", "sram.read_energy"). Raises KeyError for an unknown key."""
    item = entries()[key]
    confidence = item["confidence"]
    if confidence not in CONFIDENCES:
        raise ValueError(f"{key}: the confidence {confidence!r} isn't one of {', '.join(CONFIDENCES)}")
    return Source(item["document"], confidence, item.get("note", ""))


def unit_of(key: str) -> str:
    """The unit that an entry's values are given in. Raises KeyError for an unknown key."""
    return str(entries()[key]["unit"])
