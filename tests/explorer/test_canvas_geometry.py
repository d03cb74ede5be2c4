"""Routes, snapping, free places and shortened labels as pure functions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.canvas.figures import MOST_CELLS, divisions, grid, key_figures, link_width_px, wordings
from explorer.canvas.geometry import SIDES, Point, contains, distance, free_place, nice_step, overlap, route
from explorer.canvas.routing import best_route
from explorer.canvas.snap import grid_step, lines_of, snap, to_grid
from hwlib.design.design import Block
from hwlib.design.edit import connect
from hwlib.design.parts import PART_TYPES, ComputeArray, Crossbar, Dram, Noc, Port, Sram, VectorUnit, kind_of
from hwlib.evaluate import evaluate
from hwlib.report import Rect
from tests.explorer import factories
from tests.explorer.canvas_user import chip

coordinate = st.floats(-0.05, 0.05)
side = st.floats(1e-4, 0.02)
rects = st.builds(Rect, coordinate, coordinate, side, side)


def length(corners: tuple[Point, ...]) -> float:
    pairs = pairwise(corners)
    return sum(abs(x2 - x1) + abs(y2 - y1) for (x1, y1), (x2, y2) in pairs)


@given(rects, rects)
def test_links_run_along_the_axes_and_are_as_short_as_their_ports_allow(a: Rect, b: Rect) -> None:
    corners = route(a, b)
    assert all(x1 == x2 or y1 == y2 for (x1, y1), (x2, y2) in pairwise(corners))
    (x1, y1), (x2, y2) = corners[0], corners[-1]
    assert length(corners) == pytest.approx(abs(x2 - x1) + abs(y2 - y1))


def test_links_are_drawn_where_the_model_measures_them() -> None:
    design = connect(connect(chip(), "a", "n"), "n", "m")
    blocks = {f.id: f.rect for f in evaluate(design, factories.SCENARIO, factories.LLAMA).blocks}
    for figure in evaluate(design, factories.SCENARIO, factories.LLAMA).links:
        corners = route(blocks[figure.source], blocks[figure.target])
        assert corners[0] == pytest.approx((figure.x1_m, figure.y1_m))
        assert corners[-1] == pytest.approx((figure.x2_m, figure.y2_m))
        assert length(corners) == pytest.approx(figure.length_m)


def crossed(corners: tuple[Point, ...], blocks: list[Rect]) -> float:
    """Metres that an orthogonal line runs inside blocks, by brute force over short pieces."""
    inside = 0.0
    for (x1, y1), (x2, y2) in pairwise(corners):
        for i in range(200):
            x, y = x1 + (x2 - x1) * (i + 0.5) / 200, y1 + (y2 - y1) * (i + 0.5) / 200
            if any(r.x_m < x < r.x_m + r.width_m and r.y_m < y < r.y_m + r.height_m for r in blocks):
                inside += (abs(x2 - x1) + abs(y2 - y1)) / 200
    return inside


def table(blocks: list[Rect]) -> np.ndarray:
    corners = [(r.x_m, r.y_m, r.x_m + r.width_m, r.y_m + r.height_m) for r in blocks]
    return np.array(corners, dtype=float).reshape(-1, 4)


sides = st.sampled_from(SIDES)


@given(st.tuples(coordinate, coordinate), st.tuples(coordinate, coordinate), sides, sides, st.lists(rects, max_size=8))
def test_no_way_round_blocks_is_longer_than_the_wires_that_the_model_charges(
    start: Point, end: Point, leaving: str, arriving: str, blocks: list[Rect]
) -> None:
    corners = best_route(start, end, (leaving, arriving), table(blocks))
    assert corners[0] == pytest.approx(start)
    assert corners[-1] == pytest.approx(end)
    assert all(abs(x1 - x2) < 1e-6 or abs(y1 - y2) < 1e-6 for (x1, y1), (x2, y2) in pairwise(corners))
    assert length(corners) == pytest.approx(abs(end[0] - start[0]) + abs(end[1] - start[1]), abs=1e-6)


def test_a_link_goes_through_the_gap_and_not_through_a_block() -> None:
    left, right = Rect(0.0, 0.0, 2e-3, 2e-3), Rect(20e-3, 10e-3, 2e-3, 2e-3)
    wall = [Rect(4e-3, 0.0, 5e-3, 5.5e-3), Rect(4e-3, 6e-3, 5e-3, 8e-3), Rect(12e-3, 3e-3, 4e-3, 6e-3)]
    blocks = [left, right, *wall]
    ports = (2e-3, 1e-3), (20e-3, 11e-3)
    corners = best_route(*ports, ("right", "left"), table(blocks))
    assert crossed(corners, blocks) == 0.0
    assert crossed(route(left, right), blocks) > 1e-3


def test_a_link_between_neighbours_runs_in_the_middle_of_their_gap() -> None:
    a, b = Rect(0.0, 0.0, 4e-3, 4e-3), Rect(6e-3, 1e-3, 4e-3, 4e-3)
    corners = best_route((4e-3, 2e-3), (6e-3, 3e-3), ("right", "left"), table([a, b]))
    assert [x for x, _ in corners] == pytest.approx([4e-3, 5e-3, 5e-3, 6e-3])


def test_distance_to_a_line_with_a_corner() -> None:
    corners = ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0))
    assert distance((1.0, 0.5), corners) == 0.5
    assert distance((3.0, 1.0), corners) == 1.0
    assert distance((5.0, 6.0), corners) == 5.0


@given(st.floats(1e-9, 1e9))
def test_nice_steps_are_one_two_or_five(least: float) -> None:
    step = nice_step(least)
    assert least * (1 - 1e-6) <= step <= least * 2.5 * (1 + 1e-6)
    assert float(f"{step:.6e}".split("e")[0]) in (1.0, 2.0, 5.0)


def test_the_grid_of_a_20_mm_die_is_a_tenth_of_a_millimetre() -> None:
    assert grid_step(0.02, 0.02) == pytest.approx(1e-4)
    assert to_grid(0.30004e-3, 1e-4) == 3e-4


def test_a_rectangle_snaps_to_an_edge_in_reach_and_else_to_the_grid() -> None:
    still = Rect(10e-3, 5e-3, 3e-3, 3e-3)
    rect = Rect(0.0, 0.0, 2e-3, 2e-3)
    near = snap(rect, 7.95e-3, 9.13e-3, lines_of([still]), 1e-4, 0.1e-3)
    assert (near.dx_m, near.dy_m) == pytest.approx((8e-3, 9.1e-3))
    assert near.guides_x == (0.01,)
    assert near.guides_y == ()
    alone = snap(rect, 1.26e-3, 0.0, lines_of([]), 1e-4, 0.1e-3)
    assert alone.dx_m == pytest.approx(1.3e-3)


@given(rects, st.lists(rects, max_size=5), coordinate, coordinate)
def test_a_snap_is_never_further_than_reach_or_half_a_step(r: Rect, others: list[Rect], dx: float, dy: float) -> None:
    step, reach = 1e-4, 3e-4
    found = snap(r, dx, dy, lines_of(others), step, reach)
    assert abs(found.dx_m - dx) <= max(step / 2, reach) + 1e-9
    assert abs(found.dy_m - dy) <= max(step / 2, reach) + 1e-9


@given(st.lists(st.builds(Rect, st.floats(0, 0.02), st.floats(0, 0.02), side, side), max_size=6), side, side)
def test_a_free_place_is_on_the_die_and_free(taken: list[Rect], width: float, height: float) -> None:
    die = Rect(0.0, 0.0, 0.02, 0.02)
    found = free_place(die, (width, height), taken, 1e-4)
    if found is not None:
        place = Rect(found[0], found[1], width, height)
        assert contains(die, place)
        assert not any(overlap(place, r) for r in taken)


def test_an_empty_die_has_room() -> None:
    assert free_place(Rect(0.0, 0.0, 0.02, 0.02), (0.01, 0.01), [], 1e-4) == (1e-4, 1e-4)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (ComputeArray(), "128 × 128 · 1 GHz"),
        (ComputeArray(rows=16, columns=32, count=528, clock_Hz=1.7e9), "528 × 16 × 32 · 1.7 GHz"),
        (VectorUnit(count=8), "8 × 128 lanes · 1 GHz"),
        (Sram(capacity_bytes=24 * 2**20, banks=1), "24 MiB · 1 bank"),
        (Dram(channels=5, bandwidth_Bps=670e9), "HBM3 × 5 · 3.35 TB/s"),
        (Crossbar(), "1024 × 128 × 128 · RRAM"),
        (Noc(), "mesh of 16 · 1024 bit"),
        (Port(), "NVLink · 450 GB/s"),
    ],
)
def test_key_figures(part, said: str) -> None:  # type: ignore[no-untyped-def]
    assert key_figures(part) == said
    assert wordings(part)[0] == said
    assert all(len(a) > len(b) for a, b in zip(wordings(part), wordings(part)[1:], strict=False))


def test_a_dram_without_own_value_states_its_technologys_bandwidth() -> None:
    assert key_figures(Dram(technology="HBM3", channels=1)).endswith("B/s")


@given(st.integers(1, 10**8), st.floats(0.02, 50))
def test_a_grid_stays_drawable(count: int, aspect: float) -> None:
    columns, rows = grid(count, aspect)
    assert 1 <= columns <= MOST_CELLS
    assert 1 <= rows <= MOST_CELLS
    assert columns * rows >= min(count, 1)


@pytest.mark.parametrize("part", PART_TYPES)
def test_every_part_has_a_structure(part) -> None:  # type: ignore[no-untyped-def]
    block = Block(id="x", name="x", part=part())
    assert kind_of(block.part) == block.kind
    assert all(n >= 1 for n in divisions(block, 1.0))


def test_wider_links_are_drawn_wider() -> None:
    widths = [link_width_px(b) for b in (1e6, 1e9, 1e10, 1e12, 1e15, 1e18)]
    assert widths == sorted(widths)
    assert widths[-1] <= 7
