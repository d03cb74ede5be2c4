"""What binds a phase: the resource that the chip itself waits for most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.run import Run
from hwlib.cost.work import OVERHEAD

Array = NDArray[np.float64]


def binding(r: Run, by_resource: Array) -> NDArray[np.int64]:
    """[2, D] index in RESOURCES of the largest of `by_resource` [2, D, R], the seconds of one pass.

    What the host and its runtime take between passes counts as overhead of the pass, but isn't a wall of the chip:
    a resource binds by what operators wait for.
    """
    chip = by_resource.copy()
    for k in r.program.host_columns:
        chip[r.program.phase[k], :, OVERHEAD] -= r.passes[:, k] * r.tau[:, k]
    return np.asarray(chip.argmax(axis=-1))
