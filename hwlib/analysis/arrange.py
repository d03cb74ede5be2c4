"""Auto-arrange: another floorplan of the same blocks whose wires carry the same traffic over shorter ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, OptimizeResult, differential_evolution

from hwlib.cost.floorplan import Floorplan, floorplan
from hwlib.cost.lower import Lowered
from hwlib.cost.run import Run
from hwlib.design.design import Design, Placement
from hwlib.design.edit import move_blocks
from hwlib.evaluate import run_of
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]

SEED = 1
"""Equal designs are arranged equally."""

MOST_FREE = 40
"""Up to as many blocks whole new arrangements are tried; with more, blocks are only moved and swapped."""

GENERATIONS = 60
SWEEPS = 40
MOST_AT_ONCE = 2**22
"""Pairs of blocks looked at together: a thousand blocks must not take all memory."""

MOST_PAIRS = 2e8
"""Pairs looked at in all where there are more than MOST_FREE blocks."""

OVERLAP_COST = 20.0
"""Cost of one die's worth of overlap or overhang, in wire costs of the present floorplan: nothing legal comes close."""

TOUCH_M = 1e-9
GRID_M = 1e-6
"""Positions are multiples of this, as drawn ones are."""


@dataclass(frozen=True)
class Arrangement:
    """A design with its blocks moved, and byte-metres of wire per run before and after: energy is proportional."""

    design: Design
    before: float
    after: float

    @property
    def saved(self) -> float:
        """Share of wire energy saved."""
        return 1.0 - self.after / self.before if self.before > 0 else 0.0


class NothingToArrangeError(ValueError):
    """The design has no floorplan to better: the message says why."""


@dataclass(frozen=True)
class _Task:
    """What is moved and what it costs. `free` [n]: blocks that move; `fixed` [m]: others on the die. The die starts at
    0, 0. `link` [L], `cross` [T]: bytes of the run over each link and crossing."""

    chip: Lowered
    run: Run
    free: NDArray[np.int64]
    fixed: NDArray[np.int64]
    width: Array
    height: Array
    die: tuple[float, float]
    link: Array
    cross: Array

    def plan(self, x: Array, y: Array) -> Floorplan:
        """Geometry of N arrangements: corners [N, n] of the free blocks."""
        count = len(x)
        xs, ys = (np.repeat(v, count, axis=0) for v in (self.chip.x_m, self.chip.y_m))
        xs[:, self.free], ys[:, self.free] = x, y
        many = replace(
            self.chip,
            designs=self.chip.designs * count,
            settings={k: np.repeat(v, count, axis=0) for k, v in self.chip.settings.items()},
            kinds={},
            link_width_bits=np.repeat(self.chip.link_width_bits, count, axis=0),
            x_m=xs,
            y_m=ys,
            aspect=np.repeat(self.chip.aspect, count, axis=0),
        )
        sizes = np.repeat(self.run.machine.plan.area_m2, count, axis=0)
        return floorplan(many, self.run.machine.routes, sizes)

    def wire(self, x: Array, y: Array) -> Array:
        """[N] byte-metres of N arrangements, counted by the model's own geometry."""
        plans = [self.plan(*some) for some in _parts(len(self.width) + len(self.link), x, y)]
        return np.concatenate([plan.link_m @ self.link + plan.crossing_m @ self.cross for plan in plans])

    def trouble(self, x: Array, y: Array) -> Array:
        """[N] area that overlaps or hangs over the die's edge, over the die's area; 0 where all is legal."""
        return np.concatenate([self._trouble(*some) for some in _parts(len(self.free) * len(self.width), x, y)])

    def trouble_of(self, x: Array, y: Array, which: NDArray[np.int64]) -> Array:
        """[N] the same of one block of each arrangement alone, the block `which` [N]."""
        w, h = self.width[self.free], self.height[self.free]
        rows, wide, high = np.arange(len(x)), w[which], h[which]
        left, top = x[rows, which], y[rows, which]
        beyond = (np.maximum(0.0, -left) + np.maximum(0.0, left + wide - self.die[0])) * high
        beyond += (np.maximum(0.0, -top) + np.maximum(0.0, top + high - self.die[1])) * wide
        still = self.chip.x_m[:, self.fixed], self.chip.y_m[:, self.fixed]
        others = ((x, y, w, h), (*still, self.width[self.fixed], self.height[self.fixed]))
        for at_x, at_y, their_w, their_h in others:
            across = np.minimum((left + wide)[:, None], at_x + their_w) - np.maximum(left[:, None], at_x)
            down = np.minimum((top + high)[:, None], at_y + their_h) - np.maximum(top[:, None], at_y)
            covered = self._covered(across, down)
            if at_x is x:
                covered[rows, which] = 0.0
            beyond += covered.sum(axis=1)
        return np.asarray(beyond / (self.die[0] * self.die[1]))

    def _trouble(self, x: Array, y: Array) -> Array:
        w, h = self.width[self.free], self.height[self.free]
        right, low = x + w, y + h
        beyond = (np.maximum(0.0, -x) + np.maximum(0.0, right - self.die[0])) * h
        beyond += (np.maximum(0.0, -y) + np.maximum(0.0, low - self.die[1])) * w
        wide = np.minimum(right[:, :, None], right[:, None]) - np.maximum(x[:, :, None], x[:, None])
        high = np.minimum(low[:, :, None], low[:, None]) - np.maximum(y[:, :, None], y[:, None])
        pairs = np.triu(np.ones((len(w), len(w)), dtype=bool), 1)
        total = beyond.sum(1) + self._covered(wide, high)[:, pairs].sum(1)
        fx, fy = self.chip.x_m[0, self.fixed], self.chip.y_m[0, self.fixed]
        fw, fh = self.width[self.fixed], self.height[self.fixed]
        wide = np.minimum(right[:, :, None], fx + fw) - np.maximum(x[:, :, None], fx)
        high = np.minimum(low[:, :, None], fy + fh) - np.maximum(y[:, :, None], fy)
        return np.asarray((total + self._covered(wide, high).sum((1, 2))) / (self.die[0] * self.die[1]))

    @staticmethod
    def _covered(wide: Array, high: Array) -> Array:
        return np.where((wide > TOUCH_M) & (high > TOUCH_M), wide * high, 0.0)


def _parts(size: int, x: Array, y: Array) -> list[tuple[Array, Array]]:
    """Arrangements [N, n] of which each looks at `size` numbers, in parts that fit into memory."""
    count = max(1, MOST_AT_ONCE // max(1, size))
    return [(x[i : i + count], y[i : i + count]) for i in range(0, len(x), count)]


def arrange(
    design: Design, scenario: Scenario, llm: LlmArchitecture, stop: Callable[[], bool] = lambda: False
) -> Arrangement | None:
    """The design with shorter wires for this workload; None where nothing shorter was found. Deterministic.

    Blocks that overlap or leave the die are set right, even where their wires get longer for it.

    DRAM, whose place is beside the die, and locked blocks stay. New arrangements come from differential evolution
    over sequence pairs (Murata et al., 1996: two orders of the blocks say who is left of and above whom); the best of
    them and the present one are bettered by moves and swaps. Wires are counted by the model's own geometry. `stop` is
    asked now and then and ends the search early. Raises NothingToArrangeError, and ValueError as `evaluate`.
    """
    task = _task(design, scenario, llm)
    x, y = task.chip.x_m[:, task.free], task.chip.y_m[:, task.free]
    before = float(task.wire(x, y)[0])
    if before <= 0:
        raise NothingToArrangeError("No wire carries anything in this scenario, so that no floorplan is better.")
    present_is_legal = task.trouble(x, y)[0] <= 0
    starts = [(x, y)] if present_is_legal else []
    if len(task.free) <= MOST_FREE:
        starts.append(_evolved(task, before, stop))
    ends = [_on_grid(task, *_bettered(task, *start, stop)) for start in starts]
    legal = [(float(task.wire(*end)[0]), end) for end in ends if task.trouble(*end)[0] <= 0]
    better = [found for found in legal if found[0] < before * (1.0 - 1e-6) or not present_is_legal]
    if not better:
        return None
    after, (x, y) = min(better, key=lambda found: found[0])
    return Arrangement(_moved(design, task, x[0], y[0]), before, after)


def _task(design: Design, scenario: Scenario, llm: LlmArchitecture) -> _Task:
    found = run_of(design, scenario, llm)
    if found is None:
        raise NothingToArrangeError(f"{llm.name} does not run on this design, so that there is no traffic to shorten.")
    r, d = found
    chip, plan, streams = r.machine.chip, r.machine.plan, r.machine.streams
    free = [i for i, b in enumerate(design.blocks) if b.kind != "dram" and not b.locked]
    fixed = [i for i, b in enumerate(design.blocks) if b.kind != "dram" and b.locked]
    if not free:
        raise NothingToArrangeError("No block is free to move: unlock some.")
    steps = r.passes[d] * r.runs[:, d][r.program.phase]
    moved = steps @ r.work.stream_bytes[d]
    links = len(chip.link_width_bits[0])
    return _Task(
        chip=chip,
        run=r,
        free=np.array(free, dtype=np.int64),
        fixed=np.array(fixed, dtype=np.int64),
        width=plan.width_m[d],
        height=plan.height_m[d],
        die=(design.settings.die_width_m, design.settings.die_height_m),
        link=moved @ streams.share[d][:, :links],
        cross=moved @ streams.crossed[d],
    )


# New arrangements -------------------------------------------------------------------------------------------------


def _evolved(task: _Task, before: float, stop: Callable[[], bool]) -> tuple[Array, Array]:
    """Corners [1, n] of the best arrangement that differential evolution finds; it may still overhang."""
    n = len(task.free)

    def cost(keys: Array) -> Array:
        x, y = _decoded(task, np.atleast_2d(keys.T))
        return np.asarray(task.wire(x, y) / before + OVERLAP_COST * task.trouble(x, y))

    def halt(intermediate_result: OptimizeResult) -> None:
        if stop():
            raise StopIteration

    found = differential_evolution(
        cost,  # type: ignore[arg-type]  # vectorized: many costs at once
        Bounds(np.zeros(2 * n + 3), np.ones(2 * n + 3)),
        rng=np.random.default_rng(SEED),
        popsize=max(4, 120 // n),
        maxiter=GENERATIONS,
        polish=False,
        vectorized=True,
        updating="deferred",
        callback=halt,
    )
    return _decoded(task, found.x[None])


def _decoded(task: _Task, keys: Array) -> tuple[Array, Array]:
    """Corners [N, n] of random keys [N, 2 n + 3]: two orders, a gap between blocks, and where the whole sits."""
    n = len(task.free)
    first, second = np.argsort(keys[:, :n], axis=1), np.argsort(keys[:, n : 2 * n], axis=1)
    rank_a, rank_b = np.argsort(first, axis=1), np.argsort(second, axis=1)
    before_a = rank_a[:, :, None] < rank_a[:, None]
    before_b = rank_b[:, :, None] < rank_b[:, None]
    gap = keys[:, 2 * n, None] ** 3 * min(task.die) / 8.0
    x = _packed(first, before_a & before_b, task.width[task.free] + gap)
    y = _packed(first[:, ::-1], ~before_a & before_b, task.height[task.free] + gap)
    spare_x = task.die[0] - (x + task.width[task.free]).max(axis=1)
    spare_y = task.die[1] - (y + task.height[task.free]).max(axis=1)
    x = x + (np.maximum(0.0, spare_x) * keys[:, 2 * n + 1])[:, None]
    y = y + (np.maximum(0.0, spare_y) * keys[:, 2 * n + 2])[:, None]
    return x, y


def _packed(order: NDArray[np.int64], before: NDArray[np.bool_], size: Array) -> Array:
    """[N, n] least coordinates where `before[., i, j]` puts j behind i; `order` [N, n] respects these relations."""
    count, n = order.shape
    rows = np.arange(count)
    at = np.zeros((count, n))
    for step in range(n):
        block = order[:, step]
        behind = before[rows, :, block]
        at[rows, block] = np.where(behind, at + size, 0.0).max(axis=1)
    return at


# Betterment -------------------------------------------------------------------------------------------------------


def _bettered(task: _Task, x: Array, y: Array, stop: Callable[[], bool]) -> tuple[Array, Array]:
    """Corners [1, n] after moves of one block and swaps of two, the best of all of them in turn, until none helps."""
    step = max(task.die) / 4.0
    best = _cost(task, x, y)[0]
    for _ in range(_sweeps(len(task.free))):
        if stop():
            break
        xs, ys = _neighbours(task, x[0], y[0], step)
        costs = _cost(task, xs, ys) if len(task.free) <= MOST_FREE else _cost_of_moved(task, x, y, xs, ys)
        chosen = int(costs.argmin())
        if costs[chosen] < best * (1.0 - 1e-9):
            if len(task.free) > MOST_FREE:
                xs, ys, costs, chosen = _with_all_that_helps(task, (x, y), (xs, ys), costs, best)
            x, y, best = xs[chosen : chosen + 1], ys[chosen : chosen + 1], costs[chosen]
        elif step > GRID_M:
            step /= 3.0
        else:
            break
    return x, y


def _with_all_that_helps(
    task: _Task, at: tuple[Array, Array], tried: tuple[Array, Array], costs: Array, best: float
) -> tuple[Array, Array, Array, int]:
    """The tried moves, their costs and which is best, and among them all that help made together, each block once."""
    x, y = at[0].copy(), at[1].copy()
    free = np.ones(x.shape[1], dtype=bool)
    for i in np.argsort(costs, kind="stable")[: int((costs < best).sum())]:
        which = np.flatnonzero((tried[0][i] != at[0][0]) | (tried[1][i] != at[1][0]))
        if not free[which].all():
            continue
        was = x[0, which], y[0, which]
        x[0, which], y[0, which] = tried[0][i, which], tried[1][i, which]
        if all(task.trouble_of(x, y, np.array([block]))[0] <= 0 for block in which):
            free[which] = False
        else:
            x[0, which], y[0, which] = was
    costs = np.append(costs, task.wire(x, y))
    return np.concatenate([tried[0], x]), np.concatenate([tried[1], y]), costs, int(costs.argmin())


def _sweeps(free: int) -> int:
    """How often all moves are tried: fewer times where many blocks make each try long."""
    most = SWEEPS * max(1, free // 4)
    return most if free <= MOST_FREE else min(most, max(SWEEPS, int(MOST_PAIRS / (5 * free * free))))


def _cost_of_moved(task: _Task, x: Array, y: Array, xs: Array, ys: Array) -> Array:
    """[N] wires where up to two blocks moved to `xs`, `ys` [N, n] from a legal place [1, n]; infinite if not legal."""
    changed = (xs != x) | (ys != y)
    first, last = changed.argmax(axis=1), changed.shape[1] - 1 - changed[:, ::-1].argmax(axis=1)
    trouble = task.trouble_of(xs, ys, first) + np.where(first == last, 0.0, task.trouble_of(xs, ys, last))
    wire, legal = np.full(len(xs), np.inf), trouble <= 0
    if legal.any():
        wire[legal] = task.wire(xs[legal], ys[legal])
    return wire


def _cost(task: _Task, x: Array, y: Array) -> Array:
    """[N] wires, and far more than any wires for what isn't legal."""
    wire, trouble = task.wire(x, y), task.trouble(x, y)
    return np.asarray(wire + (trouble > 0) * (1.0 + trouble) * OVERLAP_COST * (wire.max() + 1e-300))


def _neighbours(task: _Task, x: Array, y: Array, step: float) -> tuple[Array, Array]:
    """Corners [N, n]: every block a step further or flush with another's edge, and centres of every two swapped."""
    n = len(x)
    w, h = task.width[task.free], task.height[task.free]
    moves = [(i, step * dx, step * dy) for i in range(n) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    if n <= MOST_FREE:
        moves += [(i, x[j] + w[j] - x[i], 0.0) for i in range(n) for j in range(n) if i != j]
        moves += [(i, x[j] - w[i] - x[i], 0.0) for i in range(n) for j in range(n) if i != j]
        moves += [(i, 0.0, y[j] + h[j] - y[i]) for i in range(n) for j in range(n) if i != j]
        moves += [(i, 0.0, y[j] - h[i] - y[i]) for i in range(n) for j in range(n) if i != j]
    xs, ys = np.repeat(x[None], len(moves), axis=0), np.repeat(y[None], len(moves), axis=0)
    rows = np.arange(len(moves))
    which = np.array([m[0] for m in moves])
    xs[rows, which] += np.array([m[1] for m in moves])
    ys[rows, which] += np.array([m[2] for m in moves])
    swapped = [_swapped(x, y, w, h, i, j) for i in range(n) for j in range(i) if n <= MOST_FREE or i - j == 1]
    if swapped:
        xs = np.concatenate([xs, np.stack([s[0] for s in swapped])])
        ys = np.concatenate([ys, np.stack([s[1] for s in swapped])])
    return xs, ys


def _swapped(x: Array, y: Array, w: Array, h: Array, i: int, j: int) -> tuple[Array, Array]:
    """Two blocks with each other's centres."""
    a, b = x.copy(), y.copy()
    a[i], a[j] = x[j] + (w[j] - w[i]) / 2, x[i] + (w[i] - w[j]) / 2
    b[i], b[j] = y[j] + (h[j] - h[i]) / 2, y[i] + (h[i] - h[j]) / 2
    return a, b


def _on_grid(task: _Task, x: Array, y: Array) -> tuple[Array, Array]:
    """Corners [1, n] on the grid that drawn blocks sit on, where that is legal too."""
    rounded = np.round(x / GRID_M) * GRID_M, np.round(y / GRID_M) * GRID_M
    return rounded if task.trouble(*rounded)[0] <= 0 else (x, y)


def _moved(design: Design, task: _Task, x: Array, y: Array) -> Design:
    blocks = [design.blocks[i] for i in task.free]
    places = {
        b.id: Placement(x_m=float(px), y_m=float(py), aspect=b.placement.aspect)
        for b, px, py in zip(blocks, x, y, strict=True)
    }
    return move_blocks(design, places)
