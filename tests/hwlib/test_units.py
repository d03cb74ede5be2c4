"""Quantities: what a person types is read as meant or refused in words, and what is shown reads back as it was."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwlib.units import NOTHING, UnitError, format_quantity, parse

UNITS = (
    "B",
    "bit",
    "s",
    "Hz",
    "W",
    "J",
    "m",
    "m²",
    "B/s",
    "J/bit",
    "W/m²",
    "FLOP/s",
    "J/token",
    "nm",
    "tokens",
    "×",
    "",
)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("2 MiB", "B", 2 * 2**20),
        ("512 KiB", "B", 512 * 2**10),
        ("80 GB", "B", 80e9),
        ("80G", "B", 80e9),
        ("8 Gbit", "B", 1e9),
        ("3.35 TB/s", "B/s", 3.35e12),
        ("900 Gbit/s", "B/s", 112.5e9),
        ("1 B/ms", "B/s", 1e3),
        ("12.5 pJ", "J", 12.5e-12),
        ("12.5 pJ/bit", "J/bit", 12.5e-12),
        ("1.2 GHz", "Hz", 1.2e9),
        ("5 mm", "m", 5e-3),
        ("5 µm", "m", 5e-6),
        ("5 um", "m", 5e-6),
        ("2 cm", "m", 0.02),
        ("100 mm²", "m²", 1e-4),
        ("100 mm^2", "m²", 1e-4),
        ("100 mm2", "m²", 1e-4),
        ("3 um2", "m²", 3e-12),
        ("0.5 W/mm²", "W/m²", 5e5),
        ("1 W/cm2", "W/m²", 1e4),
        ("400 W", "W", 400.0),
        ("400", "W", 400.0),
        ("2 min", "s", 120.0),
        ("7 nm", "nm", 7.0),
        ("0.007 µm", "nm", 7.0),
        ("1e9", "", 1e9),
        ("1_000", "", 1000.0),
        (" +.5 ", "×", 0.5),
        ("\u2212273.5 W", "W", -273.5),
        ("4 Ki", "tokens", 4096.0),
        ("12 mJ/tok", "J/token", 0.012),
    ],
)
def test_reads_what_people_type(text: str, unit: str, value: float) -> None:
    assert parse(text, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "unit", "why"),
    [
        ("", "W", "nothing was typed"),
        ("   ", "W", "nothing was typed"),
        ("watts", "W", "doesn't start with a number"),
        ("1,5", "W", "comma is ambiguous"),
        ("1,500 W", "W", "comma is ambiguous"),
        ("nan", "W", "finite"),
        ("-inf W", "W", "finite"),
        ("1e999 W", "W", "too large"),
        ("5 GB", "Hz", "unit must be Hz"),
        ("5 m", "W", "isn't a unit"),
        ("5 m", "s", "isn't a unit"),
        ("3 TB", "B/s", "after the slash"),
        ("3 TB/s", "B", "isn't a unit"),
        ("1 Gb/s", "B/s", "write B or bit"),
        ("1 MiHz", "Hz", "isn't a unit"),
        ("4 W", "", "takes no unit"),
        ("1.2.3", "W", "doesn't start with a number"),
        ("0x10", "", "takes no unit"),
    ],
)
def test_refuses_with_the_reason_and_an_example(text: str, unit: str, why: str) -> None:
    with pytest.raises(UnitError, match="Accepted is, for example") as refusal:
        parse(text, unit)
    assert why in str(refusal.value)


@given(st.text(max_size=40), st.sampled_from(UNITS))
def test_any_text_is_a_finite_number_or_a_unit_error(text: str, unit: str) -> None:
    try:
        value = parse(text, unit)
    except UnitError:
        return
    assert math.isfinite(value)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "W", NOTHING),
        (math.nan, "W", NOTHING),
        (math.inf, "m²", NOTHING),
        (0.0, "J", "0 J"),
        (3.35e12, "B/s", "3.35 TB/s"),
        (12.5e-12, "J", "12.5 pJ"),
        (4.7e-6, "s", "4.7 µs"),
        (999.96, "W", "1 kW"),
        (-3e-3, "W", "-3 mW"),
        (8.58e-4, "m²", "858 mm²"),
        (2.5e-13, "m²", "0.25 µm²"),
        (0.070686, "m²", "70690 mm²"),
        (5e5, "W/m²", "500 mW/mm²"),
        (7.0, "nm", "7 nm"),
        (65_536, "", "65536"),
        (0.123456, "×", "0.1235 ×"),
        (1e12, "writes", "1e12 writes"),
        (123_456_789.0, "", "1.235e8"),
    ],
)
def test_writes_as_people_read(value: float | None, unit: str, text: str) -> None:
    assert format_quantity(value, unit) == text


def test_bytes_in_powers_of_1024_on_demand() -> None:
    assert format_quantity(2 * 2**20, "B", binary=True) == "2 MiB"
    assert format_quantity(1000, "B", binary=True) == "1 kB"
    assert format_quantity(2**21, "B") == "2.097 MB"


@given(
    st.floats(1e-18, 1e18) | st.floats(-1e18, -1e-18) | st.just(0.0),
    st.sampled_from(UNITS),
    st.integers(2, 12),
    st.booleans(),
)
def test_what_is_written_reads_back_within_its_digits(value: float, unit: str, digits: int, binary: bool) -> None:
    shown = format_quantity(value, unit, digits, binary=binary)
    assert parse(shown, unit) == pytest.approx(value, rel=0.501 * 10.0 ** (1 - digits))


@given(st.floats(1e-15, 1e15), st.sampled_from(UNITS))
def test_at_most_four_significant_digits(value: float, unit: str) -> None:
    mantissa = format_quantity(value, unit).split(" ")[0].split("e")[0]
    assert len(mantissa.replace(".", "").strip("0")) <= 4


@given(st.floats(-1e30, 1e30).filter(lambda v: v == 0.0 or abs(v) > 1e-29), st.integers(1, 6))
def test_prefixes_are_written_as_quantiphy_writes_them(value: float, digits: int) -> None:
    from hwlib.units import _Shown

    expected = str(_Shown(value, "s").render(prec=digits - 1)) if value else "0 s"
    assert format_quantity(value, "s", digits) == expected
