"""The decode sum over a few contexts equals the sum over every token."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwlib.workload.quadrature import context_nodes


def cost_of(context: np.ndarray, tiles: tuple[int, int], window: int, p: float) -> np.ndarray:
    """A decode step as the cost model shapes it: tiled and linear terms that overlap, and a windowed layer."""
    seen = np.minimum(context, window)
    compute = 3.0 * np.ceil(context / tiles[0]) * tiles[0] + 400.0
    memory = 5.0 * context + 900.0
    other = 2.0 * np.ceil(seen / tiles[1]) * tiles[1] + seen
    return 50.0 + (compute**p + memory**p + other**p) ** (1 / p)


@settings(max_examples=150, deadline=None)
@given(
    prompt=st.integers(1, 40_000),
    steps=st.integers(1, 60_000),
    tiles=st.tuples(st.sampled_from([1, 8, 64, 96, 128, 320]), st.sampled_from([16, 64, 128])),
    window=st.sampled_from([1, 100, 1024, 4096]),
    overlap=st.sampled_from([0.0, 0.5, 0.8]),
)
def test_weighted_sum_equals_the_sum_over_every_token(prompt, steps, tiles, window, overlap):
    p = 1 / (1 - overlap)
    nodes = context_nodes(prompt, steps, tiles, (window,))
    every = cost_of(np.arange(prompt, prompt + steps, dtype=float), tiles, window, p).sum()
    assert nodes.weights @ cost_of(nodes.contexts, tiles, window, p) == pytest.approx(every, rel=1e-6)


@given(prompt=st.integers(1, 10_000), steps=st.integers(1, 10**6), tile=st.sampled_from([1, 64, 128]))
@settings(max_examples=60, deadline=None)
def test_weights_add_up_to_the_number_of_steps(prompt, steps, tile):
    nodes = context_nodes(prompt, steps, (tile,))
    assert nodes.weights.sum() == pytest.approx(steps, rel=1e-9)
    assert nodes.contexts.min() >= prompt
    assert nodes.contexts.max() <= prompt + steps - 1


def test_nodes_grow_with_the_logarithm_of_the_output():
    few, many = (len(context_nodes(2048, steps, (128,)).weights) for steps in (4_096, 4_194_304))
    assert many < 8 * few


def test_no_decode_step_leaves_one_node_without_weight():
    nodes = context_nodes(77, 0, (128,))
    assert nodes.contexts.tolist() == [77.0]
    assert nodes.weights.tolist() == [0.0]
