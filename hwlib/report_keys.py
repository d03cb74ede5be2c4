"""The keys of what a report explains: found when first asked for, since most reports of a drag are only looked at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property


class FigureKeys(Collection[str]):
    """Keys in the order of a report. `find` yields them, once."""

    def __init__(self, find: Callable[[], Iterable[str]]) -> None:
        self._find = find

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        return tuple(self._find())

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
