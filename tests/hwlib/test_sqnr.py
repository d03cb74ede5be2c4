"""Closed-form SQNR against a Monte-Carlo matrix-vector product that shares no code with it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from hwlib.cost.sqnr import lossless_adc_bits, sqnr_dB


def convert(total, low, high, bits, covered=1.0):
    """An ADC of 2^bits levels over a share of [low, high], clipping; exact where it resolves single steps."""
    low, high = covered * low, covered * high
    delta = (high - low) / (2**bits - 1)
    return np.clip(total if delta <= 1 else low + delta * np.round((total - low) / delta), low, high)


def monte_carlo_dB(
    k, rows, dac, cell, adc, act, weight, differential, zeros, trials=600, seed=0, apart=False, covered=1.0
):
    """Random inputs and weights through sliced, grouped, quantised partial sums; `apart`: each column for itself."""
    rng = np.random.default_rng(seed)
    top = rows * (2**dac - 1) * (2**cell - 1)
    low = -top if differential else 0
    bits = rng.random((trials, k, act)) >= zeros
    x = bits @ (1 << np.arange(act))
    code = rng.integers(0, 2**weight, (trials, k))
    sign = rng.choice([-1, 1], (trials, k)) if differential else np.ones((trials, k), int)
    meaning = code * sign if differential else code - (2**weight - 1) / 2
    wrong = np.zeros(trials)
    for start in range(0, k, rows):
        part = slice(start, start + rows)
        for i, j in itertools.product(range(-(-act // dac)), range(-(-weight // cell))):
            xs = (x[:, part] >> (dac * i)) & (2**dac - 1)
            ws = ((code[:, part] >> (cell * j)) & (2**cell - 1)) * sign[:, part]
            shift = 2.0 ** (dac * i + cell * j)
            if not apart:
                s = (xs * ws).sum(1)
                wrong += (convert(s, low, top, adc, covered) - s) * shift
                continue
            for side in (1, -1):
                s = (xs * np.where(ws * side > 0, ws * side, 0)).sum(1)
                wrong += side * (convert(s, 0, top, adc, covered) - s) * shift
    exact = (x * meaning).sum(1)
    return 10 * math.log10((exact**2).mean() / (wrong**2).mean())


GRID = [
    case
    for case in itertools.product((256, 512), (32, 64, 128), (1, 2), (1, 2, 4), (4, 5, 6, 7, 8), (False, True))
    if case[4] < lossless_adc_bits(case[1], case[2], case[3], case[5])
]


def test_closed_form_is_within_a_decibel_from_10_to_35_dB():
    chosen = GRID[:: max(1, len(GRID) // 60)]
    errors = []
    for k, rows, dac, cell, adc, differential in chosen:
        predicted = sqnr_dB(k, rows, dac, cell, adc, 8, 8, differential, 0.5)
        if 10 <= predicted <= 35:
            errors.append(abs(predicted - monte_carlo_dB(k, rows, dac, cell, adc, 8, 8, differential, 0.5)))
    assert len(errors) >= 15
    assert np.quantile(errors, 0.95) < 1.0


def test_columns_converted_apart_are_within_a_decibel():
    errors = []
    for k, rows, dac, cell, adc, _ in GRID[::17]:
        predicted = sqnr_dB(k, rows, dac, cell, adc, 8, 8, False, 0.5, apart=True)
        if 10 <= predicted <= 35:
            errors.append(abs(predicted - monte_carlo_dB(k, rows, dac, cell, adc, 8, 8, True, 0.5, apart=True)))
    assert len(errors) >= 8
    assert np.quantile(errors, 0.9) < 1.0


def step_of(case, covered):
    """The ADC's step in units of the sums' own."""
    _, rows, dac, cell, adc, differential = case
    top = rows * (2**dac - 1) * (2**cell - 1)
    return covered * top * (2 if differential else 1) / (2**adc - 1)


CLIPPED = [
    (*case, covered)
    for case in GRID[::7]
    for covered in ((0.3, 0.5) if case[5] else (0.5, 0.7))
    if step_of(case, covered) > 1.5  # nearer to one, ties of the rounding decide
]


def test_sums_that_are_clipped_now_and_then_are_within_a_decibel_from_10_to_35_dB():
    errors = []
    for k, rows, dac, cell, adc, differential, covered in CLIPPED:
        predicted = sqnr_dB(k, rows, dac, cell, adc, 8, 8, differential, 0.5, covered=covered)
        if 10 <= predicted <= 35:
            run = monte_carlo_dB(k, rows, dac, cell, adc, 8, 8, differential, 0.5, covered=covered)
            errors.append(abs(predicted - run))
    assert len(errors) >= 15
    assert np.quantile(errors, 0.95) < 1.0


def test_a_range_that_fits_the_sums_gains_and_one_that_is_too_small_loses():
    full, half, tiny = (sqnr_dB(512, 128, 1, 2, 5, 8, 8, True, 0.5, covered=c) for c in (1.0, 0.3, 0.02))
    assert half > full + 3
    assert tiny < full
    assert sqnr_dB(512, 64, 1, 2, 12, 8, 8, False, covered=0.2) < math.inf


def test_enough_adc_bits_lose_nothing():
    need = lossless_adc_bits(64, 1, 2, False)
    assert need == 8
    assert sqnr_dB(512, 64, 1, 2, need, 8, 8, False) == math.inf
    assert sqnr_dB(512, 64, 1, 2, need - 1, 8, 8, False) < math.inf


def test_signed_differential_sums_need_one_bit_more():
    assert lossless_adc_bits(64, 1, 2, True) == lossless_adc_bits(64, 1, 2, False) + 1


@pytest.mark.parametrize("bits", range(4, 9))
def test_each_adc_bit_brings_about_six_decibels(bits):
    gain = sqnr_dB(512, 128, 1, 4, bits + 1, 8, 8, False) - sqnr_dB(512, 128, 1, 4, bits, 8, 8, False)
    assert 3 < gain < 9
