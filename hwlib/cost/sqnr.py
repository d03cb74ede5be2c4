"""Signal to noise of analog crossbars, in closed form: quantisation of partial sums, varying cells, IR drop."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from hwlib.cost.cell_noise import cell_noise, ir_noise, slice_moments

LOST_dB = 10.0
"""Below this ratio the output is lost (MODEL.md, In-memory compute)."""

SPREAD = 8.0
MAX_POINTS = 200_000


def lossless_adc_bits(rows_active: float, dac_bits: float, bits_per_cell: float, signed: bool) -> int:
    """ADC bits that lose nothing: ceil(log2(R (2^d - 1)(2^c - 1) + 1)), with a factor 2 inside for signed sums."""
    top = rows_active * (2.0**dac_bits - 1.0) * (2.0**bits_per_cell - 1.0)
    return math.ceil(math.log2((2.0 if signed else 1.0) * top + 1.0))


def step_error(
    mean: float, variance: float, low: float, high: float, adc_bits: float, covered: float = 1.0
) -> tuple[float, float]:
    """Bias and variance of an ADC with 2^bits levels on a discretised normal partial sum that lies in [low, high].

    sum over s of p(s) (Q(s) - s)^2, where uniform Delta^2/12 would miss by 3 to 6 dB for few levels. The levels span
    the share `covered` of both ends; sums beyond are clipped to them.
    """
    lowest, highest = covered * low, covered * high
    delta = (highest - lowest) / (2.0**adc_bits - 1.0)
    if delta <= 1.0 and covered >= 1.0:
        return 0.0, 0.0
    sigma = math.sqrt(max(variance, 1e-12))
    first, last = max(low, math.floor(mean - SPREAD * sigma)), min(high, math.ceil(mean + SPREAD * sigma))
    stride = max(1.0, math.ceil((last - first + 1) / MAX_POINTS))
    s = np.arange(first, last + 1, stride)
    p = np.exp(-0.5 * ((s - mean) / sigma) ** 2)
    p /= p.sum()
    read = s if delta <= 1.0 else lowest + delta * np.round((s - lowest) / delta)
    error = np.clip(read, lowest, highest) - s
    bias = float(p @ error)
    return bias, float(p @ (error - bias) ** 2)


@lru_cache(maxsize=4096)
def sqnr_dB(
    k: int,
    rows_active: int,
    dac_bits: int,
    bits_per_cell: int,
    adc_bits: int,
    activation_bits: int,
    weight_bits: int,
    differential: bool,
    zero_share: float = 0.5,
    apart: bool = False,
    variation: float = 0.0,
    ir_drop: float = 0.0,
    reference: bool = False,
    covered: float = 1.0,
) -> float:
    """Signal over noise in dB of a k-long dot product; infinite where nothing is lost. Arguments as of `variances` and
    `cell_noise`."""
    bits, paired = (activation_bits, weight_bits), differential or apart
    signal, error = variances(
        k, rows_active, dac_bits, bits_per_cell, adc_bits, *bits, differential, zero_share, apart, covered
    )
    error += cell_noise(k, bits_per_cell, *bits, paired, zero_share, variation, reference)
    error += ir_noise(k, rows_active, dac_bits, bits_per_cell, *bits, paired, zero_share, ir_drop)
    return 10.0 * math.log10(signal / error) if error > 0 else math.inf


def variances(
    k: int,
    rows_active: int,
    dac_bits: int,
    bits_per_cell: int,
    adc_bits: int,
    activation_bits: int,
    weight_bits: int,
    differential: bool,
    zero_share: float,
    apart: bool,
    covered: float = 1.0,
) -> tuple[float, float]:
    """Variance of a k-long dot product, and of what the ADC adds to it; 0 where it loses nothing.

    `differential`: the ADC sees the difference of two columns; `apart`: it converts both, and digits are subtracted.
    `covered`: the share of the largest partial sum that the ADC spans; sums beyond are clipped.
    Variance per partial sum weighted by 4^shift over input and weight slices and summed over ceil(k / rows_active)
    groups, the coherent bias added (MODEL.md, In-memory compute). Bits are independent, weights uniform.
    """
    exact = _signal(k, activation_bits, weight_bits, differential or apart, zero_share)
    if covered >= 1.0 and adc_bits >= lossless_adc_bits(rows_active, dac_bits, bits_per_cell, differential):
        return exact, 0.0
    x_mean, x_square = slice_moments(dac_bits, zero_share)
    w_mean, w_square = slice_moments(bits_per_cell, 0.5)
    top = rows_active * (2.0**dac_bits - 1.0) * (2.0**bits_per_cell - 1.0)
    if differential:
        # the weight's magnitude is in one of the two columns, its sign is random
        bias, noise = step_error(0.0, rows_active * x_square * w_square, -top, top, adc_bits, covered)
    elif apart:
        # a column holds a weight's magnitude or nothing; both have the same bias, which the difference cancels
        variance = rows_active * (x_square * w_square / 2.0 - (x_mean * w_mean / 2.0) ** 2)
        column = step_error(rows_active * x_mean * w_mean / 2.0, variance, 0.0, top, adc_bits, covered)
        bias, noise = 0.0, 2.0 * column[1]
    else:
        variance = rows_active * (x_square * w_square - (x_mean * w_mean) ** 2)
        bias, noise = step_error(rows_active * x_mean * w_mean, variance, 0.0, top, adc_bits, covered)
    groups = math.ceil(k / rows_active)
    shifts = [
        dac_bits * i + bits_per_cell * j
        for i in range(math.ceil(activation_bits / dac_bits))
        for j in range(math.ceil(weight_bits / bits_per_cell))
    ]
    error = groups * noise * sum(4.0**s for s in shifts) + (groups * bias * sum(2.0**s for s in shifts)) ** 2
    return exact, error


def _signal(k: int, activation_bits: int, weight_bits: int, differential: bool, zero_share: float) -> float:
    """Variance of the exact dot product: unsigned activations of independent bits, weights uniform around zero.

    Offset coding centres unsigned codes; differential coding stores a magnitude of as many bits, with a random sign.
    """
    _, x_square = slice_moments(activation_bits, zero_share)
    w_square = slice_moments(weight_bits, 0.5)[1] if differential else (4.0**weight_bits - 1.0) / 12.0
    return k * x_square * w_square
