"""The serving scenario: how many tokens, how many sequences, how many bits, over how many chips."""

from __future__ import annotations

from typing import Annotated

import msgspec

from hwlib.fields import quantity


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One static batch: `batch` sequences of `prompt` tokens each yield `output` tokens."""

    prompt: Annotated[int, quantity("Prompt", "Tokens of one prompt.", unit="tokens", lo=1, hi=10_000_000)] = 2048
    output: Annotated[
        int,
        quantity(
            "Output", "Tokens generated per sequence, the prefill's one included.", unit="tokens", lo=1, hi=10_000_000
        ),
    ] = 256
    batch: Annotated[int, quantity("Batch", "Sequences served at once.", lo=1, hi=1_000_000)] = 1
    weight_bits: Annotated[
        int, quantity("Weight bits", "Under 16: plus 16 bits of scale per group.", unit="bit", lo=1, hi=32)
    ] = 8
    activation_bits: Annotated[
        int, quantity("Activation bits", "Inputs of the weight GEMMs.", unit="bit", lo=1, hi=32)
    ] = 8
    kv_bits: Annotated[int, quantity("KV bits", "Bits of one cached key or value.", unit="bit", lo=1, hi=32)] = 16
    group: Annotated[
        int, quantity("Quantisation group", "Weights that share one 16-bit scale.", lo=8, hi=1_000_000)
    ] = 128
    tensor_parallel: Annotated[int, quantity("Tensor parallel", "Chips that share every layer.", lo=1, hi=4096)] = 1
    pipeline_parallel: Annotated[
        int, quantity("Pipeline parallel", "Chips in a row, each with some of the layers.", lo=1, hi=4096)
    ] = 1

    @property
    def chips(self) -> int:
        """Chips in all: tensor times pipeline parallel."""
        return self.tensor_parallel * self.pipeline_parallel

    @property
    def stored_weight_bits(self) -> float:
        """Bits that one weight takes in memory: bits + 16/group below 16 bits, bits otherwise (MODEL.md, Workload)."""
        return self.weight_bits + (16.0 / self.group if self.weight_bits < 16 else 0.0)
