"""Memory walls in the background: only while on show, kept for what does not change them, newest first."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from explorer.charts.memory_wall import MemoryWallChart
from explorer.document import Baseline, Document
from explorer.evaluator import Evaluator
from explorer.walls import Walls, Wanted, compute_wall
from hwlib.analysis.device_wall import DeviceWall
from hwlib.analysis.wall import Wall
from hwlib.analysis.wall_axes import scaled
from hwlib.catalog import find_model, load_example
from hwlib.design.edit import replace_part, replace_settings
from hwlib.workload.scenario import Scenario

LLAMA = find_model("Llama-3.1-8B")
GPU = load_example("gpu-hbm3")
SCENARIO = Scenario(batch=4)


class Counting:
    """Computes walls as ever, and counts which."""

    def __init__(self) -> None:
        self.asked: list[Wanted] = []
        self.threads: set[int] = set()

    def __call__(self, wanted: Wanted) -> Wall:
        self.asked.append(wanted)
        self.threads.add(threading.get_ident())
        return compute_wall(wanted)


class Bench:
    """A document with its evaluator, a memory-wall chart and what computes its walls."""

    def __init__(self, qtbot: QtBot) -> None:
        self.qtbot = qtbot
        self.document = Document(GPU, SCENARIO, LLAMA, [Baseline(name="A100", device="A100 80GB SXM4")])
        self.evaluator = Evaluator(self.document)
        self.chart = MemoryWallChart(self.document)
        qtbot.addWidget(self.chart)
        self.chart.resize(520, 300)
        self.compute = Counting()
        self.walls = Walls(self.evaluator, self.chart, self.compute)
        self.evaluator.finished.connect(self.chart.show_results)
        self.chart.painted.connect(self.evaluator.painted)

    def settle(self) -> None:
        """Until everything asked for is on show."""
        self.qtbot.waitUntil(lambda: self.evaluator.state == "idle" and not self.evaluator.painting, timeout=20_000)
        self.qtbot.waitUntil(lambda: not self.walls.busy, timeout=20_000)

    def start(self) -> None:
        """Evaluate and show."""
        self.chart.show()
        self.evaluator.request()
        self.settle()

    def close(self) -> None:
        """End everything that runs."""
        self.walls.shutdown()
        self.evaluator.shutdown()


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    made = Bench(qtbot)
    yield made
    made.close()


def test_the_chart_gets_its_own_wall_and_one_per_baseline(bench: Bench) -> None:
    bench.start()
    assert bench.chart.walls is not None
    expected = compute_wall(Wanted("batch", GPU, SCENARIO, LLAMA))
    assert np.array_equal(bench.chart.walls.own.tokens_per_s, expected.tokens_per_s)
    (other,) = bench.chart.walls.baselines
    assert isinstance(other, DeviceWall)
    assert (other.tokens_per_s < np.interp(other.values, expected.values, expected.tokens_per_s)).all()
    # It goes through the device's own figure, with its band around it.
    known = bench.evaluator.results.baselines[0]
    at = int(np.flatnonzero(other.values == SCENARIO.batch)[0])
    assert other.tokens_per_s[at] == known.metrics.tokens_per_s
    assert (other.low[at], other.high[at]) == known.bands["tokens_per_s"]
    assert threading.get_ident() not in bench.compute.threads


def test_nothing_is_computed_for_a_hidden_chart(bench: Bench) -> None:
    bench.evaluator.request()
    bench.settle()
    assert bench.compute.asked == []
    bench.chart.show()
    bench.qtbot.waitUntil(lambda: bench.chart.walls is not None, timeout=20_000)
    bench.settle()


def test_dragging_the_batch_computes_nothing_anew(bench: Bench) -> None:
    bench.start()
    before = len(bench.compute.asked)
    for batch in (8, 64, 512):
        bench.document.set_scenario(msgspec.structs.replace(SCENARIO, batch=batch))
        bench.settle()
    assert len(bench.compute.asked) == before
    assert bench.chart.handle.at is not None
    assert 10.0 ** bench.chart.handle.at[0] == pytest.approx(512)


def test_an_edit_gets_a_new_wall(bench: Bench) -> None:
    bench.start()
    old = bench.chart.walls
    after = replace_settings(GPU, {"overlap": 0.1})
    bench.document.edit("Less overlap", after)
    bench.settle()
    assert bench.chart.walls is not None
    assert bench.chart.walls is not old
    expected = compute_wall(Wanted("batch", after, SCENARIO, LLAMA))
    assert np.array_equal(bench.chart.walls.own.tokens_per_s, expected.tokens_per_s)
    bench.document.undo()
    bench.settle()
    assert old is not None
    assert bench.chart.walls.own is old.own


def test_another_axis_is_computed_when_it_is_chosen(bench: Bench) -> None:
    bench.start()
    bench.chart.show_axis("bandwidth")
    bench.settle()
    assert bench.chart.walls is not None
    assert bench.chart.walls.own.axis == "bandwidth"
    assert bench.chart.walls.baselines == (None,)


def test_bandwidth_within_the_curve_keeps_it_and_beyond_gets_another(bench: Bench) -> None:
    bench.start()
    bench.chart.show_axis("bandwidth")
    bench.settle()
    assert bench.chart.walls is not None
    first = bench.chart.walls.own
    bench.document.edit("Twice", scaled(GPU, "bandwidth", 2.0))
    bench.settle()
    assert bench.chart.walls.own is first
    bench.document.edit("Far more", scaled(GPU, "bandwidth", 15.0))
    bench.settle()
    assert bench.chart.walls.own is not first
    assert bench.chart.walls.own.present == pytest.approx(15 * first.present)


@pytest.mark.expect_log("the memory wall of .* failed")
def test_a_wall_that_fails_leaves_the_chart_without_a_curve(bench: Bench) -> None:
    def fails(_: Wanted) -> Wall:
        raise ArithmeticError("no")

    walls = Walls(bench.evaluator, bench.chart, fails)
    bench.walls.shutdown()
    bench.start()
    bench.qtbot.waitUntil(lambda: not walls.busy, timeout=20_000)
    assert bench.chart.wall is None
    assert bench.chart.message == ""
    assert bench.chart.failed
    walls.shutdown()


@given(st.floats(0.1, 10.0), st.sampled_from(["bandwidth", "capacity"]))
def test_designs_that_differ_only_on_the_axis_share_a_wall(factor: float, axis: str) -> None:
    one, two = (Wanted(axis, d, SCENARIO, LLAMA) for d in (GPU, scaled(GPU, axis, factor)))  # type: ignore[arg-type]
    assert one.key == two.key
    assert hash(one.key) == hash(two.key)


def test_memories_in_other_proportions_do_not_share_a_wall() -> None:
    first = next(b.id for b in GPU.blocks if b.kind == "dram")
    uneven = replace_part(GPU, first, {"bandwidth_Bps": 1e11})
    assert Wanted("bandwidth", GPU, SCENARIO, LLAMA).key != Wanted("bandwidth", uneven, SCENARIO, LLAMA).key
    assert Wanted("batch", GPU, SCENARIO, LLAMA).key != Wanted("batch", uneven, SCENARIO, LLAMA).key
