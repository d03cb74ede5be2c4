"""What cells and wires of analog crossbars add to a dot product's error: varying levels, IR drop to first order."""

from __future__ import annotations

import math

import numpy as np


def slice_moments(bits: int, zero_share: float) -> tuple[float, float]:
    """Mean and mean square of a slice of independent bits that are zero with probability `zero_share`."""
    one = 1.0 - zero_share
    mean = one * (2.0**bits - 1.0)
    variance = zero_share * one * sum(4.0**i for i in range(bits))
    return mean, variance + mean * mean


def cell_noise(
    k: int,
    bits_per_cell: int,
    activation_bits: int,
    weight_bits: int,
    paired: bool,
    zero_share: float,
    variation: float,
    reference: bool,
) -> float:
    """Variance that cells add to a k-long dot product whose levels are off by `variation` of the full level, each cell
    independently and for good: k E[X^2] variation^2 (L^2 sum_j 4^(c j) + offset^2), L = 2^c - 1.

    `paired`: two columns per weight, both of which vary. `reference`: a column of full cells is scaled to the offset
    (2^w - 1) / 2 and subtracted. A cell's error is the same for all input slices, hence E[X^2] of whole activations.
    """
    _, x_square = slice_moments(int(activation_bits), zero_share)
    digits = sum(4.0 ** (bits_per_cell * j) for j in range(math.ceil(weight_bits / bits_per_cell)))
    columns = (2.0**bits_per_cell - 1.0) ** 2 * digits * (2.0 if paired else 1.0)
    offset = ((2.0**weight_bits - 1.0) / 2.0) ** 2 if reference else 0.0
    return k * x_square * variation**2 * (columns + offset)


def mean_drop(rows_active: float, paired: bool, zero_share: float, ir_drop: float) -> float:
    """Mean share of the current that the bit lines take: ir_drop mean (R + 1)(2 R + 1) / 6, see `ir_noise`."""
    mean = (1.0 - zero_share) * (0.25 if paired else 0.5)
    return ir_drop * mean * (rows_active + 1.0) * (2.0 * rows_active + 1.0) / 6.0


def ir_noise(
    k: int,
    rows_active: int,
    dac_bits: int,
    bits_per_cell: int,
    activation_bits: int,
    weight_bits: int,
    paired: bool,
    zero_share: float,
    ir_drop: float,
) -> float:
    """Variance that the resistance of the bit lines adds to a k-long dot product, to first order in `ir_drop`, a wire
    segment's resistance times the conductance of a full cell.

    Cells without an input are switched off. A column of currents s_r loses ir_drop sum_rj min(r, j) s_r s_j (the wire
    up to the nearer of two cells carries both currents). Of s = mean + e the part that follows the sum is trimmed away
    with the ADC's references. What is left: the spread over rows of c_r = 2 mean (sum_j min(r, j) - r) + beta r, the
    same for all slices, with beta = cov(s^2, s)/var(s); and sum_(r != j) min(r, j) e_r e_j, whose variance is
    2 C^2 R^2 (R^2 - 1)/6 for slices of covariance C.
    """
    r, d, c = float(rows_active), int(dac_bits), int(bits_per_cell)
    mean, beta = _row_statistics(d, c, paired, zero_share)
    x_mean, x_square = slice_moments(int(activation_bits), zero_share)
    w_mean, w_square = slice_moments(int(weight_bits), 0.5)
    products = x_square * w_square - (0.0 if paired else (x_mean * w_mean) ** 2)
    follow = _spread(r, 2.0 * mean * r - mean + beta, -mean) * r * products
    full = (2.0**d - 1.0) * (2.0**c - 1.0)
    squares = (
        r
        * r
        * (r * r - 1.0)
        / 3.0
        * full**2
        * _slice_covariances(d, c, activation_bits, weight_bits, paired, zero_share)
    )
    return k / r * ir_drop**2 * (follow + squares)


def _spread(rows: float, a: float, b: float) -> float:
    """Variance of a r + b r^2 over r = 1 … rows."""
    each = rows * rows - 1.0
    mixed = (rows + 1.0) * each / 12.0
    return a * a * each / 12.0 + 2.0 * a * b * mixed + b * b * each * (2.0 * rows + 1.0) * (8.0 * rows + 11.0) / 180.0


def _levels(bits: int, zero_share: float) -> tuple[np.ndarray, np.ndarray]:
    """Values of a slice over the full one, and their probabilities."""
    values = np.arange(2**bits)
    ones = ((values[:, None] >> np.arange(bits)) & 1).sum(1)
    return values / max(2**bits - 1, 1), (1.0 - zero_share) ** ones * zero_share ** (bits - ones)


def _moments(bits: int, zero_share: float) -> tuple[float, float, float]:
    values, share = _levels(bits, zero_share)
    return float(share @ values), float(share @ values**2), float(share @ values**3)


def _row_statistics(dac_bits: int, bits_per_cell: int, paired: bool, zero_share: float) -> tuple[float, float]:
    """Mean of one cell's current over a full one's, and beta = cov(s^2, s)/var(s)."""
    used = 0.5 if paired else 1.0
    first, second, third = (
        used * x * w for x, w in zip(_moments(dac_bits, zero_share), _moments(bits_per_cell, 0.5), strict=True)
    )
    return first, (third - first * second) / max(second - first * first, 1e-300)


def _slice_covariances(
    d: int, c: int, activation_bits: int, weight_bits: int, paired: bool, zero_share: float
) -> float:
    """Sum over pairs of slices of 2^shift 2^shift' C^2: the same input and weight slice, either alone, neither.

    Of paired columns both, less what they have in common.
    """
    x_mean, x_square, _ = _moments(d, zero_share)
    w_mean, w_square, _ = _moments(c, 0.5)
    used, common = (0.5, (0.5 * x_mean * w_mean) ** 2) if paired else (1.0, 0.0)
    inputs = [2.0 ** (d * i) for i in range(math.ceil(activation_bits / d))]
    weights = [2.0 ** (c * j) for j in range(math.ceil(weight_bits / c))]
    same = [sum(v * v for v in part) for part in (inputs, weights)]
    other = [sum(part) ** 2 - alike for part, alike in zip((inputs, weights), same, strict=True)]
    product = (used * x_mean * w_mean) ** 2

    def squared(x: float, w: float) -> float:
        return (used * x * w - product) ** 2 - common**2

    total = same[0] * same[1] * squared(x_square, w_square) + other[0] * same[1] * squared(x_mean**2, w_square)
    total += same[0] * other[1] * squared(x_square, w_mean**2)
    return total * (2.0 if paired else 1.0)
