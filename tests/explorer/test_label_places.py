"""Where words find room: in the plot, on nobody else, off the lines where that can be."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from explorer.charts.label_places import Box, around, crosses, first_free

ROOM: Box = (0.0, 0.0, 200.0, 100.0)
PIXELS = st.floats(-50.0, 250.0)
BOXES = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), PIXELS, PIXELS, st.floats(1, 60), st.floats(1, 30))
LINES = st.builds(lambda x, y, w, dy: (x, y, x + w, y + dy), PIXELS, PIXELS, st.floats(0, 200), st.floats(-90, 90))


def meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@given(st.lists(BOXES, max_size=8), st.lists(BOXES, max_size=5), st.lists(LINES, max_size=3), st.booleans())
def test_the_first_free_place_is_free(
    candidates: list[Box], taken: list[Box], lines: list[tuple[float, float, float, float]], optional: bool
) -> None:
    found = first_free(candidates, ROOM, taken, lines, -math.inf, optional)
    inside = [c for c in candidates if c[0] >= 0 and c[1] >= 0 and c[2] <= 200 and c[3] <= 100]
    free = [c for c in inside if not any(meet(c, t) for t in taken)]
    clear = [c for c in free if not any(crosses(c, line) for line in lines)]
    assert found == next(iter(clear), None if optional else next(iter(free), None))


@given(PIXELS, PIXELS)
def test_words_stand_beside_their_point_on_the_side_asked_for(x: float, y: float) -> None:
    right, left, above, below = around(x, y, 40.0, 16.0, 6.0, "rlab")
    assert math.isclose(right[0], x + 6.0, abs_tol=1e-9)
    assert math.isclose(left[2], x - 6.0, abs_tol=1e-9)
    assert math.isclose(above[3], y - 6.0, abs_tol=1e-9)
    assert math.isclose(below[1], y + 6.0, abs_tol=1e-9)
    assert {b for b in around(x, y, 40.0, 16.0, 6.0, "rlabABZY") if b[0] < x < b[2] and b[1] < y < b[3]} == set()


def test_words_of_a_line_do_not_begin_before_it() -> None:
    places = list(around(50.0, 50.0, 40.0, 16.0, 6.0, "lr"))
    assert first_free(places, ROOM, (), (), 30.0, False) == places[1]


def test_a_line_beside_the_words_does_not_cross_them() -> None:
    assert crosses((10.0, 10.0, 20.0, 20.0), (0.0, 0.0, 30.0, 30.0))
    assert not crosses((10.0, 10.0, 20.0, 20.0), (0.0, 30.0, 30.0, 31.0))
    assert not crosses((10.0, 10.0, 20.0, 20.0), (21.0, 0.0, 30.0, 30.0))
    assert crosses((10.0, 10.0, 20.0, 20.0), (15.0, 0.0, 15.0, 0.0)) is False
