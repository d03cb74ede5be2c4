"""Validating a table and calibrating from one: in the background, told in words, cancelled, written to files."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from explorer.evidence import table_words
from explorer.evidence.calibration_dialog import CalibrationDialog
from explorer.evidence.tasks import CancelledError, Progress, Task
from explorer.evidence.validation_dialog import ValidationDialog
from hwlib.baselines.calibration import load, operator_seconds
from hwlib.validation.judging import judge

A100 = "A100 80GB SXM4"
PATIENCE_MS = 120_000
HEADER = ("device", "m", "n", "k", "dtype", "latency_s", "framework")


def gemms(path: Path, rows: int = 60, bad: tuple[tuple[str, ...], ...] = (), slower: float = 1.1) -> Path:
    """GEMMs on an A100, each slower than predicted by a factor, and rows that can't be used."""
    shapes = [(2 ** (i % 11), 512 * (1 + i % 9), 512 * (1 + i % 7)) for i in range(rows)]
    m, n, k = (np.array(column, dtype=float) for column in zip(*shapes, strict=True))
    seconds = operator_seconds(A100, "gemm", {"m": m, "n": n, "k": k}, "16", "vllm").seconds * slower
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(["A100-SXM4-80GB", *s, "bfloat16", t, "vllm"] for s, t in zip(shapes, seconds, strict=True))
        writer.writerows(bad)
    return path


BAD = (
    ("A100-SXM4-80GB", "16", "512", "512", "bfloat16", "-1", "vllm"),
    ("Nobody's chip", "16", "512", "512", "bfloat16", "1e-5", "vllm"),
    ("A100-SXM4-80GB", "many", "512", "512", "bfloat16", "1e-5", "vllm"),
)


@pytest.fixture
def dialog(qtbot: QtBot) -> Iterator[ValidationDialog]:
    made = ValidationDialog()
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.shutdown()


def rest(qtbot: QtBot, dialog: ValidationDialog | CalibrationDialog) -> None:
    busy = (lambda: dialog.task.busy) if isinstance(dialog, ValidationDialog) else (lambda: dialog.busy)
    qtbot.waitUntil(lambda: not busy(), timeout=PATIENCE_MS)


# Validating ---------------------------------------------------------------------------------------------------------


def test_before_a_table_it_says_what_to_do(dialog: ValidationDialog) -> None:
    assert dialog.heading.text() == table_words.EMPTY_HEADING
    assert dialog.pages.currentIndex() == 0
    assert not dialog.export_groups.isEnabled()
    assert not dialog.rows.isVisible()


def test_a_table_is_judged_by_group_and_plotted(qtbot: QtBot, dialog: ValidationDialog, tmp_path: Path) -> None:
    path = gemms(tmp_path / "mine.csv", bad=BAD)
    dialog.judge(path)
    assert dialog.task.busy
    assert dialog.cancel.isVisible()
    rest(qtbot, dialog)
    ((line),) = dialog.groups.texts()
    assert line[4] == "60"
    assert line[5] == line[6] == "9.1 %"
    assert line[8] == "−9.1 %"
    found = dialog.plot.residuals
    assert found is not None
    assert found.ratio == pytest.approx(np.full(60, 1 / 1.1))
    assert found.column == "seconds"
    assert "median error 9.1 %" in dialog.said.text()


def test_skipped_rows_are_listed_with_line_column_and_reason(
    qtbot: QtBot, dialog: ValidationDialog, tmp_path: Path
) -> None:
    dialog.judge(gemms(tmp_path / "mine.csv", bad=BAD))
    rest(qtbot, dialog)
    skips = dialog.skips.texts()
    assert {row[2] for row in skips} == {"latency_s", "device", "m"}
    assert {row[1] for row in skips} == {"62", "63", "64"}
    assert dialog.tabs.tabText(0) == "Skipped: 3 rows"


def test_the_axis_can_be_the_size(qtbot: QtBot, dialog: ValidationDialog, tmp_path: Path) -> None:
    dialog.judge(gemms(tmp_path / "mine.csv"))
    rest(qtbot, dialog)
    dialog.axis.setCurrentIndex(dialog.axis.findData("at"))
    dialog.axis.activated.emit(dialog.axis.currentIndex())
    assert dialog.plot.residuals is not None
    assert dialog.plot.residuals.column == "m"
    assert set(dialog.plot.residuals.x) == {2.0**i for i in range(11)}


def test_another_side_of_the_split_has_other_rows(qtbot: QtBot, dialog: ValidationDialog, tmp_path: Path) -> None:
    dialog.judge(gemms(tmp_path / "mine.csv"))
    rest(qtbot, dialog)
    counts = []
    for rows in ("kept-out", "fitted"):
        dialog.rows.setCurrentIndex(dialog.rows.findData(rows))
        dialog.rows.activated.emit(dialog.rows.currentIndex())
        rest(qtbot, dialog)
        counts.append(int(dialog.groups.texts()[0][4]))
    assert sum(counts) == 60
    assert min(counts) > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "empty"), ("a,b\n1,2\n", "lacks the column"), ("device,m,n,k,dtype\nA100,1,1,1,fp16\n", "latency")],
)
def test_a_table_that_is_none_is_refused_in_words(
    qtbot: QtBot, dialog: ValidationDialog, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(text)
    dialog.judge(path)
    rest(qtbot, dialog)
    assert dialog.heading.text() == "This table could not be judged"
    assert said in dialog.note.text().lower()
    assert not dialog.export_groups.isEnabled()
    # And the next table is judged as if nothing had been.
    dialog.judge(gemms(tmp_path / "mine.csv"))
    rest(qtbot, dialog)
    assert dialog.pages.currentIndex() == 1


def test_a_table_that_is_gone_is_refused_in_words(qtbot: QtBot, dialog: ValidationDialog, tmp_path: Path) -> None:
    dialog.judge(tmp_path / "gone.csv")
    rest(qtbot, dialog)
    assert "gone.csv" in dialog.note.text()


def test_the_errors_are_written_as_a_table(qtbot: QtBot, dialog: ValidationDialog, tmp_path: Path) -> None:
    path = gemms(tmp_path / "mine.csv", bad=BAD)
    dialog.judge(path)
    rest(qtbot, dialog)
    assert dialog.judged is not None
    rows = list(csv.reader(table_words.groups_csv(dialog.judged.validation).decode().splitlines()))
    assert rows[0][0] == "section"
    group = dict(zip(rows[0], next(r for r in rows if r and r[0] == "group"), strict=True))
    known = judge(path).groups[0]
    assert float(group["median"]) == known["median"]
    assert float(group["roofline_median"]) == known["roofline_median"]
    assert [r[-1] for r in rows if r and r[0] == "skipped"] == [s["reason"] for s in judge(path).skipped]


def test_predictions_are_written_beside_each_row(qtbot: QtBot, dialog: ValidationDialog, tmp_path: Path) -> None:
    dialog.judge(gemms(tmp_path / "mine.csv", bad=BAD))
    rest(qtbot, dialog)
    with qtbot.waitSignal(dialog.message, timeout=PATIENCE_MS) as told:
        dialog.write_predictions(tmp_path / "out.csv")
    assert "out.csv" in told.args[0]
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 63
    assert float(rows[0]["predicted_s"]) == pytest.approx(float(rows[0]["latency_s"]) / 1.1, rel=1e-4)
    assert rows[-1]["predicted_s"] == ""


def test_whole_models_are_told_by_metric_and_each_line_has_its_own_points(
    qtbot: QtBot, dialog: ValidationDialog, tmp_path: Path
) -> None:
    path = tmp_path / "whole.csv"
    rows = [
        f"{device},{model},fp16,vLLM,1,1,{batch},512,64,{0.02 * batch},{0.01 + 0.001 * batch},mine"
        for device in ("H100-SXM", "A100-SXM4-80GB")
        for model in ("Llama-3.1-8B", "Llama-2-7B")
        for batch in (1, 4)
    ]
    path.write_text("device,model,dtype,framework,tp,n_devices,batch,isl,osl,ttft_s,tpot_s,source\n" + "\n".join(rows))
    dialog.judge(path)
    rest(qtbot, dialog)
    assert dialog.judged is not None, dialog.note.text()
    lines = dialog.groups.texts()
    assert {line[0] for line in lines} == {"TTFT, whole models", "TPOT, whole models"}
    for row, line in enumerate(lines):
        dialog.groups.setCurrentCell(row, 0)
        assert dialog.plot.residuals is not None
        assert len(dialog.plot.residuals.x) == int(line[4])


def test_closing_ends_the_work(qtbot: QtBot, dialog: ValidationDialog, tmp_path: Path) -> None:
    dialog.judge(gemms(tmp_path / "mine.csv"))
    dialog.close()
    rest(qtbot, dialog)
    assert not dialog.task.busy


# Work in the background ---------------------------------------------------------------------------------------------


def test_work_can_be_cancelled_and_started_anew(qtbot: QtBot) -> None:
    owner = QObject()
    task, begun, go_on = Task(owner), threading.Event(), threading.Event()

    def work(progress: Progress) -> str:
        begun.set()
        go_on.wait(10)
        progress.step(1)
        return "done"

    with qtbot.waitSignal(task.cancelled):
        task.start(work)
        begun.wait(10)
        task.cancel()
        go_on.set()
    assert not task.busy
    with qtbot.waitSignal(task.finished) as ended:
        task.start(work)
    assert ended.args == ["done"]
    task.shutdown()


def test_progress_counts_and_stops() -> None:
    told: list[int] = []
    progress = Progress(told.append)
    for _ in range(200):
        progress.step(50)
    assert told[-1] <= 10_000
    assert told == sorted(set(told))
    progress.end()
    with pytest.raises(CancelledError):
        progress.step(1)


# Calibrating --------------------------------------------------------------------------------------------------------


@pytest.fixture
def calibrating(qtbot: QtBot) -> Iterator[CalibrationDialog]:
    made = CalibrationDialog()
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.shutdown()


def test_a_calibration_is_fitted_saved_and_offered(
    qtbot: QtBot, calibrating: CalibrationDialog, tmp_path: Path
) -> None:
    """The table is 30 % slower than what ships: so are the fitted kernels."""
    calibrating.read(gemms(tmp_path / "mine.csv", rows=60, bad=BAD, slower=1.3))
    rest(qtbot, calibrating)
    assert calibrating.device.currentData() == A100
    assert calibrating.framework.currentData() == "vllm"
    calibrating.start_fit()
    assert calibrating.cancel.isVisible()
    rest(qtbot, calibrating)
    assert calibrating.found is not None, calibrating.said.text()
    assert [row[0] for row in calibrating.models.texts()] == ["Matrix products, 16 bit"]
    assert len(calibrating.skips.texts()) >= 3
    path = tmp_path / "own.json"
    path.write_bytes(calibrating._text)
    with qtbot.waitSignal(calibrating.use_requested) as told:
        calibrating.use_saved(path)
    own = load(path)
    assert told.args == [own, path]
    shape = {"m": 256.0, "n": 2048.0, "k": 2048.0}
    fitted = operator_seconds(A100, "gemm", shape, "16", "vllm", (own,)).seconds
    assert fitted == pytest.approx(1.3 * operator_seconds(A100, "gemm", shape, "16", "vllm").seconds, rel=0.12)


def test_a_fit_can_be_cancelled(qtbot: QtBot, calibrating: CalibrationDialog, tmp_path: Path) -> None:
    calibrating.read(gemms(tmp_path / "mine.csv"))
    rest(qtbot, calibrating)
    calibrating.start_fit()
    calibrating.cancel_all()
    rest(qtbot, calibrating)
    assert calibrating.said.text().startswith("Cancelled")
    assert calibrating.found is None
    assert not calibrating.save.isEnabled()
    assert calibrating.fit.isEnabled()


def test_a_table_without_known_devices_is_refused(qtbot: QtBot, calibrating: CalibrationDialog, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(",".join(HEADER) + "\nNobody's chip,16,512,512,bfloat16,1e-5,vllm\n")
    calibrating.read(path)
    rest(qtbot, calibrating)
    assert "no usable row" in calibrating.said.text()
    assert not calibrating.fit.isEnabled()


def test_too_few_rows_are_told_by_the_fit(qtbot: QtBot, calibrating: CalibrationDialog, tmp_path: Path) -> None:
    calibrating.read(gemms(tmp_path / "mine.csv", rows=3))
    rest(qtbot, calibrating)
    calibrating.start_fit()
    rest(qtbot, calibrating)
    assert calibrating.found is None
    assert "rows" in calibrating.said.text()
    assert "Traceback" not in calibrating.said.text()
