"""Reads the technology files under resources/ and interpolates them: curves over the node, grids over several axes."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from types import MappingProxyType
from typing import Any, ParamSpec

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwlib.resources import ResourceError, list_files, read_json

Array = NDArray[np.float64]
Parameters = ParamSpec("Parameters")
NODE_MIN_NM = 3.0
NODE_MAX_NM = 130.0
KNOWN_POINTS = 1024


def merged(files: Mapping[str, Any]) -> Mapping[str, dict[str, Any]]:
    """The entries of several decoded files, by file name. Raises ResourceError for a key given twice."""
    found: dict[str, dict[str, Any]] = {}
    for name, content in files.items():
        own = content.get("entries", {}) if isinstance(content, dict) else {}
        if twice := found.keys() & own.keys():
            raise ResourceError(f"technology/{name} gives {sorted(twice)[0]!r} a second time")
        found |= own
    return MappingProxyType(found)


@cache
def entries() -> Mapping[str, dict[str, Any]]:
    """Every entry of resources/technology/*.json by its dotted key. Raises ResourceError for a key given twice."""
    return merged({name: read_json(f"technology/{name}") for name in list_files("technology", ".json")})


def entry(key: str) -> dict[str, Any]:
    """One entry. Raises KeyError for an unknown key."""
    return entries()[key]


def constant(key: str) -> float:
    """The single value of an entry, in its unit. Raises KeyError for an unknown key or an entry without one value."""
    return float(entry(key)["value"])


def remembered(function: Callable[Parameters, Array]) -> Callable[Parameters, Array]:
    """Keeps what a function of numbers and words is at single points: a design's parts ask for the same ones again and
    again, and most edits leave most parts as they are. Values of arrays of one are read-only; larger ones aren't kept.
    """
    known: dict[tuple[Any, ...], Array] = {}

    @wraps(function)
    def kept(*values: Parameters.args, **named: Parameters.kwargs) -> Array:
        at = None if named else _point(values)
        if at is None:
            return function(*values, **named)
        value = known.get(at)
        if value is None:
            if len(known) >= KNOWN_POINTS:
                known.clear()
            value = known[at] = np.asarray(function(*values, **named))
            value.setflags(write=False)
        return value

    return kept


def _point(values: tuple[object, ...]) -> tuple[Any, ...] | None:
    """Numbers with their dimensions, and words; None where there are several numbers."""
    at: list[Any] = []
    for value in values:
        if isinstance(value, np.ndarray):
            if value.size != 1:
                return None
            at.append((value.item(), value.ndim))
        elif isinstance(value, str | float | int):
            at.append(value)
        else:
            return None
    return tuple(at)


class Curve:
    """A positive function of the process node: a power law between anchors, held outside 3 to 130 nm."""

    def __init__(self, nodes_nm: Sequence[float], values: Sequence[float]) -> None:
        self._x = np.log(np.asarray(nodes_nm, dtype=float))
        self._y = np.log(np.asarray(values, dtype=float))
        self._known: dict[tuple[float, int], Array] = {}

    @property
    def nodes_nm(self) -> Array:
        """The anchors' nodes, ascending."""
        nodes: Array = np.exp(self._x)
        return nodes

    def __call__(self, node_nm: ArrayLike) -> Array:
        """The value at `node_nm` (any shape)."""
        nodes = np.asarray(node_nm, dtype=float)
        if nodes.size != 1:
            value: Array = np.exp(np.interp(np.log(nodes), self._x, self._y))
            return value
        # one design asks for the same node some eighty times in an evaluation
        at = (nodes.item(), nodes.ndim)
        known = self._known.get(at)
        if known is None:
            if len(self._known) >= KNOWN_POINTS:
                self._known.clear()
            known = self._known[at] = np.exp(np.interp(np.log(nodes), self._x, self._y))
            known.setflags(write=False)
        return known


@cache
def curve(key: str) -> Curve:
    """The curve of an entry: anchors by node, carried on beyond them with the entry's exponents of the node.

    An entry with one value `at_node_nm` follows `exponent`. Raises KeyError for an unknown key.
    """
    item = entry(key)
    if "by_node_nm" in item:
        points = {float(node): float(value) for node, value in item["by_node_nm"].items()}
    else:
        points = {float(item["at_node_nm"]): float(item["value"])}
    below = float(item.get("exponent_below", item.get("exponent", 0.0)))
    above = float(item.get("exponent_above", item.get("exponent", 0.0)))
    low, high = min(points), max(points)
    points.setdefault(NODE_MIN_NM, points[low] * (NODE_MIN_NM / low) ** below)
    points.setdefault(NODE_MAX_NM, points[high] * (NODE_MAX_NM / high) ** above)
    nodes = sorted(points)
    return Curve(nodes, [points[n] for n in nodes])


class Grid:
    """A positive function of several coordinates: multilinear in its logarithm, held at the grid's edges.

    axes: ascending coordinates, each at least two long; log_values: one logarithm per grid point.
    """

    def __init__(self, axes: Sequence[Array], log_values: Array) -> None:
        self._axes = tuple((a, a[1:-1], 1.0 / np.diff(a), float(a[0]), float(a[-1])) for a in axes)
        self._flat = np.ascontiguousarray(log_values).ravel()
        self._strides = tuple(int(np.prod(log_values.shape[d + 1 :])) for d in range(len(axes)))
        corners = np.zeros(1, dtype=np.intp)
        for stride in reversed(self._strides):
            corners = np.concatenate([corners, corners + stride])
        self._corners = corners
        self._lists = tuple((a.tolist(), inner.tolist(), inverse.tolist()) for a, inner, inverse, _, _ in self._axes)
        self._values, self._offsets = self._flat.tolist(), corners.tolist()

    def __call__(self, *coordinates: Array) -> Array:
        """The value at broadcast coordinates, given as the axes are (logarithms where they are)."""
        if all(np.size(raw) == 1 for raw in coordinates):
            point = self._at_point([float(np.asarray(raw).item()) for raw in coordinates])
            return np.full((1,) * max(np.ndim(raw) for raw in coordinates), point)
        at: Any = 0
        fractions = []
        for (axis, inner, inverse, low, high), stride, raw in zip(self._axes, self._strides, coordinates, strict=True):
            u = np.minimum(np.maximum(raw, low), high)
            i = inner.searchsorted(u, side="right")
            fractions.append((u - axis[i]) * inverse[i])
            at = at + i * stride
        values = self._flat[np.add.outer(self._corners, at)]
        for fraction in fractions:
            half = len(values) // 2
            values = values[:half] + fraction * (values[half:] - values[:half])
        result: Array = np.exp(values[0])
        return result

    def _at_point(self, coordinates: list[float]) -> float:
        """The value at one point in plain numbers: a design of its own asks for a few, and arrays of one are slow."""
        at, fractions = 0, []
        for (nodes, inner, inverse), stride, raw in zip(self._lists, self._strides, coordinates, strict=True):
            u = min(max(raw, nodes[0]), nodes[-1])
            i = bisect_right(inner, u)
            fractions.append((u - nodes[i]) * inverse[i])
            at += i * stride
        values = [self._values[at + corner] for corner in self._offsets]
        for fraction in fractions:
            half = len(values) // 2
            values = [low + fraction * (high - low) for low, high in zip(values[:half], values[half:], strict=True)]
        return math.exp(values[0])
