"""What chips of a class lose inside a pass: the share of a peak that an operator reaches, narrow operands, the step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.machine import Machine
from hwlib.mapping.program import MATRIX, Program
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.operators import Kind, micro_batches, stages
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]

WIDE_BITS = 16
"""Operators between GEMMs hand on activations of so many bits; GEMMs of narrower ones have them quantised first."""

STEP = ("step_s", "step_sequence_s")
"""The class's overhead of a pass: of any, of each sequence."""


def share_of(prior: dict[str, float], program: Program, resource: str) -> Array:
    """[K] share of a resource's peak that every column reaches under a class prior; 1 under the ideal one.

    Attention streams its cache at a part of the DRAM's share. Of element-wise operators only the part `unfused` is left
    beside their neighbours' kernels, so that they seem faster by as much.
    """
    plain = prior[resource]
    attention = plain * (prior["attention_dram"] if resource == "dram" else 1.0)
    return np.where(program.attends, attention, np.where(program.elementwise, plain / prior["unfused"], plain))


def quantised(machine: Machine, program: Program, scenario: Scenario) -> NDArray[np.bool_]:
    """[D, K] weight GEMMs whose inputs a kernel of its own narrows first.

    With 8-bit floats runtimes scale what comes; with integers alone the scales were set before, and quantising rides
    on the kernel that made the inputs.
    """
    if scenario.activation_bits >= WIDE_BITS or not machine.matrix or machine.dram is None:
        return np.zeros((machine.chip.count, len(program)), dtype=bool)
    floats: NDArray[np.bool_] = np.asarray(next(iter(machine.matrix.values())).parameters.rate_fp8.max(axis=1) > 0)
    return np.asarray((program.kind == Kind.GEMM) & (program.unit == MATRIX) & floats[:, None])


def quantising_s(machine: Machine, prior: dict[str, float], program: Program, scenario: Scenario) -> Array:
    """[D, K] seconds of quantising the inputs of one instance: passes over them at the DRAM's peak.

    Inputs of a GEMM of several experts are those of one, as in the kernels measured.
    """
    here = quantised(machine, program, scenario)
    if machine.dram is None or not here.any():
        return np.zeros((machine.chip.count, 1))
    inputs = np.where(here, program.in_bytes / np.maximum(program.batch, 1.0), 0.0)
    return np.asarray(prior["quantise"] * inputs / machine.dram.bandwidth_Bps[:, None])


def has_step(prior: dict[str, float]) -> bool:
    """Whether host and framework add to a pass under a class prior."""
    return any(prior[key] > 0 for key in STEP)


def step_s(
    prior: dict[str, float], llm: LlmArchitecture, scenarios: Sequence[Scenario], batches: Sequence[float]
) -> Array:
    """[S] seconds that host and framework add to a pass: stages (a0 + a2 sequences)."""
    a0, a2 = (prior[key] for key in STEP)
    deep = stages(llm, scenarios[0])
    sequences = np.array([b / micro_batches(s, b) for s, b in zip(scenarios, batches, strict=True)])
    return np.asarray(deep * (a0 + a2 * sequences))
