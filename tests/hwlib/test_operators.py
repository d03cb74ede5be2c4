"""Operator tables against counts made by hand and by the architecture record."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hwlib.catalog import find_model, models
from hwlib.workload.operators import Kind, decode_table, distinct_experts, kv_per_chip_bytes, prefill_table
from hwlib.workload.quadrature import context_nodes
from hwlib.workload.scenario import Scenario

RUNNABLE = [m for m in models() if m.decoder_only and m.hidden]
PLAIN = Scenario(prompt=512, output=33, weight_bits=16, activation_bits=16)


def total(table, column):
    return float(table.repeat @ getattr(table, column))


@pytest.mark.parametrize("llm", RUNNABLE, ids=lambda m: m.name)
def test_weights_held_are_the_parameters_without_norms_biases_and_positions(llm):
    held = total(prefill_table(llm, PLAIN, 1.0), "store_bytes") / 2
    matrices = [m for m in llm.weight_matrices() if m.name not in ("position", "project_in", "project_out")]
    assert held == pytest.approx(
        sum(m.elements or m.n * m.k for m in matrices if not (m.name == "embedding" and llm.tied_embeddings)), rel=1e-6
    )


@pytest.mark.parametrize("name", ["Llama-3.1-8B", "GPT-3 175B", "DeepSeek-V3", "Gemma-2-9B"])
def test_decode_reads_the_whole_cache_once_a_step(name):
    llm = find_model(name)
    table = decode_table(llm, PLAIN, 1.0, context_nodes(512, 1))
    assert total(table, "kv_read_bytes") == pytest.approx(kv_per_chip_bytes(llm, PLAIN, 512.0), rel=1e-12)
    assert total(table, "kv_write_bytes") == pytest.approx(llm.kv_bytes_per_token(16), rel=1e-12)


@pytest.mark.parametrize("name", ["Llama-2-7B", "GPT-3 175B", "Mixtral 8x7B"])
def test_prefill_flops_are_two_per_active_parameter_and_token(name):
    llm = find_model(name)
    table = prefill_table(llm, PLAIN, 1.0)
    static = table.kind == Kind.GEMM
    flops = float(table.repeat[static] @ table.flops[static])
    embedding = 0 if llm.tied_embeddings else llm.vocab * llm.hidden
    head = llm.vocab * llm.hidden
    expected = 2.0 * 512 * (llm.active_params - embedding - head) + 2.0 * head
    assert flops == pytest.approx(expected, rel=3e-3)


def test_causal_attention_counts_the_lower_triangle():
    llm = find_model("Llama-2-7B")
    table = prefill_table(llm, PLAIN, 2.0)
    row = table.names.index("scores")
    flops = float((table.repeat * table.flops)[table.operator == row].sum())
    pairs = 512 * 513 / 2
    assert flops == pytest.approx(2 * 2.0 * 32 * 32 * 128 * pairs)


def test_sliding_window_layers_see_no_more_than_the_window():
    llm = find_model("Gemma-2-9B")
    scenario = Scenario(prompt=10_000, output=2, weight_bits=16, activation_bits=16)
    table = decode_table(llm, scenario, 1.0, context_nodes(10_000, 1, (), (llm.window,)))
    local = table.operator == table.names.index("scores_local")
    assert table.n[local].tolist() == [float(llm.window)]
    assert table.repeat[local].tolist() == [llm.windowed_layers]


def test_tensor_parallel_chips_share_the_weights_and_add_two_all_reduces_a_layer():
    llm = find_model("GPT-3 175B")
    eight = Scenario(prompt=512, output=33, weight_bits=16, activation_bits=16, tensor_parallel=8)
    alone, shared = prefill_table(llm, PLAIN, 1.0), prefill_table(llm, eight, 1.0)
    assert total(shared, "store_bytes") == pytest.approx(total(alone, "store_bytes") / 8, rel=1e-3)
    collectives = shared.kind == Kind.COLLECTIVE
    assert shared.repeat[collectives].sum() == 2 * llm.layers
    assert shared.message_bytes[collectives].tolist() == [512 * llm.hidden * 2.0] * 2


def test_pipeline_stages_send_the_hidden_state():
    llm = find_model("GPT-3 175B")
    table = prefill_table(llm, Scenario(prompt=64, output=2, pipeline_parallel=4, activation_bits=16), 1.0)
    assert table.repeat[table.kind == Kind.COLLECTIVE].tolist() == [3.0]


def test_expected_experts_follow_uniform_routing():
    rng = np.random.default_rng(0)
    drawn = [len({e for _ in range(7) for e in rng.choice(64, 6, replace=False)}) for _ in range(4000)]
    assert distinct_experts(64, 6, 7) == pytest.approx(np.mean(drawn), rel=5e-3)
    assert distinct_experts(8, 8, 1) == 8


def test_experts_touched_are_streamed_and_all_are_held():
    llm = find_model("Mixtral 8x7B")
    table = decode_table(llm, PLAIN, 1.0, context_nodes(512, 1))
    up = table.operator == table.names.index("expert_gate_up")
    one = 2.0 * llm.expert_intermediate * llm.hidden * 2.0
    assert table.weight_bytes[up][0] == pytest.approx(2 * one)
    assert table.store_bytes[up][0] == pytest.approx(8 * one)


def test_quantised_weights_carry_their_scales():
    four = Scenario(weight_bits=4, group=128)
    assert four.stored_weight_bits == 4 + 16 / 128
    assert Scenario(weight_bits=16).stored_weight_bits == 16


def test_absorbed_latent_attention_costs_the_same_weights_in_both_phases():
    llm = find_model("DeepSeek-V3")
    prefill = prefill_table(llm, PLAIN, 1.0)
    decode = decode_table(llm, PLAIN, 1.0, context_nodes(512, 4))
    for name in ("k_up", "v_up"):
        sizes = [t.store_bytes[t.operator == t.names.index(name)][0] for t in (prefill, decode)]
        assert sizes[0] == sizes[1]
    scores = decode.operator == decode.names.index("scores")
    assert math.isclose(decode.k[scores][0], llm.mla_kv_lora + llm.mla_rope)
