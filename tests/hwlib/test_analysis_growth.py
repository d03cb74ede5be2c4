"""Growth over the years: which chips count, with which figures and sources, and what the fit makes of known growth."""

from __future__ import annotations

import pytest

from hwlib.analysis.growth import ChipPoint, growth, server_chips, skipped, trend
from hwlib.catalog import devices, find_device


def chip(year: int, flops: float, bandwidth: float) -> ChipPoint:
    return ChipPoint(f"{year}-{flops:g}", year, flops, bandwidth, flops / bandwidth, "GPU", "")


def test_every_device_is_a_point_or_has_a_reason() -> None:
    drawn, left_out = [point.name for point in growth()], dict(skipped())
    assert sorted([*drawn, *left_out]) == sorted(device.name for device in devices())
    assert all(left_out.values())


def test_points_hold_the_datasheets_figures_in_si() -> None:
    h100 = find_device("H100 80GB SXM5")
    (point,) = growth([h100])
    assert (point.year, point.flops, point.bandwidth_Bps) == (2022, pytest.approx(989.4e12), pytest.approx(3.35e12))
    assert point.balance == pytest.approx(989.4e12 / 3.35e12)
    assert point.source.startswith(h100.source)
    assert not point.estimate


def test_recalled_figures_are_marked_as_estimates() -> None:
    (point,) = growth([find_device("RTX 4090")])
    assert point.estimate


def test_points_are_in_the_order_of_years() -> None:
    years = [point.year for point in growth()]
    assert years == sorted(years)


def test_a_chip_without_dram_says_so() -> None:
    assert skipped([find_device("Groq LPU")]) == (("Groq LPU v1 (TSP)", "it has no DRAM of known bandwidth"),)


def test_exact_growth_is_found_exactly() -> None:
    points = [chip(year, 1e14 * 1.5 ** (year - 2017), 1e12 * 1.2 ** (year - 2017)) for year in range(2017, 2025)]
    found = trend(points)
    assert found is not None
    assert found.compute.per_year == pytest.approx(1.5)
    assert (found.compute.low, found.compute.high) == pytest.approx((1.5, 1.5))
    assert found.bandwidth.per_year == pytest.approx(1.2)
    assert found.balance.per_year == pytest.approx(1.25)
    assert found.compute.at(2020) == pytest.approx(1e14 * 1.5**3)
    assert found.bandwidth.doubling_years == pytest.approx(3.8018, rel=1e-4)
    assert (found.count, found.first, found.last) == (8, 2017, 2024)


def test_the_interval_is_that_of_a_textbook() -> None:
    """Draper and Smith, Applied Regression Analysis: slope ± t s / sqrt(Sxx); here logs 0, 1, 1 at years 0, 1, 2."""
    found = trend([chip(2000, 1.0, 1.0), chip(2001, 2.718281828459045, 1.0), chip(2002, 2.718281828459045, 1.0)])
    assert found is not None
    error = (1 / 6 / 2) ** 0.5
    assert found.compute.per_year == pytest.approx(2.718281828459045**0.5)
    assert found.compute.high == pytest.approx(2.718281828459045 ** (0.5 + 12.706204736 * error), rel=1e-6)


@pytest.mark.parametrize("years", [[], [2020], [2020, 2021], [2020, 2020, 2021, 2021]])
def test_too_few_chips_have_no_trend(years: list[int]) -> None:
    assert trend([chip(year, 1e14, 1e12) for year in years]) is None


def test_compute_outgrew_bandwidth_in_the_catalog() -> None:
    found = trend(server_chips(growth()))
    assert found is not None
    assert found.compute.per_year > found.bandwidth.per_year > 1.0
    assert found.balance.low > 1.0
