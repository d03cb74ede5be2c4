"""LLM architectures: the record, its weight matrices, and the parameter and KV-cache counts that follow from them."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, Literal

import msgspec

Size = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**16)]
Attention = Literal["MHA", "GQA", "MQA", "MLA"]
Role = Literal["attention", "ffn", "router", "expert", "shared_expert", "head", "embedding"]


class WeightMatrix(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of weight matrix: `copies` a layer in each of `layers` layers, mapping `k` inputs to `n` outputs."""

    name: str
    n: int
    k: int
    role: Role
    copies: int = 1
    layers: int = 1
    tied: bool = False
    """True where the numbers are another matrix's (a tied LM head): it runs, but takes no memory of its own."""

    @property
    def elements(self) -> int:
        """Numbers stored over all copies and layers; 0 where tied."""
        return 0 if self.tied else self.n * self.k * self.copies * self.layers


class LlmArchitecture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an LLM is made of. Sizes count elements; 0 means that the model has no such part.

    `hidden` 0 stands for an architecture that its owner never published: see `cannot_generate`.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    layers: Size
    hidden: Size
    heads: Size
    kv_heads: Size
    head_dim: Size
    ffn_intermediate: Size
    ffn_type: Literal["gelu", "relu", "swiglu", "geglu", "gegelu"]
    ffn_matrices: Annotated[int, msgspec.Meta(ge=2, le=3)]
    vocab: Size
    max_ctx: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
    encoder_layers: Size = 0
    experts: Size = 0
    top_k: Size = 0
    shared_experts: Size = 0
    expert_intermediate: Size = 0
    dense_first_layers: Size = 0
    attention: Attention = "MHA"
    mla_q_lora: Size = 0
    mla_kv_lora: Size = 0
    mla_nope: Size = 0
    mla_rope: Size = 0
    mla_v: Size = 0
    tied_embeddings: bool = False
    bias: Literal["all", "none", "qkv", "ffn"] = "none"
    norm: Literal["ln", "rms", "ln1", "ln1nb"] = "rms"
    pos: Literal["learned", "rope", "alibi", "relbias"] = "rope"
    window: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] = 0
    """Tokens that a sliding-window layer attends to; 0: no such layer."""
    windowed_layers: Size = 0
    embed_dim: Size = 0
    """Width of the token embedding where it differs from `hidden` (OPT-350M), else 0."""
    other_params: Annotated[int, msgspec.Meta(ge=-(10**9), le=10**10)] = 0
    """Small tensors that the formula leaves out (embedding norm, q and k norms, pooler …); `note` names them."""
    published_params: Count = 0
    published_active_params: Count = 0
    cannot_generate: str = ""
    """Why no generation can be evaluated with this model; empty where it can."""
    source: str = ""
    confidence: str = ""
    note: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def decoder_only(self) -> bool:
        """True where the model generates token after token from one stack of layers, as the cost model assumes."""
        return not self.cannot_generate

    @property
    def moe_layers(self) -> int:
        """Layers whose FFN is a mixture of experts."""
        return self.layers - self.dense_first_layers if self.experts else 0

    @property
    def dense_layers(self) -> int:
        """Layers with a plain FFN."""
        return self.layers - self.moe_layers

    @property
    def q_width(self) -> int:
        """Elements of one token's queries in a layer, over all heads."""
        return self.heads * (self.mla_nope + self.mla_rope if self.attention == "MLA" else self.head_dim)

    @property
    def kv_width(self) -> int:
        """Elements of one token's keys (or values) in a layer, over its KV heads; without MLA (see `kv_elements`)."""
        return self.kv_heads * self.head_dim

    @property
    def attention_out_width(self) -> int:
        """Elements of one token's attention result in a layer, before the output projection."""
        return self.heads * (self.mla_v if self.attention == "MLA" else self.head_dim)

    @property
    def kv_elements(self) -> int:
        """Elements that one token adds to one layer's KV cache: keys and values, or MLA's latent and rotary key.

        Source: DeepSeek-V2, arXiv:2405.04434, section 2.1.
        """
        return self.mla_kv_lora + self.mla_rope if self.attention == "MLA" else 2 * self.kv_width

    @property
    def params(self) -> int:
        """Parameters recomputed from the shapes; the published count where the shapes are unpublished."""
        if not self.hidden:
            return self.published_params
        return sum(m.elements for m in self.weight_matrices()) + norms_and_biases(self) + self.other_params

    @property
    def active_params(self) -> int:
        """Parameters that one token meets: all but the experts that it isn't routed to."""
        if not self.hidden:
            return self.published_active_params
        one_expert = self.ffn_matrices * self.hidden * self.expert_intermediate
        return self.params - (self.experts - self.top_k) * self.moe_layers * one_expert

    def kv_bytes_per_token(self, kv_bits: float = 16) -> float:
        """Bytes that one token adds to the KV cache over all layers; NaN for a model that doesn't generate."""
        return self.layers * self.kv_elements * kv_bits / 8.0 if self.decoder_only else math.nan

    def weight_matrices(self) -> tuple[WeightMatrix, ...]:
        """Every weight matrix; `elements` sum to `params` without norms and biases. Empty for unpublished shapes."""
        return _matrices(self)


@lru_cache(maxsize=512)
def _matrices(a: LlmArchitecture) -> tuple[WeightMatrix, ...]:
    if not a.hidden:
        return ()
    blocks = (*_embedding(a), *_attention(a), *_ffn(a), *_moe(a), *_encoder(a), *_head(a))
    return tuple(m for m in blocks if m.elements or m.tied)


def _embedding(a: LlmArchitecture) -> tuple[WeightMatrix, ...]:
    width = a.embed_dim or a.hidden
    made = [WeightMatrix(name="embedding", n=a.vocab, k=width, role="embedding")]
    if a.pos == "learned":
        made.append(WeightMatrix(name="position", n=a.max_ctx, k=a.hidden, role="embedding"))
    if a.embed_dim:
        made.append(WeightMatrix(name="project_in", n=a.hidden, k=width, role="ffn"))
        made.append(WeightMatrix(name="project_out", n=width, k=a.hidden, role="head"))
    return tuple(made)


def _head(a: LlmArchitecture) -> tuple[WeightMatrix, ...]:
    width = a.embed_dim or a.hidden
    return (WeightMatrix(name="lm_head", n=a.vocab, k=width, role="head", tied=a.tied_embeddings),)


def _attention(a: LlmArchitecture) -> tuple[WeightMatrix, ...]:
    out = WeightMatrix(name="attn_out", n=a.hidden, k=a.attention_out_width, layers=a.layers, role="attention")
    if a.attention == "MLA":
        return (*_latent_attention(a), out)
    qkv = WeightMatrix(name="qkv", n=a.q_width + 2 * a.kv_width, k=a.hidden, layers=a.layers, role="attention")
    return (qkv, out)


def _latent_attention(a: LlmArchitecture) -> tuple[WeightMatrix, ...]:
    """DeepSeek's projections through latents (arXiv:2405.04434, section 2.1); kv_b is split into its k and v parts."""

    def matrix(name: str, n: int, k: int) -> WeightMatrix:
        return WeightMatrix(name=name, n=n, k=k, layers=a.layers, role="attention")

    queries = [matrix("q", a.q_width, a.hidden)]
    if a.mla_q_lora:
        queries = [matrix("q_a", a.mla_q_lora, a.hidden), matrix("q_b", a.q_width, a.mla_q_lora)]
    return (
        *queries,
        matrix("kv_a", a.mla_kv_lora + a.mla_rope, a.hidden),
        matrix("k_up", a.heads * a.mla_nope, a.mla_kv_lora),
        matrix("v_up", a.heads * a.mla_v, a.mla_kv_lora),
    )


def _gated(stem: str, a: LlmArchitecture, width: int, layers: int, copies: int, role: Role) -> tuple[WeightMatrix, ...]:
    """The up (or gate and up, as one matrix) and down projections of an FFN of this width."""
    up = f"{stem}_gate_up" if a.ffn_matrices == 3 else f"{stem}_up"
    wide = (a.ffn_matrices - 1) * width
    return (
        WeightMatrix(name=up, n=wide, k=a.hidden, layers=layers, copies=copies, role=role),
        WeightMatrix(name=f"{stem}_down", n=a.hidden, k=width, layers=layers, copies=copies, role=role),
    )


def _ffn(a: LlmArchitecture) -> tuple[WeightMatrix, ...]:
    return _gated("ffn", a, a.ffn_intermediate, a.dense_layers, 1, "ffn")


def _moe(a: LlmArchitecture) -> tuple[WeightMatrix, ...]:
    if not a.experts:
        return ()
    shared = a.shared_experts * a.expert_intermediate
    return (
        WeightMatrix(name="router", n=a.experts, k=a.hidden, layers=a.moe_layers, role="router"),
        *_gated("expert", a, a.expert_intermediate, a.moe_layers, a.experts, "expert"),
        *_gated("shared", a, shared, a.moe_layers, 1, "shared_expert"),
    )


def _encoder(a: LlmArchitecture) -> tuple[WeightMatrix, ...]:
    """The encoder's layers and the decoder's cross-attention of an encoder-decoder model (T5)."""
    if not a.encoder_layers:
        return ()
    n, k, layers = a.q_width + 2 * a.kv_width, a.hidden, a.encoder_layers
    return (
        WeightMatrix(name="encoder_qkv", n=n, k=k, layers=layers, role="attention"),
        WeightMatrix(name="encoder_attn_out", n=k, k=a.q_width, layers=layers, role="attention"),
        *_gated("encoder_ffn", a, a.ffn_intermediate, layers, 1, "ffn"),
        WeightMatrix(name="cross_qkv", n=n, k=k, layers=a.layers, role="attention"),
        WeightMatrix(name="cross_attn_out", n=k, k=a.q_width, layers=a.layers, role="attention"),
    )


def norms_and_biases(a: LlmArchitecture) -> int:
    """Parameters of normalisations and biases over all layers."""
    one_norm = a.hidden * (2 if a.norm in ("ln", "ln1") else 1)
    per_layer = one_norm * (1 if a.norm in ("ln1", "ln1nb") else 2) + _layer_biases(a)
    latent = (a.mla_q_lora + a.mla_kv_lora) * a.layers if a.attention == "MLA" else 0
    # An encoder-decoder has a norm more before each cross-attention, and a final norm for either stack.
    encoder = (per_layer * a.encoder_layers + one_norm * (a.layers + 1)) if a.encoder_layers else 0
    return a.layers * per_layer + one_norm + latent + encoder


def _layer_biases(a: LlmArchitecture) -> int:
    qkv = a.q_width + 2 * a.kv_width
    ffn = (a.ffn_matrices - 1) * a.ffn_intermediate + a.hidden
    return {"none": 0, "qkv": qkv, "ffn": ffn, "all": qkv + a.hidden + ffn}[a.bias]
