"""Varying cells and IR drop: closed forms against Monte-Carlo runs and a resistor network, which share no code."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwlib.cost.cell_noise import cell_noise, ir_noise, mean_drop
from hwlib.cost.sqnr import sqnr_dB

NO_ADC = 14


def operands(rng, trials, k, act, weight, paired, zeros):
    """Activations, what the cells hold and with which sign, and what a weight means."""
    x = (rng.random((trials, k, act)) >= zeros) @ (1 << np.arange(act))
    code = rng.integers(0, 2**weight, (trials, k))
    sign = rng.choice([-1, 1], (trials, k)) if paired else np.ones((trials, k), int)
    return x, code, sign, code * sign if paired else code - (2**weight - 1) / 2


def varying_dB(k, cell, act, weight, paired, zeros, variation, reference, trials=1500, seed=3):
    """Every cell of every column gets its own error, which all input slices meet alike."""
    rng = np.random.default_rng(seed)
    x, code, sign, meaning = operands(rng, trials, k, act, weight, paired, zeros)
    full, found = 2**cell - 1, np.zeros(trials)
    for j in range(-(-weight // cell)):
        level = (code >> (cell * j)) & full
        columns = [(1, np.where(sign > 0, level, 0)), (-1, np.where(sign < 0, level, 0))] if paired else [(1, level)]
        for side, held in columns:
            cells = held + variation * full * rng.standard_normal((trials, k))
            for bit in range(act):
                found += side * 2.0 ** (bit + cell * j) * (((x >> bit) & 1) * cells).sum(1)
    if reference:
        column = full * (1 + variation * rng.standard_normal((trials, k)))
        found -= (x * column).sum(1) * (2**weight - 1) / 2 / full
    elif not paired:
        found -= x.sum(1) * (2**weight - 1) / 2
    exact = (x * meaning).sum(1)
    return 10 * math.log10((exact**2).mean() / ((found - exact) ** 2).mean())


def bit_line(conductance, voltage, ratio):
    """Current at the end of bit lines [T]: a chain of wire segments, a cell at each, solved node by node.

    conductance, voltage [T, R], a full cell and a full input being 1; ratio: a segment's resistance in full cells.
    """
    trials, rows = conductance.shape
    wire = 1.0 / ratio
    diagonal = 2 * wire + conductance
    diagonal[:, -1] -= wire
    given_ = conductance * voltage
    forward, share = np.zeros((trials, rows)), np.zeros((trials, rows))
    share[:, 0], forward[:, 0] = -wire / diagonal[:, 0], given_[:, 0] / diagonal[:, 0]
    for r in range(1, rows):
        below = diagonal[:, r] + wire * share[:, r - 1]
        share[:, r] = -wire / below
        forward[:, r] = (given_[:, r] + wire * forward[:, r - 1]) / below
    node = forward[:, -1]
    for r in range(rows - 2, -1, -1):
        node = forward[:, r] - share[:, r] * node
    return node * wire


def dropping_dB(k, rows, cell, act, weight, paired, zeros, ratio, trials=300, seed=5):
    """Bit lines as resistor networks, one trim of gain and offset for all conversions, as of an ADC's references."""
    rng = np.random.default_rng(seed)
    x, code, sign, meaning = operands(rng, trials, k, act, weight, paired, zeros)
    full, ideal, real, weights = 2**cell - 1, [], [], []
    for start, bit, j in itertools.product(range(0, k, rows), range(act), range(-(-weight // cell))):
        part = slice(start, start + rows)
        drive = ((x[:, part] >> bit) & 1).astype(float)
        level = (code[:, part] >> (cell * j)) & full
        for side in (1, -1) if paired else (1,):
            held = np.where(sign[:, part] == side, level, 0) / full
            ideal.append((held * drive).sum(1))
            real.append(bit_line(held * drive, np.ones_like(held), ratio))  # without an input, the transistor is off
            weights.append(side * full * 2.0 ** (bit + cell * j))
    slope, offset = np.polyfit(np.concatenate(ideal), np.concatenate(real), 1)
    trimmed = (np.array(real) - offset) / slope
    wrong = np.array(weights) @ (trimmed - np.array(ideal))
    exact = (x * meaning).sum(1)
    return 10 * math.log10((exact**2).mean() / wrong.var())


def predicted_dB(k, rows, cell, act, weight, paired, zeros, variation=0.0, ratio=0.0, reference=False):
    return sqnr_dB(k, rows, 1, cell, NO_ADC, act, weight, paired, zeros, False, variation, ratio, reference)


VARYING = list(itertools.product((128, 512), (1, 2, 4), (4, 8), (False, True), (0.3, 0.6), (0.02, 0.08), (False, True)))


def test_varying_cells_are_within_a_decibel_from_10_to_35_dB():
    errors = []
    for k, cell, bits, paired, zeros, variation, reference in VARYING[::3]:
        if paired and reference:
            continue
        closed = predicted_dB(k, k, cell, bits, bits, paired, zeros, variation, reference=reference)
        if 10 <= closed <= 35:
            errors.append(abs(closed - varying_dB(k, cell, bits, bits, paired, zeros, variation, reference)))
    assert len(errors) >= 15
    assert np.quantile(errors, 0.95) < 1.0


DROPPING = list(itertools.product((128, 256), (64, 128), (1, 2, 4), (False, True), (0.3, 0.6), (1e-5, 4e-5, 1.6e-4)))


def test_ir_drop_is_within_a_decibel_of_a_resistor_network_from_10_to_35_dB():
    errors = []
    for k, rows, cell, paired, zeros, ratio in DROPPING[::2]:
        closed = predicted_dB(k, rows, cell, 4, 4, paired, zeros, ratio=ratio)
        if 10 <= closed <= 35 and mean_drop(rows, paired, zeros, ratio) < 0.1:
            errors.append(abs(closed - dropping_dB(k, rows, cell, 4, 4, paired, zeros, ratio)))
    assert len(errors) >= 8
    assert np.quantile(errors, 0.95) < 1.0


@given(st.integers(1, 200))
def test_the_mean_drop_is_that_of_the_sums_of_minima(rows):
    r = np.arange(1, rows + 1)
    assert mean_drop(rows, False, 0.5, 1e-6) == pytest.approx(0.25e-6 * np.minimum(r[:, None], r).sum(1).mean())


def test_the_network_without_resistance_sums_what_it_should():
    rng = np.random.default_rng(1)
    conductance, voltage = rng.random((4, 50)), rng.integers(0, 2, (4, 50)).astype(float)
    np.testing.assert_allclose(bit_line(conductance, voltage, 1e-9), (conductance * voltage).sum(1), rtol=1e-5)


def test_noises_add_up_and_vanish_without_their_cause():
    bits = (8, 8)
    alone = [
        cell_noise(256, 2, *bits, False, 0.5, 0.05, True),
        ir_noise(256, 128, 1, 2, *bits, False, 0.5, 4e-5),
    ]
    assert cell_noise(256, 2, *bits, False, 0.5, 0.0, True) == 0.0
    assert ir_noise(256, 128, 1, 2, *bits, False, 0.5, 0.0) == 0.0
    both = predicted_dB(256, 128, 2, 8, 8, False, 0.5, 0.05, 4e-5, True)
    each = [
        predicted_dB(256, 128, 2, 8, 8, False, 0.5, 0.05, 0.0, True),
        predicted_dB(256, 128, 2, 8, 8, False, 0.5, 0.0, 4e-5),
    ]
    assert 10 ** (-both / 10) == pytest.approx(sum(10 ** (-e / 10) for e in each))
    assert alone[0] > 0 < alone[1]


def test_twice_the_variation_costs_six_decibels_and_longer_columns_drop_more():
    once, twice = (predicted_dB(256, 128, 2, 8, 8, False, 0.5, v) for v in (0.02, 0.04))
    assert once - twice == pytest.approx(20 * math.log10(2))
    short, long = (predicted_dB(256, rows, 2, 8, 8, False, 0.5, ratio=4e-5) for rows in (64, 128))
    assert short - long == pytest.approx(40 * math.log10(2), rel=0.1)


def test_a_drop_beyond_first_order_is_told():
    from hwlib.catalog import find_model
    from hwlib.design.edit import replace_part
    from hwlib.evaluate import evaluate
    from tests.hwlib.test_crossbar import SCENARIO, chip

    for drop, told in ((1e-5, False), (1e-3, True)):
        design = replace_part(chip(), "xbar", {"ir_drop": drop})
        report = evaluate(design, SCENARIO, find_model("Llama-3.2-1B"))
        assert report.crossbars[0].ir_drop_share == pytest.approx(mean_drop(100, False, 0.5, drop))
        assert ("ir_drop" in {f.code for f in report.findings}) == told
