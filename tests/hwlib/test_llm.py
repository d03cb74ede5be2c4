"""LLM architectures: counts that follow from the shapes agree with what was published, and configs import strictly."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwlib.catalog import find_model, models
from hwlib.workload.huggingface import ModelImportError, from_hf_config, supported_model_types
from hwlib.workload.llm import LlmArchitecture, norms_and_biases

# Parameters and KV bytes worked out independently of this code, with each model's published count.
COUNTS = list(csv.DictReader((Path(__file__).parent / "model_counts.csv").read_text(encoding="utf-8").splitlines()))
# Brown et al. print d_model 5140 with 40 heads of 128; the reference squares 5140 where attention is 5120 wide.
TOLERANCE = {"GPT-3 13B": 2e-3}


@pytest.mark.parametrize("row", COUNTS, ids=lambda row: row["name"])
def test_counts_agree_with_the_independent_ones(row: dict[str, str]) -> None:
    model = find_model(row["name"])
    assert model.params == pytest.approx(int(row["params_recomputed"]), rel=TOLERANCE.get(row["name"], 1e-5))
    if row["within_1pct"] == "yes":
        assert model.params == pytest.approx(int(row["params_published"]), rel=0.01)
    if row["kv_bytes_per_token_fp16"]:
        assert model.kv_bytes_per_token() == int(row["kv_bytes_per_token_fp16"])
    if row["active_params_recomputed"]:
        assert model.active_params == pytest.approx(int(row["active_params_recomputed"]), rel=1e-5)


def test_at_least_the_72_models_are_within_one_percent() -> None:
    close = [m for m in models() if m.hidden and abs(m.params / m.published_params - 1) <= 0.01]
    assert len(close) >= 72


@pytest.mark.parametrize("model", models(), ids=lambda model: model.name)
def test_matrices_norms_and_biases_make_up_the_parameters(model: LlmArchitecture) -> None:
    matrices = model.weight_matrices()
    if not model.hidden:
        assert matrices == ()
        assert model.params == model.published_params
        return
    in_matrices = sum(m.elements for m in matrices)
    assert in_matrices + norms_and_biases(model) + model.other_params == model.params
    assert in_matrices > 0.99 * model.params
    assert len({m.name for m in matrices}) == len(matrices)
    assert all(m.n > 0 and m.k > 0 and m.copies > 0 and m.layers > 0 for m in matrices)
    assert 0 < model.active_params <= model.params


def test_matrices_of_a_gated_grouped_query_model() -> None:
    by_name = {m.name: m for m in find_model("Llama-3.1-8B").weight_matrices()}
    assert (by_name["qkv"].n, by_name["qkv"].k, by_name["qkv"].layers) == (4096 + 2 * 1024, 4096, 32)
    assert (by_name["ffn_gate_up"].n, by_name["ffn_down"].k) == (2 * 14336, 14336)
    assert by_name["lm_head"].elements == 128256 * 4096


def test_tied_head_runs_but_takes_no_memory() -> None:
    head = next(m for m in find_model("Llama-3.2-1B").weight_matrices() if m.name == "lm_head")
    assert head.tied
    assert head.n == 128256
    assert head.elements == 0


def test_latent_attention_and_experts() -> None:
    model = find_model("DeepSeek-V3")
    by_name = {m.name: m for m in model.weight_matrices()}
    assert {"q_a", "q_b", "kv_a", "k_up", "v_up"} <= by_name.keys()
    assert (by_name["expert_down"].copies, by_name["expert_down"].layers) == (256, 58)
    assert (model.moe_layers, model.dense_layers) == (58, 3)
    assert model.kv_bytes_per_token() == 61 * (512 + 64) * 2
    assert by_name["k_up"].elements + by_name["v_up"].elements == 61 * 512 * 128 * (128 + 128)


def test_kv_cache_scales_with_its_bits() -> None:
    model = find_model("Mistral-7B")
    assert model.kv_bytes_per_token(8) == model.kv_bytes_per_token(16) / 2 == 32 * 2 * 8 * 128


def test_models_that_cannot_generate_say_why() -> None:
    for name in ("BERT-large", "T5-11B", "GPT-4"):
        model = find_model(name)
        assert not model.decoder_only
        assert len(model.cannot_generate.split()) >= 5
        assert math.isnan(model.kv_bytes_per_token())
    assert all(m.decoder_only for m in models() if m.name not in {"BERT-large", "T5-11B", "T5-3B", "GPT-4 (RUMOUR)"})


def test_runnable_shapes_where_the_paper_contradicts_itself() -> None:
    assert find_model("GPT-3 XL").heads * find_model("GPT-3 XL").head_dim == 2048
    assert find_model("GPT-3 13B").q_width == 5120


LLAMA = {
    "model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32, "num_hidden_layers": 32,
    "intermediate_size": 11008, "vocab_size": 32000, "max_position_embeddings": 4096, "tie_word_embeddings": False,
}  # fmt: skip
CONFIGS: dict[str, dict[str, Any]] = {
    "Llama-2-7B": LLAMA,
    "Llama-3.1-8B": LLAMA | {"num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256},
    "Mistral-7B": LLAMA | {"model_type": "mistral", "num_key_value_heads": 8, "intermediate_size": 14336,
                           "sliding_window": None, "head_dim": None},
    "Mixtral-8x7B": LLAMA | {"model_type": "mixtral", "num_key_value_heads": 8, "intermediate_size": 14336,
                             "num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": None},
    "Qwen2.5-7B": {"model_type": "qwen2", "hidden_size": 3584, "num_attention_heads": 28, "num_key_value_heads": 4,
                   "num_hidden_layers": 28, "intermediate_size": 18944, "vocab_size": 152064, "sliding_window": 131072,
                   "use_sliding_window": False, "max_position_embeddings": 131072, "tie_word_embeddings": False},
    "Qwen3-30B-A3B": {"model_type": "qwen3_moe", "hidden_size": 2048, "num_attention_heads": 32, "head_dim": 128,
                      "num_key_value_heads": 4, "num_hidden_layers": 48, "intermediate_size": 6144,
                      "moe_intermediate_size": 768, "num_experts": 128, "num_experts_per_tok": 8, "vocab_size": 151936,
                      "decoder_sparse_step": 1, "mlp_only_layers": [], "max_position_embeddings": 40960},
    "Gemma-2-9B": {"model_type": "gemma2", "hidden_size": 3584, "num_attention_heads": 16, "num_key_value_heads": 8,
                   "head_dim": 256, "num_hidden_layers": 42, "intermediate_size": 14336, "vocab_size": 256000,
                   "sliding_window": 4096, "max_position_embeddings": 8192},
    "Phi-3-mini": {"model_type": "phi3", "hidden_size": 3072, "num_attention_heads": 32, "num_key_value_heads": 32,
                   "num_hidden_layers": 32, "intermediate_size": 8192, "vocab_size": 32064, "sliding_window": 262144,
                   "max_position_embeddings": 131072, "tie_word_embeddings": False},
    "GPT-2 XL": {"model_type": "gpt2", "n_embd": 1600, "n_head": 25, "n_layer": 48, "vocab_size": 50257,
                 "n_positions": 1024, "n_inner": None},
    "GPT-J-6B": {"model_type": "gptj", "n_embd": 4096, "n_head": 16, "n_layer": 28, "vocab_size": 50400,
                 "n_positions": 2048, "tie_word_embeddings": False},
    "OPT-350M": {"model_type": "opt", "hidden_size": 1024, "num_attention_heads": 16, "num_hidden_layers": 24,
                 "ffn_dim": 4096, "vocab_size": 50272, "max_position_embeddings": 2048, "word_embed_proj_dim": 512,
                 "do_layer_norm_before": False},
    "BLOOM-7.1B": {"model_type": "bloom", "hidden_size": 4096, "n_head": 32, "n_layer": 30, "vocab_size": 250880},
    "Falcon-7B": {"model_type": "falcon", "hidden_size": 4544, "num_attention_heads": 71, "num_hidden_layers": 32,
                  "vocab_size": 65024, "multi_query": True, "parallel_attn": True, "new_decoder_architecture": False},
    "Falcon-40B": {"model_type": "falcon", "hidden_size": 8192, "num_attention_heads": 128, "num_kv_heads": 8,
                   "num_hidden_layers": 60, "vocab_size": 65024, "new_decoder_architecture": True},
    "DeepSeek-V2-Lite": {"model_type": "deepseek_v2", "hidden_size": 2048, "num_attention_heads": 16,
                         "num_key_value_heads": 16, "num_hidden_layers": 27, "intermediate_size": 10944,
                         "moe_intermediate_size": 1408, "n_routed_experts": 64, "n_shared_experts": 2,
                         "num_experts_per_tok": 6, "first_k_dense_replace": 1, "q_lora_rank": None, "kv_lora_rank": 512,
                         "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 102400,
                         "max_position_embeddings": 32768},
    "DeepSeek-V3": {"model_type": "deepseek_v3", "hidden_size": 7168, "num_attention_heads": 128,
                    "num_key_value_heads": 128, "num_hidden_layers": 61, "intermediate_size": 18432,
                    "moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1,
                    "num_experts_per_tok": 8, "first_k_dense_replace": 3, "q_lora_rank": 1536, "kv_lora_rank": 512,
                    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 129280,
                    "max_position_embeddings": 163840, "moe_layer_freq": 1},
    "StarCoder2-7B": {"model_type": "starcoder2", "hidden_size": 4608, "num_attention_heads": 36,
                      "num_key_value_heads": 4, "num_hidden_layers": 32, "intermediate_size": 18432,
                      "vocab_size": 49152, "sliding_window": 4096, "max_position_embeddings": 16384},
    "gpt-oss-20b": {"model_type": "gpt_oss", "hidden_size": 2880, "num_attention_heads": 64, "head_dim": 64,
                    "num_key_value_heads": 8, "num_hidden_layers": 24, "intermediate_size": 2880,
                    "num_local_experts": 32, "num_experts_per_tok": 4, "vocab_size": 201088, "sliding_window": 128,
                    "max_position_embeddings": 131072, "layer_types": ["sliding_attention", "full_attention"] * 12},
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_config_gives_the_catalogs_architecture(name: str) -> None:
    imported, known = from_hf_config(CONFIGS[name], name), find_model(name)
    assert imported.weight_matrices() == known.weight_matrices()
    assert imported.params == known.params
    assert imported.active_params == known.active_params
    assert imported.kv_bytes_per_token() == known.kv_bytes_per_token()
    assert imported.attention == known.attention
    assert (imported.window, imported.windowed_layers) == (known.window, known.windowed_layers)


def test_sizes_inside_a_multimodal_config_are_found() -> None:
    assert from_hf_config({"model_type": "llava", "text_config": LLAMA}, "x").hidden == 4096


@pytest.mark.parametrize(
    "field", ["hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size", "vocab_size"]
)
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(ModelImportError, match=f"'{field}' is missing"):
        from_hf_config({k: v for k, v in LLAMA.items() if k != field}, "x")


@pytest.mark.parametrize("value", [-1, 0, 1.5, math.nan, math.inf, 1e12, 10**30, "4096", True, [4096], {}])
def test_a_senseless_size_is_named(value: object) -> None:
    with pytest.raises(ModelImportError, match="'hidden_size' must be"):
        from_hf_config(LLAMA | {"hidden_size": value}, "x")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "mamba"}, "isn't supported"),
        ({"model_type": None}, "'model_type' is missing"),
        ({"num_key_value_heads": 5}, "evenly"),
        ({"num_key_value_heads": 64}, "evenly"),
        ({"hidden_size": 4097}, "'head_dim' is missing"),
        ({"tie_word_embeddings": "yes"}, "true or false"),
        ({"model_type": "mixtral", "num_local_experts": 2, "num_experts_per_tok": 4}, "asks for 4 of 2"),
        ({"model_type": "qwen3_moe", "mlp_only_layers": [3]}, "mlp_only_layers"),
        ({"num_hidden_layers": 10**6}, "'num_hidden_layers' must be within"),
    ],
)
def test_what_cannot_be_taken_over_is_said(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ModelImportError, match=words):
        from_hf_config(LLAMA | changes, "x")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(supported_model_types()),
    st.dictionaries(st.sampled_from(sorted({k for c in CONFIGS.values() for k in c} - {"model_type"})), JSON),
)
def test_no_config_ends_in_anything_but_an_architecture_or_words(kind: str, changes: dict[str, Any]) -> None:
    try:
        model = from_hf_config({**LLAMA, "model_type": kind} | changes, "x")
    except ModelImportError:
        return
    assert model.params > 0
    assert math.isfinite(model.kv_bytes_per_token())


def test_a_record_with_an_unknown_field_is_refused() -> None:
    record = msgspec.to_builtins(find_model("Llama-2-7B")) | {"layer": 32}
    with pytest.raises(msgspec.ValidationError, match="layer"):
        msgspec.convert(record, LlmArchitecture)
