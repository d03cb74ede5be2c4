"""A Hugging Face config.json as an LLM architecture: which family it is, and where each family keeps its sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hwlib.workload.llm import LlmArchitecture

Config = Mapping[str, Any]
_LARGEST = 10_000_000
_MOST_LAYERS = 10_000


class ModelImportError(ValueError):
    """A config that can't be taken over; the message names the field and says why."""


@dataclass(frozen=True)
class _Family:
    """What all configs of one `model_type` share and don't spell out."""

    fixed: Mapping[str, Any]
    tied: bool = False
    extra: tuple[Callable[[Config, dict[str, Any]], None], ...] = field(default=())


def from_hf_config(config: Mapping[str, Any], name: str) -> LlmArchitecture:
    """The architecture that a decoded config.json describes, called `name`.

    Raises ModelImportError naming the missing, unsupported or senseless field.
    """
    if not isinstance(config, Mapping):
        raise ModelImportError("a config.json must hold one JSON object")
    inner = config.get("text_config")
    if isinstance(inner, Mapping) and "model_type" in inner:
        config = inner
    family = _family(config)
    fields = {
        **_sizes(config),
        **family.fixed,
        "name": name,
        "tied_embeddings": _flag(config, "tie_word_embeddings", family.tied),
    }
    for read in family.extra:
        read(config, fields)
    _sharing(fields)
    fields |= {
        "source": "Hugging Face config.json",
        "confidence": "imported",
        "note": f"model_type {config['model_type']}",
    }
    return _checked(fields)


def supported_model_types() -> tuple[str, ...]:
    """The `model_type` values that `from_hf_config` understands, in alphabetical order."""
    return tuple(sorted(_FAMILIES))


def _family(config: Config) -> _Family:
    kind = config.get("model_type")
    if kind is None:
        raise ModelImportError("the field 'model_type' is missing")
    if not isinstance(kind, str) or kind not in _FAMILIES:
        raise ModelImportError(
            f"model_type {kind!r:.60} isn't supported; these are: {', '.join(supported_model_types())}"
        )
    return _FAMILIES[kind]


# --- reading single fields ------------------------------------------------------------------------------------------


def _size(config: Config, *names: str, default: int | None = None, lo: int = 1, hi: int = _LARGEST) -> int:
    """The whole number under the first of `names` that is given, within `lo` to `hi`; `default` where none is."""
    for name in names:
        value = config.get(name)
        if value is None:
            continue
        whole = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not whole or value != int(value):
            raise ModelImportError(f"the field {name!r} must be a whole number, not {value!r:.60}")
        if not lo <= value <= hi:
            raise ModelImportError(f"the field {name!r} must be within {lo} to {hi}, not {value!r:.60}")
        return int(value)
    if default is None:
        raise ModelImportError(f"the field {names[0]!r} is missing")
    return default


def _flag(config: Config, name: str, default: bool) -> bool:
    value = config.get(name, default)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise ModelImportError(f"the field {name!r} must be true or false, not {value!r:.60}")
    return value


def _sizes(config: Config) -> dict[str, Any]:
    hidden = _size(config, "hidden_size", "n_embd", "n_embed", "d_model")
    heads = _size(config, "num_attention_heads", "n_head")
    if config.get("head_dim") is None and hidden % heads:
        raise ModelImportError(f"'head_dim' is missing and {hidden} hidden elements don't divide by {heads} heads")
    return {
        "layers": _size(config, "num_hidden_layers", "n_layer", hi=_MOST_LAYERS),
        "hidden": hidden,
        "heads": heads,
        "kv_heads": _size(config, "num_key_value_heads", default=heads),
        "head_dim": _size(config, "head_dim", default=hidden // heads),
        "vocab": _size(config, "vocab_size"),
        "max_ctx": _size(config, "max_position_embeddings", "n_positions", "seq_length", default=2048, hi=10**9),
    }


def _sharing(fields: dict[str, Any]) -> None:
    """Name the kind of attention from the ratio of heads."""
    heads, kv_heads = fields["heads"], fields["kv_heads"]
    if kv_heads > heads or heads % kv_heads:
        raise ModelImportError(f"{heads} heads can't share {kv_heads} KV heads ('num_key_value_heads') evenly")
    fields.setdefault("attention", "MHA" if kv_heads == heads else "MQA" if kv_heads == 1 else "GQA")


def _checked(fields: dict[str, Any]) -> LlmArchitecture:
    if fields.get("top_k", 0) > fields.get("experts", 0):
        raise ModelImportError(f"'num_experts_per_tok' asks for {fields['top_k']} of {fields['experts']} experts")
    if fields.get("dense_first_layers", 0) > fields["layers"]:
        raise ModelImportError("'first_k_dense_replace' is more than the number of layers")
    try:
        return msgspec.convert(fields, LlmArchitecture)
    except msgspec.ValidationError as error:
        raise ModelImportError(str(error)) from None


# --- what single families add ---------------------------------------------------------------------------------------


def _gated_ffn(config: Config, fields: dict[str, Any]) -> None:
    fields["ffn_intermediate"] = _size(config, "intermediate_size")


def _plain_ffn(config: Config, fields: dict[str, Any]) -> None:
    names = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size")
    fields["ffn_intermediate"] = _size(config, *names, default=4 * fields["hidden"])


def _attention_bias(config: Config, fields: dict[str, Any]) -> None:
    if _flag(config, "attention_bias", False):
        fields["bias"] = "qkv"
        fields["other_params"] = fields.get("other_params", 0) + fields["layers"] * fields["hidden"]


def _window(config: Config, fields: dict[str, Any]) -> None:
    """A sliding window over all layers, or over those that `layer_types` names."""
    window = _size(config, "sliding_window", default=0, lo=0, hi=10**9)
    if not window or window >= fields["max_ctx"] or not _flag(config, "use_sliding_window", True):
        return
    fields["window"] = window
    kinds = config.get("layer_types")
    fields["windowed_layers"] = kinds.count("sliding_attention") if isinstance(kinds, list) else fields["layers"]


def _alternating_window(config: Config, fields: dict[str, Any]) -> None:
    _window(config, fields)
    if fields.get("window") and not isinstance(config.get("layer_types"), list):
        fields["windowed_layers"] = fields["layers"] // 2


def _qwen_window(config: Config, fields: dict[str, Any]) -> None:
    if not _flag(config, "use_sliding_window", False):
        return
    _window(config, fields)
    if fields.get("window") and not isinstance(config.get("layer_types"), list):
        full = _size(config, "max_window_layers", default=0, lo=0, hi=_MOST_LAYERS)
        fields["windowed_layers"] = max(0, fields["layers"] - full)


def _head_dim(default: int) -> Callable[[Config, dict[str, Any]], None]:
    """Families whose head_dim has a default of its own rather than hidden / heads."""

    def read(config: Config, fields: dict[str, Any]) -> None:
        fields["head_dim"] = _size(config, "head_dim", default=default)

    return read


def _qk_norms(config: Config, fields: dict[str, Any]) -> None:
    fields["other_params"] = 2 * fields["head_dim"] * fields["layers"]


def _four_norms(config: Config, fields: dict[str, Any]) -> None:
    fields["other_params"] = 2 * fields["hidden"] * fields["layers"]


def _mixtral(config: Config, fields: dict[str, Any]) -> None:
    fields["experts"] = _size(config, "num_local_experts")
    fields["top_k"] = _size(config, "num_experts_per_tok", "experts_per_token")
    fields["expert_intermediate"] = fields["ffn_intermediate"]


def _qwen_moe(config: Config, fields: dict[str, Any]) -> None:
    if _size(config, "decoder_sparse_step", default=1) != 1 or config.get("mlp_only_layers"):
        raise ModelImportError("'decoder_sparse_step' and 'mlp_only_layers': dense layers in between aren't supported")
    fields["experts"] = _size(config, "num_experts")
    fields["top_k"] = _size(config, "num_experts_per_tok")
    width = fields["expert_intermediate"] = _size(config, "moe_intermediate_size")
    shared = _size(config, "shared_expert_intermediate_size", default=0, lo=0)
    if shared % width:
        raise ModelImportError("'shared_expert_intermediate_size' must be a multiple of 'moe_intermediate_size'")
    if shared:
        fields["shared_experts"] = shared // width
        fields["other_params"] = fields.get("other_params", 0) + fields["hidden"] * fields["layers"]


def _deepseek(config: Config, fields: dict[str, Any]) -> None:
    fields |= {
        "attention": "MLA",
        "mla_q_lora": _size(config, "q_lora_rank", default=0, lo=0),
        "mla_kv_lora": _size(config, "kv_lora_rank"),
        "mla_nope": _size(config, "qk_nope_head_dim"),
        "mla_rope": _size(config, "qk_rope_head_dim"),
        "mla_v": _size(config, "v_head_dim"),
    }
    fields["head_dim"] = fields["mla_v"]
    if config.get("n_routed_experts") is None:
        return
    if _size(config, "moe_layer_freq", default=1) != 1:
        raise ModelImportError("'moe_layer_freq' other than 1 isn't supported")
    fields |= {
        "experts": _size(config, "n_routed_experts"),
        "top_k": _size(config, "num_experts_per_tok"),
        "shared_experts": _size(config, "n_shared_experts", default=0, lo=0),
        "expert_intermediate": _size(config, "moe_intermediate_size"),
        "dense_first_layers": _size(config, "first_k_dense_replace", default=0, lo=0, hi=_MOST_LAYERS),
    }


def _routing_bias(config: Config, fields: dict[str, Any]) -> None:
    fields["other_params"] = fields.get("experts", 0) * (fields["layers"] - fields.get("dense_first_layers", 0))


def _opt(config: Config, fields: dict[str, Any]) -> None:
    hidden = fields["hidden"]
    # Positions start at 2; a model with norms after the blocks (OPT-350M) has no final norm.
    fields["other_params"] = 2 * hidden - (0 if _flag(config, "do_layer_norm_before", True) else 2 * hidden)
    width = _size(config, "word_embed_proj_dim", default=hidden)
    fields["embed_dim"] = 0 if width == hidden else width


def _falcon(config: Config, fields: dict[str, Any]) -> None:
    new = _flag(config, "new_decoder_architecture", False)
    if new:
        fields["kv_heads"] = _size(config, "num_kv_heads", "n_head_kv", default=fields["heads"])
    elif _flag(config, "multi_query", True):
        fields["kv_heads"] = 1
    fields["norm"] = "ln" if new or not _flag(config, "parallel_attn", True) else "ln1"
    fields["pos"] = "alibi" if _flag(config, "alibi", False) else "rope"
    fields["bias"] = "all" if _flag(config, "bias", False) else "none"


def _embedding_norm(config: Config, fields: dict[str, Any]) -> None:
    fields["other_params"] = 2 * fields["hidden"]


def _head_bias(config: Config, fields: dict[str, Any]) -> None:
    fields["other_params"] = fields["vocab"]


def _gpt_oss(config: Config, fields: dict[str, Any]) -> None:
    """Biases of attention, router and experts, and one attention sink a head."""
    hidden, width, experts = fields["hidden"], fields["expert_intermediate"], fields["experts"]
    attention = (fields["heads"] + 2 * fields["kv_heads"]) * fields["head_dim"] + hidden + fields["heads"]
    fields["other_params"] = fields["layers"] * (attention + experts * (1 + 2 * width + hidden))


_SWIGLU = {"ffn_type": "swiglu", "ffn_matrices": 3, "norm": "rms", "pos": "rope"}
_GEGLU = {**_SWIGLU, "ffn_type": "geglu"}
_GELU = {"ffn_type": "gelu", "ffn_matrices": 2, "norm": "ln", "bias": "all"}
_FAMILIES: dict[str, _Family] = {
    "llama": _Family(_SWIGLU, extra=(_gated_ffn, _attention_bias)),
    "mistral": _Family(_SWIGLU, extra=(_gated_ffn, _window)),
    "mixtral": _Family(_SWIGLU, extra=(_gated_ffn, _window, _mixtral)),
    "qwen2": _Family({**_SWIGLU, "bias": "qkv"}, extra=(_gated_ffn, _qwen_window)),
    "qwen2_moe": _Family({**_SWIGLU, "bias": "qkv"}, extra=(_gated_ffn, _qwen_window, _qwen_moe)),
    "qwen3": _Family(_SWIGLU, extra=(_gated_ffn, _head_dim(128), _qk_norms, _attention_bias, _qwen_window)),
    "qwen3_moe": _Family(_SWIGLU, extra=(_gated_ffn, _head_dim(128), _qk_norms, _attention_bias, _qwen_moe)),
    "gemma": _Family(_GEGLU, tied=True, extra=(_gated_ffn, _head_dim(256))),
    "gemma2": _Family(_GEGLU, tied=True, extra=(_gated_ffn, _head_dim(256), _four_norms, _alternating_window)),
    "phi3": _Family(_SWIGLU, extra=(_gated_ffn, _window)),
    "gpt2": _Family({**_GELU, "pos": "learned"}, tied=True, extra=(_plain_ffn,)),
    "gptj": _Family({**_GELU, "pos": "rope", "bias": "ffn", "norm": "ln1"}, extra=(_plain_ffn, _head_bias)),
    "gpt_neox": _Family({**_GELU, "pos": "rope"}, extra=(_plain_ffn,)),
    "opt": _Family({**_GELU, "ffn_type": "relu", "pos": "learned"}, tied=True, extra=(_plain_ffn, _opt)),
    "bloom": _Family({**_GELU, "pos": "alibi"}, tied=True, extra=(_plain_ffn, _embedding_norm)),
    "falcon": _Family({**_GELU, "bias": "none"}, tied=True, extra=(_plain_ffn, _falcon)),
    "starcoder2": _Family({**_GELU, "pos": "rope"}, tied=True, extra=(_plain_ffn, _window)),
    "deepseek_v2": _Family(_SWIGLU, extra=(_gated_ffn, _deepseek)),
    "deepseek_v3": _Family(_SWIGLU, extra=(_gated_ffn, _deepseek, _routing_bias)),
    "gpt_oss": _Family(_SWIGLU, extra=(_gated_ffn, _alternating_window, _mixtral, _gpt_oss)),
}
