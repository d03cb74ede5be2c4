"""What a device's times rest on, told in full, and rows watched while a table is judged."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from hwlib.analysis.compare import compare
from hwlib.analysis.compare_html import comparison_html
from hwlib.analysis.device_wall import device_wall
from hwlib.analysis.grounds import grounds, grounds_table, power_ground
from hwlib.analysis.measured_roofline import roofline_points
from hwlib.analysis.timing_words import kernel_words, timing_word, timing_words
from hwlib.baselines.calibration import operator_seconds
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.baselines.kernels.registry import KERNELS
from hwlib.catalog import find_model
from hwlib.evaluate import evaluate_device
from hwlib.report import Report
from hwlib.units import format_band
from hwlib.validation.judging import is_of_whole_models, judge
from hwlib.validation.kernel_errors import validate
from hwlib.validation.watching import JudgedRows, SampledRows
from hwlib.workload.scenario import Scenario

H100, A100, NEVER_MEASURED = "H100 80GB SXM5", "A100 80GB SXM4", "B200 180GB SXM"
SCENARIO = Scenario(weight_bits=16, activation_bits=16)


def report(device: str, settings: DeviceSettings = DeviceSettings()) -> Report:  # noqa: B008
    return evaluate_device(device, SCENARIO, find_model("Llama-3.1-8B"), settings)


def test_every_evidence_is_told_with_what_the_calibration_holds() -> None:
    found = grounds(report(H100), H100)
    assert {g.evidence.kind for g in found} >= {"gemm", "attention_prefill", "attention_decode", "elementwise", "step"}
    for ground in found:
        if ground.evidence.kind == "step":
            assert {"a0_s", "a1_s", "a2_s"} <= {c.name for c in ground.constants}
            continue
        assert ground.model is not None
        assert ground.model.fitted_rows == ground.evidence.fitted_rows
        assert all(c.label and c.meaning for c in ground.constants)
        assert {c.name for c in ground.constants} <= set(ground.model.constants)
        assert [b.low for b in ground.buckets] == [b.low for b in ground.model.bands]
        assert ground.roofline_median is not None


def test_the_largest_share_of_time_comes_first_and_shares_sum_to_one() -> None:
    found = grounds(report(A100), A100)
    assert found[0].evidence.kind == "gemm"
    for phase in ("prefill", "decode"):
        assert sum(g.shares[phase] for g in found) == pytest.approx(1.0, abs=0.05)
        assert sum(g.shares[phase] for g in found) <= 1.0 + 1e-9


def test_points_are_predicted_by_the_constants_on_show() -> None:
    """Under another framework's constants the same measurement gets another prediction."""
    for framework in ("any", "vllm"):
        ground = next(g for g in grounds(report(A100, DeviceSettings(framework=framework)), A100) if g.points)
        for point in ground.points:
            m = point.measured
            direct = operator_seconds(A100, m.kind, dict(m.columns), m.form, framework)
            assert point.predicted_s == pytest.approx(float(direct.seconds[0]))
            assert point.inside == (float(direct.low[0]) <= m.seconds <= float(direct.high[0]))
            if framework != "any":
                assert m.framework == framework


def test_a_class_prior_shows_the_measurements_of_its_class() -> None:
    found = grounds(report(NEVER_MEASURED), NEVER_MEASURED)
    gemm = next(g for g in found if g.evidence.kind == "gemm")
    assert gemm.evidence.level.startswith("class prior")
    assert {p.measured.device for p in gemm.points} <= {"H100 80GB SXM5", "H200 141GB SXM", "A100 80GB SXM4",
                                                        "A40 48GB", "Instinct MI210"}  # fmt: skip
    assert gemm.points


def test_timing_is_told_in_words() -> None:
    measured, prior = report(H100), report(NEVER_MEASURED)
    assert timing_words(measured).startswith(f"calibrated: all frameworks on {H100} (")
    assert timing_word(report(H100, DeviceSettings(framework="vllm"))).startswith("calibrated, vLLM")
    assert timing_words(prior).startswith("class prior: ")
    assert timing_word(report(H100, DeviceSettings(ideal=True))) == "ideal"


def test_board_power_is_told_beside_tdp_times_time() -> None:
    found = power_ground("H200 141GB SXM", DeviceSettings())
    assert found is not None
    assert found.level == "calibrated"
    assert all(rows > 0.0 and error < plain for _, rows, error, plain in found.errors)
    assert power_ground("TPU v5p", DeviceSettings()) is None


def test_points_make_a_table() -> None:
    found = grounds(report(H100), H100)
    rows = grounds_table(found)
    assert len(rows) == sum(len(g.points) for g in found)
    assert {"measured_s", "predicted_s", "low_s", "high_s", "roofline_s", "source"} <= set(rows[0])


def test_kernels_are_named_in_words() -> None:
    assert kernel_words("gemm", "16") == "Matrix products, 16 bit"
    assert kernel_words("elementwise", "silu_mul") == "Norms and element-wise, silu mul"
    assert {kernel_words(kind, "16") for kind in KERNELS} != set(KERNELS)


def test_the_wall_of_a_device_goes_through_its_report_and_has_its_band() -> None:
    known, llm = report(H100), find_model("Llama-3.1-8B")
    wall = device_wall(H100, SCENARIO, llm, "batch", points=4)
    assert wall is not None
    at = int(np.flatnonzero(wall.values == SCENARIO.batch)[0])
    assert known.metrics is not None
    assert wall.tokens_per_s[at] == known.metrics.tokens_per_s
    assert (wall.low[at], wall.high[at]) == known.bands["tokens_per_s"]
    assert device_wall(H100, SCENARIO, llm, "bandwidth") is None


def test_measured_kernels_lie_under_the_roof() -> None:
    for kernel in roofline_points(A100):
        p = kernel.point
        assert kernel.flops * p.seconds / kernel.intensity > 0.0
        assert kernel.flops <= 312e12
        if p.kind == "gemm":
            assert kernel.flops == pytest.approx(2 * p.columns["m"] * p.columns["n"] * p.columns["k"] / p.seconds)


# Tables -----------------------------------------------------------------------------------------------------------


def table(path: Path, rows: int = 40) -> Path:
    """GEMMs on an A100, each 10 % slower than predicted."""
    shapes = [(2 ** (i % 10), 1024 * (1 + i % 7), 1024 * (1 + i % 5)) for i in range(rows)]
    m, n, k = (np.array(column, dtype=float) for column in zip(*shapes, strict=True))
    seconds = operator_seconds(A100, "gemm", {"m": m, "n": n, "k": k}, "16", "vllm").seconds * 1.1
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["device", "m", "n", "k", "dtype", "latency_s", "framework"])
        for shape, t in zip(shapes, seconds.tolist(), strict=True):
            writer.writerow(["A100-SXM4-80GB", *shape, "bfloat16", t, "vllm"])
    return path


def test_a_watched_validation_tells_every_row_and_changes_nothing(tmp_path: Path) -> None:
    path, sample = table(tmp_path / "t.csv"), SampledRows()
    watched = judge(path, watch=sample.add)
    assert watched.to_json() == validate(path).to_json()
    at, measured, predicted, low, high, roofline = sample.rows(*sample.groups())
    assert predicted / measured == pytest.approx(1 / 1.1)
    assert len(at) == sample.seen == 40
    assert (low < high).all()
    assert (roofline > 0).all()
    assert sample.columns == {"gemm": "m"}


def test_what_a_watcher_raises_ends_the_validation(tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def stop(_: JudgedRows) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        judge(table(tmp_path / "t.csv"), watch=stop)


@pytest.mark.parametrize("pieces", [1, 3, 50])
def test_a_sample_stays_small_and_even(pieces: int) -> None:
    """However the rows come, every n-th one is kept."""
    rows, sample = np.arange(5000.0), SampledRows(most=300)
    for part in np.array_split(rows, pieces):
        sample.add(JudgedRows(("gemm", "d", "16", "s"), "m", *(part,) * 6))
    kept = sample.rows(("gemm", "d", "16", "s"))[0]
    assert sample.seen == 5000
    assert 100 < len(kept) <= 300
    gaps = np.diff(kept)
    assert gaps.max() <= 2 * sample.step


def test_what_a_table_is_of_is_seen_from_its_columns(tmp_path: Path) -> None:
    whole = tmp_path / "whole.csv.gz"
    with gzip.open(whole, "wt") as file:
        file.write("device,model,dtype,isl,osl,batch,ttft_s\nH100,Llama-3.1-8B,fp16,128,128,1,0.02\n")
    assert is_of_whole_models(whole)
    assert not is_of_whole_models(table(tmp_path / "t.csv", 3))


def test_compared_devices_have_their_bands_in_words_and_on_the_page() -> None:
    compared = compare([report(H100), report(NEVER_MEASURED)])
    row, known = compared.row("tokens_per_s"), report(H100)
    assert known.metrics is not None
    assert row.band_texts[0] == format_band(known.metrics.tokens_per_s, *known.bands["tokens_per_s"])
    assert compared.row("area_m2").band_texts == ("", "")
    board = compared.row("energy.board power x time.board")
    assert board.values[0] is not None
    assert board.band_texts[0] == format_band(board.values[0], *known.bands["board_energy_per_token_J"], "J")
    assert compared.row("timing").texts == (timing_word(known), timing_word(report(NEVER_MEASURED)))
    assert f"({row.band_texts[0]})" in comparison_html(compared)
