"""The cited measured points: kept out of fits, spread over shapes, met by the shipped constants; constants in words."""

from __future__ import annotations

import numpy as np
import pytest

from hwlib.baselines.calibration import shipped
from hwlib.baselines.evidence import constants_told, measured_points, points_citation, selection_rule
from hwlib.baselines.kernels.registry import KERNELS
from hwlib.baselines.measured import fitted
from hwlib.catalog import UnknownNameError, devices
from hwlib.validation.document import Judged, table

POINTS = [point for device in devices() for point in measured_points(device.name)]


def test_a_few_dozen_points_of_every_measured_device() -> None:
    assert 36 <= len(POINTS) <= 60
    assert {p.device for p in POINTS} == {
        "A100 80GB SXM4", "H100 80GB SXM5", "H200 141GB SXM", "A40 48GB", "Instinct MI210",
    }  # fmt: skip
    assert {p.kind for p in POINTS} == {"gemm", "attention_prefill", "attention_decode", "allreduce"}
    assert all(p.source and points_citation() and selection_rule() for p in POINTS)


def test_no_fit_has_seen_a_point() -> None:
    for p in POINTS:
        columns = {name: np.array([value]) for name, value in p.columns.items()}
        assert not fitted(columns, KERNELS[p.kind].columns)[0]


def test_shipped_constants_predict_the_points() -> None:
    error = np.array([abs(p.predicted_s / p.seconds - 1.0) for p in POINTS])
    roofline = np.array([abs(p.roofline_s / p.seconds - 1.0) for p in POINTS])
    assert np.median(error) < 0.06 < np.median(roofline)
    assert np.mean([p.low_s <= p.seconds <= p.high_s for p in POINTS]) > 0.65


def test_points_of_a_device_span_its_shapes() -> None:
    m = [p.columns["m"] for p in measured_points("H100 SXM") if p.kind == "gemm"]
    assert m == sorted(m)
    assert m[-1] > 100 * m[0]


def test_a_device_never_measured_has_none() -> None:
    assert measured_points("B200") == ()
    with pytest.raises(UnknownNameError):
        measured_points("Abacus 9000")


@pytest.mark.parametrize("kind", sorted(KERNELS))
def test_every_constant_of_every_calibration_is_told_in_words(kind: str) -> None:
    told = {field.name: field for field in constants_told(kind)}
    assert all(field.label and field.help.endswith(".") for field in told.values())
    used = {name for c in shipped().values() for m in c.models if m.kind == kind for name in m.constants}
    assert used <= set(told)
    assert all(told[name].unit == "s" for name in told if name.endswith("_s"))


def test_tables_of_the_document_tell_the_errors() -> None:
    ratio, roofline = np.array([1.1, 0.9, 1.3, 2.0]), np.array([0.5, 0.5, 0.5, 0.1])
    seconds, inside = np.array([1e-4, 1e-4, 1e-4, 1e-6]), np.array([True, True, False, False])
    one = Judged("H100 80GB SXM5", "vllm", "16", ratio, roofline, inside, seconds)
    long = "3 | 10.0 | 16.7 | 26.0 | +10.0 | 67 | 50 / 50"
    assert f"| H100 80GB SXM5 | vllm | 16 | {long} |" in table("attention_decode", [one], long_only=True)
    assert "| **all** |  | **16 bit** | 4 | 20.0 |" in table("gemm", [one], long_only=False)
