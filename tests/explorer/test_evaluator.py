"""The evaluator: one in flight, one waiting, results in order, failures told, a clean end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from explorer.document import Document
from explorer.evaluator import Evaluator, Request, Results
from hwlib.design.design import Design
from hwlib.design.edit import replace_settings
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

TINY_LLM = LlmArchitecture(
    name="Tiny", layers=2, hidden=64, heads=4, kv_heads=4, head_dim=16, ffn_intermediate=256, ffn_type="gelu",
    ffn_matrices=2, vocab=1000, max_ctx=512,
)  # fmt: skip


class Gate:
    """An evaluation that ends when it is told to, so that a test decides what is in flight when an edit comes."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.fails = False
        self.takes_s = 0.001
        self._open = threading.Semaphore(0)

    def __call__(self, request: Request) -> Results:
        self.started.append(request.generation)
        self._open.acquire()
        if self.fails:
            raise ZeroDivisionError("no such chip")
        report: Any = request.design
        return Results(request.generation, report, (), self.takes_s)

    def let(self, count: int = 1) -> None:
        """Let evaluations end."""
        self._open.release(count)


class Bench:
    """A document with its evaluator behind a gate."""

    def __init__(self, qtbot: QtBot) -> None:
        self.qtbot = qtbot
        self.gate = Gate()
        self.document = Document(Design(), Scenario(), TINY_LLM)
        self.evaluator = Evaluator(self.document, compute=self.gate)
        self.shown: list[int] = []
        self.states: list[str] = []
        self.evaluator.finished.connect(lambda results: self.shown.append(results.generation))
        self.evaluator.state_changed.connect(self.states.append)

    def edit(self) -> None:
        width = self.document.design.settings.die_width_m
        self.document.edit("Widen", replace_settings(self.document.design, {"die_width_m": width + 1e-4}))

    def wait_started(self, *generations: int) -> None:
        self.qtbot.waitUntil(lambda: self.gate.started == list(generations))

    def wait_shown(self, *generations: int) -> None:
        self.qtbot.waitUntil(lambda: self.shown == list(generations))


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    made = Bench(qtbot)
    yield made
    made.gate.let(100)
    made.evaluator.shutdown()


def test_newest_edit_replaces_the_waiting_one(bench: Bench) -> None:
    bench.edit()
    bench.wait_started(1)
    for _ in range(4):
        bench.edit()
    assert bench.evaluator.state == "stale"
    bench.gate.let(2)
    bench.wait_shown(1, 5)
    assert bench.gate.started == [1, 5]
    assert bench.evaluator.results is not None
    assert bench.evaluator.results.report == bench.document.design
    assert bench.states == ["running", "stale", "running", "idle"]


def test_edits_that_come_together_are_evaluated_once(bench: Bench) -> None:
    for _ in range(3):
        bench.edit()
    assert bench.evaluator.state == "running"
    bench.gate.let()
    bench.wait_shown(3)
    assert bench.gate.started == [3]


def test_result_is_shown_although_an_edit_waits(bench: Bench) -> None:
    bench.edit()
    bench.wait_started(1)
    bench.edit()
    bench.gate.let()
    bench.wait_shown(1)
    assert bench.gate.started == [1]
    bench.gate.let()
    bench.wait_shown(1, 2)


def test_waiting_edit_starts_when_the_charts_say_they_painted(bench: Bench) -> None:
    frames: list[int] = []
    bench.evaluator.frame_painted.connect(frames.append)
    bench.edit()
    bench.wait_started(1)
    bench.edit()
    bench.gate.let()
    bench.wait_shown(1)
    bench.evaluator.painted(0)
    assert bench.gate.started == [1]
    bench.evaluator.painted(1)
    bench.wait_started(1, 2)
    assert frames == [1]


def test_hidden_charts_do_not_hold_the_waiting_edit(bench: Bench) -> None:
    frames: list[int] = []
    bench.evaluator.frame_painted.connect(frames.append)
    bench.edit()
    bench.wait_started(1)
    bench.edit()
    bench.gate.let(2)
    bench.wait_shown(1, 2)
    assert frames == []


def test_every_change_of_the_view_state_is_evaluated(bench: Bench) -> None:
    bench.gate.let(3)
    bench.document.set_scenario(Scenario(batch=4))
    bench.wait_shown(1)
    bench.document.set_model(msgspec.structs.replace(TINY_LLM, layers=3))
    bench.wait_shown(1, 2)
    bench.edit()
    bench.wait_shown(1, 2, 3)


@pytest.mark.expect_log("ERROR explorer.latest: the evaluation failed")
def test_exception_is_told_and_the_next_edit_recovers(bench: Bench) -> None:
    messages: list[str] = []
    bench.evaluator.failed.connect(messages.append)
    bench.gate.fails = True
    bench.edit()
    bench.gate.let()
    bench.qtbot.waitUntil(lambda: bench.evaluator.state == "failed")
    assert messages == ["ZeroDivisionError: no such chip"] == [bench.evaluator.error]
    bench.gate.fails = False
    bench.edit()
    bench.gate.let()
    bench.wait_shown(2)
    assert bench.evaluator.error == ""
    bench.qtbot.waitUntil(lambda: bench.evaluator.state == "idle")


@pytest.mark.expect_log("ERROR explorer.latest: the evaluation failed")
def test_failure_lets_the_waiting_edit_start_at_once(bench: Bench) -> None:
    bench.gate.fails = True
    bench.edit()
    bench.wait_started(1)
    bench.edit()
    bench.gate.let()
    bench.wait_started(1, 2)
    bench.gate.fails = False
    bench.gate.let()
    bench.wait_shown(2)


def test_shutdown_in_mid_evaluation_is_silent(bench: Bench) -> None:
    bench.edit()
    bench.wait_started(1)
    bench.edit()
    release = threading.Timer(0.05, bench.gate.let, [100])
    release.start()
    bench.evaluator.shutdown()
    release.join()
    bench.edit()
    QApplication.processEvents()
    assert bench.shown == []
    assert bench.gate.started == [1]


# Large designs ----------------------------------------------------------------------------------------------------


def test_slow_evaluations_pause_while_edits_follow_each_other_and_end_with_the_last(bench: Bench) -> None:
    bench.gate.takes_s = 10.0  # so that the pause is as long as it gets
    bench.edit()
    bench.wait_started(1)
    bench.gate.let()
    bench.wait_shown(1)
    bench.evaluator.painted(1)
    for _ in range(5):
        bench.edit()
    assert bench.evaluator.state == "stale"
    assert bench.gate.started == [1]
    bench.gate.let()
    bench.wait_shown(1, 6)  # the hand rests
    assert bench.evaluator.state == "idle"


def test_one_slow_evaluation_among_fast_ones_pauses_nothing(bench: Bench) -> None:
    for n, takes_s in enumerate((0.001, 10.0), start=1):
        bench.gate.takes_s = takes_s
        bench.edit()
        bench.wait_started(*range(1, n + 1))
        bench.gate.let()
        bench.wait_shown(*range(1, n + 1))
        bench.evaluator.painted(n)
    bench.edit()
    assert bench.evaluator.state == "running"
    bench.gate.let()
    bench.wait_shown(1, 2, 3)
