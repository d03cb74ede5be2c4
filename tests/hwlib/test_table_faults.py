"""Measured tables that are wrong as files or in what they mean: every one ends in words, none in a traceback."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hwlib.baselines.doubts import unit_doubt
from hwlib.baselines.kernels import gemm
from hwlib.baselines.kernels.ceilings import ceilings_of
from hwlib.baselines.table_files import TableError
from hwlib.catalog import find_device
from hwlib.cli import run
from hwlib.validation.kernel_errors import validate

HEAD = ["source", "device", "dtype", "m", "n", "k", "latency_s"]
H100 = ceilings_of(find_device("H100"))


def rows(count: int = 60, scale: float = 1.0, m: int | None = None) -> list[list[object]]:
    """GEMMs at 1.4 times the roofline, in seconds times `scale`."""
    random = np.random.default_rng(5)
    shapes = [(m or int(2 ** random.integers(0, 13)), 256 * (i + 4), 4096) for i in range(count)]
    seconds = gemm.roofline_s(
        H100, gemm.FORMATS["bf16"], *(np.array(c, dtype=float) for c in zip(*shapes, strict=True))
    )
    return [["x:lab", "H100", "bf16", *shape, 1.4 * scale * t] for shape, t in zip(shapes, seconds, strict=True)]


def write(path: Path, lines: Sequence[Sequence[object]], head: Sequence[str] = HEAD, mark: str = ",") -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=mark).writerows([head, *lines])
    return path


def told(capsys: pytest.CaptureFixture[str], arguments: Sequence[object]) -> str:
    """What a command that fails says: one paragraph, nothing on the standard output."""
    assert run([str(a) for a in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "inside Chipscape" not in captured.err
    return " ".join(captured.err.split())


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"device,m,n,k,dtype,latency_s\n", "has a header but no rows"),
        (b"device;m;n;k;dtype;latency_s\nH100;1;2;3;bf16;1\n", "parted by semicolons"),
        (b"device\tm\tn\nH100\t1\t2\n", "parted by tabs"),
        ("device,m\nH100,1\n".encode("utf-16"), "UTF-16"),
        (b"device,m,n,k,dtype,latency_s\nH\xe9,1,1,1,bf16,1\n", "isn't UTF-8"),
        (b"device,m,m,n,k,dtype,latency_s\nH100,1,1,1,1,bf16,1\n", "has the column m more than once"),
        (b"device,M_dim,n,k,dtype,latency_s\nH100,1,1,1,bf16,1\n", "lacks what gemm needs: m; it has device, M_dim"),
        (b"device,m,n,k,latency_s\nH100,1,1,1,1\n", "lacks what gemm needs: dtype"),
        (gzip.compress(b"device,m,n,k,dtype,latency_s\n" * 500)[:-20], "cut short"),
        (b"device,m,n,k,dtype,latency_s\nH100,1,1,1,bf16," + b"9" * 200_000, "field larger"),
    ],
)
def test_files_that_are_wrong_as_a_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, words: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    assert words in told(capsys, ["validate", path])


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.csv.gz", rows())
    packed = tmp_path / "packed.csv"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert validate(plain).groups == validate(packed).groups


def test_columns_in_capitals_and_unknown_ones(tmp_path: Path) -> None:
    lines = rows()
    path = write(tmp_path / "t.csv", [[*row, "?"] for row in lines], [*(name.upper() for name in HEAD), "remark"])
    assert validate(path).groups == validate(write(tmp_path / "u.csv", lines)).groups


def test_the_table_itself_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "t.csv", rows())
    before = path.read_bytes()
    assert "is the table itself" in told(capsys, ["validate", path, "--out", path])
    assert "is the table itself" in told(capsys, ["calibrate", path, "--device", "H100", "--out", path])
    assert "can't write" in told(capsys, ["validate", path, "--out", tmp_path / "nowhere" / "x.csv"])
    assert "can't be written" in told(
        capsys, ["calibrate", path, "--device", "H100", "--out", tmp_path / "no" / "x.json"]
    )
    assert path.read_bytes() == before


def test_predictions_are_written_packed_beside_rows_left_out(tmp_path: Path) -> None:
    out = tmp_path / "p.csv.gz"
    validate(write(tmp_path / "t.csv", [*rows(3), ["x", "Abacus", "bf16", 1, 1, 1, 1e-5]]), out=out)
    with gzip.open(out, "rt", newline="") as file:
        written = list(csv.DictReader(file))
    assert [bool(row["predicted_s"]) for row in written] == [True, True, True, False]
    first = written[0]
    assert float(first["low_s"]) < float(first["predicted_s"]) < float(first["high_s"])
    assert float(first["roofline_s"]) == pytest.approx(float(first["latency_s"]) / 1.4, rel=1e-5)


# --- meaning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scale", "unit"), [(1e3, "milliseconds"), (1e6, "microseconds"), (1e9, "nanoseconds")])
def test_times_in_another_unit_are_doubted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scale: float, unit: str
) -> None:
    path = write(tmp_path / "t.csv", rows(scale=scale))
    (hint,) = validate(path).hints
    assert unit in hint
    assert "can't be fitted" in told(capsys, ["calibrate", path, "--device", "H100", "--out", tmp_path / "c.json"])
    assert not (tmp_path / "c.json").exists()


def test_times_in_their_own_unit_are_not_doubted(tmp_path: Path) -> None:
    assert validate(write(tmp_path / "t.csv", rows())).hints == []
    assert validate(write(tmp_path / "u.csv", rows(scale=1e6), [*HEAD[:-1], "latency_us"])).hints == []


def test_slow_libraries_are_not_taken_for_another_unit() -> None:
    assert unit_doubt("x", np.full(9, 20.0)) == unit_doubt("x", np.full(9, 0.2)) == unit_doubt("x", []) == ""


def test_rows_that_repeat_are_told(tmp_path: Path) -> None:
    lines = rows(20)
    (hint,) = validate(write(tmp_path / "t.csv", [*lines, *lines[:4]])).hints
    assert hint.startswith("4 rows repeat")
    assert "line 22" in hint


def test_a_device_that_the_table_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = told(capsys, ["validate", write(tmp_path / "t.csv", rows()), "--device", "MI210"])
    assert "no usable row of Instinct MI210; it has H100 80GB SXM5" in words


def test_too_few_rows_say_what_is_too_little(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "t.csv", rows(3))
    words = told(capsys, ["calibrate", path, "--device", "H100", "--out", tmp_path / "c.json"])
    assert "too few rows to calibrate H100 80GB SXM5: gemm 16 has 3, " in words


def test_rows_of_one_size_move_the_class_and_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, file = write(tmp_path / "t.csv", rows(80, m=2048)), tmp_path / "c.json"
    assert run(["calibrate", str(path), "--device", "H100", "--out", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (hint,) = found["hints"]
    assert "every row has m 1025 to 2048" in hint
    (model,) = found["models"]
    shipped = validate(path).groups[0]["median"]
    assert model["median"] < shipped


def test_parts_of_numbers_and_batched_gemms_are_left_out(tmp_path: Path) -> None:
    good = rows(1)[0]
    lines = [good, [*good[:3], 1.5, *good[4:]], [*good[:3], "1e999", *good[4:]]]
    path = write(tmp_path / "t.csv", [*([*row, 1] for row in lines), [*good, 8]], [*HEAD, "batch"])
    result = validate(path)
    assert [group["n"] for group in result.groups] == [1]
    reasons = {(s["column"], s["first_line"]): str(s["reason"]) for s in result.skipped}
    assert reasons["m", 3] == "not a whole number"
    assert reasons["m", 4].startswith("not between")
    assert "batched" in reasons["dtype", 5]


def test_validate_raises_only_table_errors(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="can't read"):
        validate(tmp_path)
