"""Calibration and validation of kernels: known constants found again, tables with faults, files, shipped accuracy."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hwlib.baselines.calibrate import calibrate, seconds_of
from hwlib.baselines.calibration import constants_of, dump, frameworks_of, load, operator_seconds, shipped
from hwlib.baselines.kernels import gemm
from hwlib.baselines.kernels.ceilings import ceilings_of
from hwlib.baselines.measured import Skips, fitted, read_batches
from hwlib.baselines.power import PowerConstants, power_share
from hwlib.baselines.samples import read_samples
from hwlib.baselines.table_files import TableError
from hwlib.catalog import devices, find_device
from hwlib.cli import run
from hwlib.validation.kernel_errors import validate

MEASURED = Path(__file__).parents[3] / "shared" / "data" / "measured"
HEAD = ("source", "device", "dtype", "op", "m", "n", "k", "latency_s")
TRUTH = gemm.GemmConstants(
    overhead_s=4e-6, compute=0.75, dram=0.8, dram_ramp=0.02, norm=4.0, feed=90.0, tile_s=1e-6, wave=0.6, split_s=3e-6,
    throttle=0.02,
)  # fmt: skip
A40 = "A40 48GB"


def write(path: Path, rows: Iterable[Sequence[object]], head: Sequence[str] = HEAD) -> Path:
    """A table as a CSV file."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def shapes(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    m = 2.0 ** random.integers(0, 13, count)
    n, k = (256.0 * random.integers(1, 50, count) for _ in range(2))
    return m, n, k


def made_up(count: int = 400, noise: float = 0.03) -> list[tuple[object, ...]]:
    """GEMM rows of an A40 as TRUTH has them, with some noise."""
    m, n, k = shapes(count)
    exact = gemm.gemm_seconds(TRUTH, ceilings_of(find_device(A40)), gemm.FORMATS["bf16"], m, n, k)
    noisy = exact * np.exp(np.random.default_rng(4).normal(0.0, noise, count))
    return [("mine:lab", "A40", "bf16", "gemm", *map(int, shape), t) for *shape, t in zip(m, n, k, noisy, strict=True)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write(tmp_path / "lab.csv", made_up())


# --- fitting --------------------------------------------------------------------------------------------------------


def test_a_fit_finds_the_times_behind_the_noise(table: Path) -> None:
    samples = read_samples(table, Skips())
    found = calibrate(samples, A40, "mine", starts=2)
    (model,) = found.models
    m, n, k = shapes(400)
    exact = gemm.gemm_seconds(TRUTH, ceilings_of(find_device(A40)), gemm.FORMATS["bf16"], m, n, k)
    error = np.abs(seconds_of(constants_of(model), samples[0]) / exact - 1.0)
    assert np.median(error) < 0.015
    assert 0.01 < (model.median or 0.0) < 0.035
    assert model.fitted_rows + model.kept_out_rows == 400
    assert 0.6 < model.fitted_rows / 400 < 0.8


def test_bands_hold_most_rows_kept_out(table: Path, tmp_path: Path) -> None:
    found = calibrate(read_samples(table, Skips()), A40, "mine", starts=1)
    (group,) = validate(table, rows="kept-out", extra=[found]).groups
    assert 0.65 <= group["in_band"] <= 0.95


def test_a_calibration_file_reads_back_equal(table: Path, tmp_path: Path) -> None:
    found = calibrate(read_samples(table, Skips()), A40, "mine", starts=1)
    (tmp_path / "a40.json").write_text(dump(found), encoding="utf-8")
    assert load(tmp_path / "a40.json") == found


@pytest.mark.parametrize("text", ["", "{}", "[" * 5000, '{"version": 99, "device": "x", "framework": "y", "date": ""}'])
def test_a_broken_calibration_file_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad\.json"):
        load(path)


def test_equal_shapes_fall_on_one_side_of_the_split() -> None:
    m = np.array([1.0, 7.0, 1.0, 7.0])
    columns = {"m": m, "n": m * 64, "k": m * 128}
    seen = fitted(columns, ("m", "n", "k"))
    assert seen[:2].tolist() == seen[2:].tolist()


# --- tables with faults ---------------------------------------------------------------------------------------------


def skipped(path: Path) -> dict[tuple[str, int], tuple[str, int]]:
    """(column, first line) -> (reason, rows)."""
    return {(s["column"], s["first_line"]): (s["reason"], s["rows"]) for s in validate(path).skipped}


def test_bad_rows_are_told_by_line_and_column_and_good_ones_used(tmp_path: Path) -> None:
    good = ["lab", "H100", "bf16", "gemm", 128, 4096, 4096, 2e-5]
    faults: list[tuple[int, object]] = [
        (7, 0), (7, -1e-5), (7, "3 parsec"), (7, ""), (7, "inf"), (4, "many"), (5, ""), (6, -3), (1, "Abacus 9000"),
        (2, "int3"), (1, ""),
    ]  # fmt: skip
    bad = [[value if i == at else cell for i, cell in enumerate(good)] for at, value in faults]
    path = write(tmp_path / "t.csv", [good, *bad, [*good[:-1], "20 us"]])
    result = validate(path)
    assert [g["n"] for g in result.groups] == [2]
    told = skipped(path)
    assert told["latency_s", 3] == ("time is zero, negative or not finite", 3)
    assert told["latency_s", 5] == ("not a time in a known unit", 1)
    assert told["latency_s", 6] == ("no time", 1)
    assert told["m", 8] == ("not a number", 1)
    assert told["n", 9] == ("empty", 1)
    assert told["k", 10][0].startswith("not between")
    assert "Abacus 9000" in told["device", 11][0]
    assert "int3" in told["dtype", 12][0]
    assert told["device", 13] == ("no device is named", 1)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (("device", "m", "n", "latency_s"), "has the columns of no kind"),
        (("device", "m", "n", "k", "dtype"), "lacks the column latency_s"),
        (("device", "m", "n", "k", "dtype", "latency_fortnights"), "the unit of latency_fortnights isn't known"),
        ((), "is empty: there is no header and no row"),
    ],
)
def test_missing_columns_are_named(tmp_path: Path, head: tuple[str, ...], words: str) -> None:
    with pytest.raises(TableError, match=words):
        validate(write(tmp_path / "t.csv", [], head))


def test_other_units_of_time(tmp_path: Path) -> None:
    row = ("lab", "A100", "bf16", "gemm", 128, 4096, 4096)
    seconds = []
    for name, value in (("latency_s", 4e-5), ("latency_us", 40), ("latency_ms", 0.04)):
        path = write(tmp_path / f"{name}.csv", [(*row, value)], (*HEAD[:-1], name))
        seconds += [batch.measured_s[0] for batch in read_batches(path, Skips())]
    assert seconds == pytest.approx([4e-5] * 3)


@pytest.mark.parametrize("content", [b"\x1f\x8bnot gzip", b"\x1f\x8b\x08\x00", b"", b"\xff\xfe\x00"])
def test_files_that_are_no_tables_are_told(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(content)
    assert run(["validate", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "t.csv.gz" in captured.err
    assert "inside Chipscape" not in captured.err


def test_many_rows_take_little_memory(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv", (("lab", "H100", "bf16", "gemm", 1 + i % 4096, 4096, 4096, 2e-5) for i in range(60_000))
    )
    tracemalloc.start()
    try:
        (group,) = validate(path).groups
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert group["n"] == 60_000
    assert peak < 40e6


def test_tensorrt_llm_decode_rows_are_not_judged(tmp_path: Path) -> None:
    numbers = ("batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len", "latency_s")
    head = ("source", "device", "dtype", "kv_dtype", "op", *numbers)
    what = ("H100-SXM", "bfloat16", "bfloat16", "attn_decode")
    row = ("aic:h100_sxm/attention/trtllm/1.0", *what, 8, 32, 8, 128, 1, 4096, 5e-5)
    beyond = ("mine:x", *what, 64, 32, 32, 128, 1, 16384, 5e-5)
    result = validate(write(tmp_path / "t.csv", [row, beyond], head))
    assert result.groups == []
    assert [("TensorRT" in s["reason"], "95 %" in s["reason"]) for s in result.skipped] == [
        (True, False),
        (False, True),
    ]


# --- commands -------------------------------------------------------------------------------------------------------


def test_calibrate_then_validate_with_it(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "mine.json", tmp_path / "predicted.csv"
    assert run(["calibrate", str(table), "--device", "A40", "--framework", "mine", "--out", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["kind"] == "gemm"
    command = ["validate", str(table), "--calibration", str(file), "--out", str(out), "--rows", "kept-out", "--json"]
    assert run(command) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert group["median"] < 0.035 < group["roofline_median"]
    assert {"device", "dtype", "source", "n", "median", "mean", "p90", "bias", "in_band", "worst_bucket"} <= set(group)
    with out.open() as file_:
        rows = list(csv.DictReader(file_))
    assert len(rows) == 400
    predicted = [(float(r["predicted_s"]), float(r["latency_s"])) for r in rows if r["predicted_s"]]
    assert len(predicted) == group["n"]
    assert np.median([abs(p / t - 1) for p, t in predicted]) == pytest.approx(group["median"], rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["validate", "TABLE", "--kind", "sorting"], "--kind 'sorting' isn't known"),
        (["validate", "TABLE", "--kind", "allreduce"], "lacks what allreduce needs"),
        (["validate", "TABLE", "--device", "Abacus"], "no device is called 'Abacus'"),
        (["validate", "nowhere.csv"], "nowhere.csv"),
        (["calibrate", "TABLE", "--device", "H100", "--out", "x.json"], "no usable row of H100"),
        (
            ["calibrate", "TABLE", "--device", "A40", "--framework", "jax", "--out", "x.json"],
            "no row of the framework 'jax'",
        ),
    ],
)
def test_bad_commands(table: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert run([str(table) if a == "TABLE" else a for a in arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_calibration_of_all_frameworks_serves_rows_of_any(table: Path, tmp_path: Path) -> None:
    found = calibrate(read_samples(table, Skips()), A40, starts=1)
    (group,) = validate(table, extra=[found]).groups
    assert group["basis"] == [f"calibrated ({A40}, any)"]
    assert group["median"] < 0.035


# --- what is shipped ------------------------------------------------------------------------------------------------


def test_shipped_calibrations_are_there_and_say_where_from() -> None:
    for name in ("A100 80GB SXM4", "H100 80GB SXM5", "H200 141GB SXM", A40):
        assert frameworks_of(name)
    for calibration in shipped().values():
        assert all((calibration.citation, calibration.date, calibration.models))
        for model in calibration.models:
            constants_of(model)
            assert all(0.0 < band.low <= band.high for band in model.bands)


@pytest.mark.parametrize(
    "device", [d.name for d in devices() if d.vendor.upper().startswith("NVIDIA") and not d.cannot_run]
)
def test_every_gpu_has_times_with_a_band(device: str) -> None:
    times = operator_seconds(device, "gemm", {"m": [1, 128, 8192], "n": 4096, "k": 4096})
    assert np.all(times.low < times.high)
    assert np.all(times.low < times.seconds * 1.2)
    assert np.all(np.diff(times.seconds) > 0.0)


@pytest.mark.parametrize(
    "device", [d.name for d in devices() if (d.bf16_T or d.fp16_T) and d.dram_GBs and not d.cannot_run]
)
def test_large_gemms_run_near_the_peak_of_every_device(device: str) -> None:
    """A prior that misjudged how many cores share the work would be off by far more than a factor of two."""
    chip = ceilings_of(find_device(device))
    times = operator_seconds(device, "gemm", {"m": 8192, "n": 8192, "k": 8192})
    assert 1.0 < times.seconds[0] * chip.peak16_flops / (2 * 8192**3) < 2.2


def test_a_device_never_measured_takes_its_class_prior_with_a_wider_band() -> None:
    shape: dict[str, Any] = {"m": 4096, "n": 4096, "k": 4096}
    measured, unmeasured = (
        operator_seconds("H100 SXM", "gemm", shape, framework="trtllm"),
        operator_seconds("B200", "gemm", shape),
    )
    assert (measured.basis.level, unmeasured.basis.level) == ("calibrated", "class prior")
    wide = [float(np.log(t.high / t.low)[0]) for t in (measured, unmeasured)]
    assert wide[1] > wide[0]


def test_a_format_never_measured_says_what_stands_in() -> None:
    times = operator_seconds("B200", "gemm", {"m": 64, "n": 8192, "k": 8192}, form="nvfp4")
    assert times.basis.level.endswith("another format")
    assert times.basis.widened > 1.0


def test_board_power_is_capped_and_grows_with_use() -> None:
    x = PowerConstants(static=0.4, matrix=1.0, dram=0.3, exponent=1.0, lag_s=1e-4)
    share = power_share(x, [0.0, 0.1, 0.9], [0.0, 0.0, 0.0], 1e-2)
    assert share == pytest.approx([0.4, 0.4 + 0.1 / 1.01, 0.985])


BARS = {
    ("gemm", "bfloat16"): (0.05, 0.07), ("gemm", "fp16"): (0.05, 0.072), ("allreduce", "fp16"): (0.15, 1.0),
    ("attention_prefill", "bfloat16"): (0.06, 0.09), ("attention_decode", "bfloat16"): (0.08, 0.12),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["gemm", "attention_prefill", "attention_decode", "allreduce"])
def test_rows_kept_out_meet_the_bars(kind: str) -> None:
    if not MEASURED.is_dir():
        pytest.skip("the measured tables aren't beside this checkout")
    result = validate(MEASURED / f"{kind}.csv.gz", rows="kept-out")
    for total in result.totals:
        bar = BARS.get((kind, total["dtype"]))
        figures = total["over_50us"] if kind.startswith("attention") else total
        if bar is not None:
            assert figures["median"] <= bar[0], total
            assert figures["mean"] <= bar[1], total
            assert 0.7 <= total["in_band"] <= 0.9, total


@pytest.mark.parametrize(
    ("constants", "said"),
    [({"compute": -1.0}, "compute is -1"), ({"compute": 0.0}, "no time follows"), ({"norm": 0.0}, "no time follows"),
     ({"unheard": 1.0}, "no constant 'unheard'")],
)  # fmt: skip
def test_a_file_whose_constants_give_no_time_is_refused(tmp_path, constants, said):
    path = tmp_path / "wrong.json"
    first = shipped()["H100 80GB SXM5", "vllm"].model("gemm", "16")
    wrong = msgspec.structs.replace(first, constants={**first.constants, **constants})
    known = msgspec.structs.replace(shipped()["H100 80GB SXM5", "vllm"], models=(wrong,))
    path.write_text(dump(known), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        load(path)


@pytest.mark.parametrize("band", [{"bucket": 99}, {"bucket": -1}, {"low": 9.0}, {"low": 0.0}])
def test_a_file_with_a_band_that_is_none_is_refused(tmp_path, band):
    path = tmp_path / "wrong.json"
    known = shipped()["H100 80GB SXM5", "vllm"]
    first, *rest = known.models
    wrong = msgspec.structs.replace(first, bands=(msgspec.structs.replace(first.bands[0], **band), *first.bands[1:]))
    path.write_text(dump(msgspec.structs.replace(known, models=(wrong, *rest))), encoding="utf-8")
    with pytest.raises(ValueError, match="bucket"):
        load(path)


@pytest.mark.parametrize("key", shipped())
def test_every_shipped_calibration_can_be_given_as_ones_own(tmp_path, key):
    path = tmp_path / "same.json"
    path.write_text(dump(shipped()[key]), encoding="utf-8")
    assert load(path) == shipped()[key]
