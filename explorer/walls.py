"""Computes memory walls in the background, for the chart that shows them and only while it is on show."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from PySide6.QtCore import QObject, QTimer

from explorer.charts.memory_wall import MemoryWallChart, WallSet
from explorer.latest import Latest
from explorer.timing import settings_key
from hwlib.analysis.wall_axes import part_value, present_value
from hwlib.design.design import Design

if TYPE_CHECKING:
    from explorer.document import Baseline
    from explorer.evaluator import Evaluator
    from hwlib.analysis.wall import Wall, WallAxis
    from hwlib.workload.llm import LlmArchitecture
    from hwlib.workload.scenario import Scenario

log = logging.getLogger(__name__)

KEPT = 64
LEAST_GAP_MS = 40
MOST_GAP_MS = 400
GAP = 3.0
"""While edits go on, the worker rests this many times as long as a wall took, so that frames keep their pace."""
MARGIN = 2.0
"""A wall is good for designs whose value lies inside its ends by this factor."""
WITHIN_DRAG = 0.95
SCENARIO_AXES = ("batch", "context")


@dataclass(frozen=True)
class Wanted:
    """What one wall is computed from."""

    axis: WallAxis
    design: Design
    scenario: Scenario
    llm: LlmArchitecture
    baseline: Baseline | None = None
    """The catalog device that is timed by measured kernels, where the wall is of one."""

    @cached_property
    def key(self) -> Key:
        """Equal for two that have the same curve: dragging the present point changes no wall."""
        design, scenario = self.design, self.scenario
        if self.axis == "batch":
            scenario = msgspec.structs.replace(scenario, batch=1)
        elif self.axis == "context":
            scenario = msgspec.structs.replace(scenario, prompt=1)
        else:
            design = _without(design, self.axis)
        timed = (self.baseline.device, settings_key(self.baseline.settings)) if self.baseline is not None else None
        return Key((self.axis, design, scenario, self.llm, timed))

    @property
    def present(self) -> float:
        """Where it stands on its axis."""
        return present_value(self.design, self.scenario, self.axis)


class Key:
    """A value that is hashed once: a design of many blocks takes its time."""

    def __init__(self, value: tuple[object, ...]) -> None:
        self._value, self._hash = value, hash(value)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self._hash == other._hash and self._value == other._value


Compute = Callable[[Wanted], "Wall"]


def compute_wall(wanted: Wanted) -> Wall:
    """The wall of a design; called on the worker thread."""
    from hwlib.analysis.device_wall import device_wall
    from hwlib.analysis.wall import memory_wall

    if wanted.baseline is not None:
        device, settings = wanted.baseline.device, wanted.baseline.settings
        measured = device_wall(device, wanted.scenario, wanted.llm, wanted.axis, settings)
        if measured is not None:
            return measured
    return memory_wall(wanted.design, wanted.scenario, wanted.llm, wanted.axis)


def _without(design: Design, axis: WallAxis) -> Design:
    """The design with every value on the axis as its share of the largest, so that scaled designs are equal."""
    values = {b.id: value for b in design.blocks if (value := part_value(b.part, axis)) is not None}
    largest = max(values.values(), default=0.0)
    name = "bandwidth_Bps" if axis == "bandwidth" else "capacity_bytes"
    blocks = []
    for block in design.blocks:
        if block.id in values:
            share = float(f"{values[block.id] / largest:.3g}")
            block = msgspec.structs.replace(block, part=msgspec.structs.replace(block.part, **{name: share}))
        blocks.append(block)
    return msgspec.structs.replace(design, blocks=tuple(blocks))


class Made(NamedTuple):
    """The walls that a job computed, by their keys, and how long it took. What failed is not among them."""

    walls: dict[Key, Wall]
    elapsed_s: float


def make_walls(wanted: Sequence[Wanted], compute: Compute) -> Made:
    """Compute walls one after another; called on the worker thread."""
    start, found = time.perf_counter(), {}
    for one in wanted:
        try:
            found[one.key] = compute(one)
        except Exception:
            log.exception("the memory wall of %s failed", one.design.name)
    return Made(found, time.perf_counter() - start)


class Walls(QObject):
    """Gives a memory-wall chart its curves. One job in flight; the newest results replace what waits.

    It has a thread of its own and starts after the charts have painted, so that it never delays a frame's evaluation.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        chart: MemoryWallChart,
        compute: Compute = compute_wall,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._evaluator, self._chart, self._compute = evaluator, chart, compute
        self._kept: OrderedDict[Key, Wall] = OrderedDict()
        self._asked: frozenset[Key] = frozenset()
        """What the job in flight, or the last one, was to compute."""
        self._closed = False
        self._worker = Latest("computing memory walls", self)
        self._worker.done.connect(self._receive)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._start)
        # Not before: the wall's thread would share the interpreter with the paint.
        chart.painted.connect(self.request)
        chart.wall_wanted.connect(self.request)

    @property
    def busy(self) -> bool:
        """True while a wall is computed or about to be."""
        return self._worker.busy or self._rest.isActive()

    def request(self, *_: object) -> None:
        """See to it that the chart gets the walls of the newest results, at once where they are known."""
        if not self._closed and self._serve() and not self.busy:
            self._rest.start(0)

    def shutdown(self) -> None:
        """Let what is in flight end; nothing is announced any more."""
        self._closed = True
        self._rest.stop()
        self._worker.shutdown()

    def _wanted(self) -> list[Wanted | None]:
        """The design's wall first, then one per baseline: None without blocks, or on an axis without curves."""
        results = self._evaluator.results
        if results is None or not self._chart.on_show:
            return []
        axis, scenario, llm = self._chart.axis, results.report.scenario, results.report.llm
        own = results.report.design
        found = [Wanted(axis, own, scenario, llm) if own.blocks else None]
        timed = [baseline if report.basis else None for baseline, report in results.pairs()]
        for i, report in enumerate(results.baselines):
            shown = axis in SCENARIO_AXES and bool(report.design.blocks)
            device = timed[i] if i < len(timed) else None
            found.append(Wanted(axis, report.design, scenario, llm, device) if shown else None)
        return found

    def _known(self, wanted: Wanted) -> Wall | None:
        wall = self._kept.get(wanted.key)
        if wall is None or len(wall.values) == 0 or wanted.axis in SCENARIO_AXES:
            return wall
        # In mid-drag the curve stays put, or the value under the pointer would run away.
        margin = WITHIN_DRAG if self._chart.drag is not None else MARGIN
        return wall if wall.values[0] * margin <= wanted.present <= wall.values[-1] / margin else None

    def _serve(self) -> list[Wanted]:
        """Hand the chart the walls that are known; what is still missing."""
        wanted = self._wanted()
        walls = [None if w is None else self._known(w) for w in wanted]
        if walls and walls[0] is not None:
            shown = WallSet(walls[0], tuple(walls[1:]))
            if self._chart.walls is None or not _same(shown, self._chart.walls):
                self._chart.show_walls(shown)
        return [w for w, wall in zip(wanted, walls, strict=True) if w is not None and wall is None]

    def _start(self) -> None:
        missing = [] if self._closed or self._worker.busy else self._serve()
        if missing:
            self._asked = frozenset(w.key for w in missing)
            self._worker.order(partial(make_walls, missing, self._compute))

    def _receive(self, made: object) -> None:
        if self._closed or not isinstance(made, Made):
            return
        self._kept.update(made.walls)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        own = next(iter(self._wanted()), None)
        if own is not None and own.key in self._asked and own.key not in self._kept:
            self._chart.tell_failure()
        # What could not be computed is not asked for again until something changes.
        if any(w.key not in self._asked for w in self._serve()):
            self._rest.start(round(min(MOST_GAP_MS, max(LEAST_GAP_MS, GAP * made.elapsed_s * 1e3))))


def _same(a: WallSet, b: WallSet) -> bool:
    pairs = zip((a.own, *a.baselines), (b.own, *b.baselines), strict=False)
    return len(a.baselines) == len(b.baselines) and all(x is y for x, y in pairs)
