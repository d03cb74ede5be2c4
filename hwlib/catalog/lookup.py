"""Finding a record by the name that a person would type: folded, by alias, by unique prefix, else the nearest names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol, TypeVar

_WORD = re.compile(r"\d+(?:\.\d+)*|[a-z]+")
_SHOWN_CANDIDATES = 8


class UnknownNameError(ValueError):
    """A name that nothing in the catalog has; `nearest` holds the names closest to it."""

    def __init__(self, message: str, nearest: tuple[str, ...]) -> None:
        super().__init__(message)
        self.nearest = nearest


class AmbiguousNameError(UnknownNameError):
    """A name that fits more than one record; `nearest` holds their names."""


class Named(Protocol):
    """What can be looked up: something with a name and other names for it."""

    @property
    def name(self) -> str: ...

    @property
    def aliases(self) -> tuple[str, ...]: ...


Record = TypeVar("Record", bound=Named)
Fold = Callable[[str], str]


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """A name as words and numbers in lower case: "A100-80GB_SXM4" -> "a 100 80 gb sxm 4"."""
    return " ".join(_WORD.findall(text.casefold()))


def find(query: str, records: Sequence[Record], *, what: str, fold: Fold = fold, numbers_whole: bool = False) -> Record:
    """The record meant by `query`: exact name or alias, then unique prefix, then unique run of words in order.

    With `numbers_whole` a prefix doesn't end within a number: an H20 isn't an H200.
    Raises AmbiguousNameError where several fit, UnknownNameError with the three nearest names where none does.
    """
    wanted = fold(query)
    if not wanted:
        raise UnknownNameError(f"no {what} was named", ())
    keys = [(fold(name), record) for record in records for name in (record.name, *record.aliases)]
    # Words in order only count within proper names: in an alias such as Phi-3-mini-4k they would find "Phi-4".
    proper = [(fold(record.name), record) for record in records]
    for fits, among in ((_equal, keys), (_whole_prefix if numbers_whole else _prefix, keys), (_in_order, proper)):
        found = {record.name: record for key, record in among if fits(wanted, key)}
        if len(found) == 1:
            return next(iter(found.values()))
        if found:
            raise _ambiguous(query, tuple(found), what)
    raise _unknown(query, wanted, keys, what)


def _equal(wanted: str, key: str) -> bool:
    return wanted == key


def _prefix(wanted: str, key: str) -> bool:
    return key.startswith(wanted)


def _whole_prefix(wanted: str, key: str) -> bool:
    return key.startswith(wanted) and not (wanted[-1].isdigit() and key[len(wanted) : len(wanted) + 1].isdigit())


def _in_order(wanted: str, key: str) -> bool:
    """Whether every word of `wanted` stands in `key`, in the same order ("h 100 sxm" in "h 100 80 gb sxm 5")."""
    words = iter(key.split())
    return all(word in words for word in wanted.split())


def _ambiguous(query: str, names: tuple[str, ...], what: str) -> AmbiguousNameError:
    shown = ", ".join(names[:_SHOWN_CANDIDATES])
    more = f" and {len(names) - _SHOWN_CANDIDATES} more" if len(names) > _SHOWN_CANDIDATES else ""
    return AmbiguousNameError(f"{query!r} fits more than one {what}: {shown}{more}. Type more of the name.", names)


def _unknown(query: str, wanted: str, keys: Sequence[tuple[str, Named]], what: str) -> UnknownNameError:
    def likeness(item: tuple[str, Named]) -> float:
        return difflib.SequenceMatcher(None, wanted, item[0]).ratio()

    ranked = sorted(keys, key=likeness, reverse=True)
    nearest = tuple(dict.fromkeys(record.name for _, record in ranked))[:3]
    shown = query if len(query) <= 80 else query[:77] + "…"
    offer = f"The nearest names: {', '.join(nearest)}." if nearest else "There are none at all."
    return UnknownNameError(f"no {what} is called {shown!r}. {offer}", nearest)
