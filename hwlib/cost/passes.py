"""How often every column runs in a mean pass: the prefill, or a decode step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwlib.mapping.program import Program
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]


def instances(program: Program, placed: Array) -> Array:
    """[D, K] instances of every column: layers, of weight GEMMs those that `placed` [D, W, places] puts there."""
    found = np.empty((len(placed), len(program)))
    found[:] = program.repeat
    weighted = program.weighted_columns
    found[:, weighted] = placed[:, program.weight[weighted], program.place[weighted]]
    return found


def whole_passes(program: Program, placed: Array, scenario: Scenario) -> Array:
    """[D, K] instances in a mean pass where each serves the whole of it; none of those that serve a chunk."""
    return np.where(program.cut > 0, 0.0, instances(program, placed) * _step_share(program, scenario))


def _step_share(program: Program, scenario: Scenario) -> Array:
    """[S, K]: the part of a mean pass that a column stands for: 1, or its share of the decode steps."""
    steps = scenario.output - 1
    if steps == 0:
        return np.ones_like(program.steps)
    return np.where(program.phase == 1, program.steps / steps, 1.0)
