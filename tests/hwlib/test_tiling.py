"""Tiling and placement against brute force and SCALE-Sim's law."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwlib.mapping.placement import fill
from hwlib.mapping.tiling import (
    buffer_traffic,
    gemm_traffic,
    simd_cycles,
    spilled_share,
    systolic_cycles,
    tensor_cycles,
)

SIZES = st.integers(1, 5000)


def arrays(*values):
    return [np.array([[float(v)]]) for v in values]


@given(m=SIZES, n=SIZES, k=SIZES, rows=st.sampled_from([8, 128]), columns=st.sampled_from([16, 128]))
@settings(max_examples=100, deadline=None)
def test_systolic_cycles_follow_the_double_buffered_law(m, n, k, rows, columns):
    for dataflow, (down, across, stream) in {
        "weight_stationary": (k, n, m), "input_stationary": (k, m, n), "output_stationary": (m, n, k)
    }.items():  # fmt: skip
        folds = math.ceil(down / rows) * math.ceil(across / columns)
        expected = rows + folds * max(rows, stream) + rows + columns - 2
        got = systolic_cycles(dataflow, *arrays(rows, columns, 1, m, n, k, 1))
        assert got.item() == expected


@given(m=SIZES, n=SIZES, k=SIZES, count=st.integers(1, 64))
@settings(max_examples=100, deadline=None)
def test_no_unit_beats_its_peak_rate(m, n, k, count):
    macs = m * n * k
    for cycles in (
        systolic_cycles("weight_stationary", *arrays(32, 32, count, m, n, k, 1)),
        tensor_cycles(*arrays(32, 32, count, m, n, k, 1)),
        simd_cycles(*arrays(32, 32, count, m, n, k, 1)),
    ):
        assert cycles.item() * 32 * 32 * count >= macs * (1 - 1e-12)


def test_more_arrays_never_take_longer_and_large_gemms_reach_the_peak():
    times = [tensor_cycles(*arrays(32, 64, count, 8192, 8192, 8192, 1)).item() for count in (1, 16, 128)]
    assert times == sorted(times, reverse=True)
    assert times[-1] == pytest.approx(8192**3 / (32 * 64 * 128), rel=0.01)


@given(m=SIZES, n=SIZES, k=SIZES, room=st.integers(64, 10**8))
@settings(max_examples=200, deadline=None)
def test_buffer_traffic_lies_between_compulsory_and_untiled(m, n, k, room):
    a, w, o = (float(v) for v in (m * k, k * n, m * n))
    got = buffer_traffic(*arrays(m, n, k, a, w, o, room)).item()
    assert a + w + o <= got * (1 + 1e-12)
    assert got <= (a * n + w * m + o) * (1 + 1e-12)
    larger = buffer_traffic(*arrays(m, n, k, a, w, o, 2 * room)).item()
    assert larger <= got * (1 + 1e-12)


def test_buffer_that_holds_an_operand_causes_compulsory_traffic_only():
    got = buffer_traffic(*arrays(512, 4096, 4096, 512 * 4096, 4096 * 4096, 512 * 4096, 8e6)).item()
    assert got == 512 * 4096 * 2 + 4096 * 4096


def spilling(m, n, k, room, batch=1.0):
    """(traffic, spilled share) of a GEMM of bytes, as the cost model counts it."""
    a, w, o = (batch * float(v) for v in (m * k, k * n, m * n))
    share = spilled_share(np.array([[a + o]]), np.array([[float(room)]]))
    sizes = tuple(arrays(m, n, k, batch))
    return gemm_traffic(sizes, *arrays(a, w, o, room), share).item(), share.item()


@given(m=SIZES, n=SIZES, k=SIZES, room=st.integers(64, 10**8), batch=st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_spilled_activations_and_weights_pass_once_at_least(m, n, k, room, batch):
    a, w, o = (batch * float(v) for v in (m * k, k * n, m * n))
    got, share = spilling(m, n, k, room, batch)
    assert share == pytest.approx(max(0.0, 1 - room / (a + o)))
    assert got >= (w + share * (a + o)) * (1 - 1e-12)
    assert got <= (a * n + w * m + o) * (1 + 1e-12)


@given(m=SIZES, n=SIZES, k=SIZES)
@settings(max_examples=100, deadline=None)
def test_no_jump_where_activations_begin_to_spill(m, n, k):
    whole = m * k + m * n
    got, _ = spilling(m, n, k, whole * (1 - 1e-9))
    assert got == pytest.approx(k * n, rel=1e-3, abs=1.0)


def test_each_order_of_loops_wins_where_it_should():
    few_weights, share = spilling(65536, 64, 64, 2**20)
    assert few_weights == pytest.approx(share * 2 * 65536 * 64 + 64 * 64)
    inputs_fit, share = spilling(2048, 28672, 4096, 13.4e6)  # 8.4 MB of inputs, 59 MB of results
    assert inputs_fit == 2048 * (28672 + 4096) + 28672 * 4096
    nothing_fits, _ = spilling(8192, 8192, 8192, 2**20)
    assert nothing_fits == buffer_traffic(*arrays(8192, 8192, 8192, 8192**2, 8192**2, 8192**2, 2**20)).item()


def best_saving(saving, size, wanted, capacity):
    """Brute force over whole instances of few matrices."""
    ranges = [range(int(w) + 1) for w in wanted]
    legal = (c for c in itertools.product(*ranges) if np.dot(c, size) <= capacity + 1e-9)
    return max(float(np.dot(c, saving)) for c in legal)


@given(
    saving=st.lists(st.floats(0.1, 10), min_size=3, max_size=3),
    size=st.lists(st.integers(1, 9), min_size=3, max_size=3),
    wanted=st.lists(st.integers(0, 4), min_size=3, max_size=3),
    capacity=st.integers(0, 60),
)
@settings(max_examples=200, deadline=None)
def test_placement_is_legal_whole_and_at_least_half_of_the_best(saving, size, wanted, capacity):
    got = fill(np.array([saving]), np.array([size], float), np.array([wanted], float), np.array([float(capacity)]))[0]
    assert np.all(got == np.floor(got))
    assert np.all((got >= 0) & (got <= np.array(wanted)))
    assert got @ np.array(size) <= capacity + 1e-9
    best = best_saving(saving, size, wanted, capacity)
    largest = max([s for s, z, w in zip(saving, size, wanted, strict=True) if w and z <= capacity], default=0.0)
    assert float(got @ np.array(saving)) + largest >= best - 1e-9


matrices = st.lists(
    st.tuples(st.floats(-1.0, 10.0), st.one_of(st.integers(0, 9), st.just(np.inf)), st.integers(0, 4)),
    min_size=1,
    max_size=12,
)


@given(matrices, st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=300, deadline=None)
def test_one_design_is_filled_as_one_of_many(drawn, capacity, other):
    saving, size, wanted = np.array(drawn, dtype=float).T
    alone = fill(saving[None], size[None], wanted[None], np.array([float(capacity)]))
    both = fill(*(np.stack([v, v]) for v in (saving, size, wanted)), np.array([float(capacity), float(other)]))
    assert alone[0].tolist() == both[0].tolist()


def test_matrix_that_is_too_large_does_not_keep_others_out():
    got = fill(
        np.array([[100.0, 3.0, 1.0]]), np.array([[50.0, 2.0, 1.0]]), np.array([[3.0, 4.0, 9.0]]), np.array([10.0])
    )
    assert got.tolist() == [[0.0, 4.0, 2.0]]


def test_nothing_is_placed_where_it_would_cost_or_can_not_be():
    got = fill(np.array([[-1.0, 2.0, 3.0]]), np.array([[1.0, np.inf, 1.0]]), np.full((1, 3), 4.0), np.array([2.0]))
    assert got.tolist() == [[0.0, 0.0, 2.0]]
