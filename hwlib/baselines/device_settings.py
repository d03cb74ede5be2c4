"""How a catalog device is timed: which framework's kernels and launches, or its datasheet alone."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from hwlib.baselines.calibration import ANY, Calibration, shipped
from hwlib.baselines.steps import StepOverhead, overheads, step_overhead

PRIOR = "prior"
"""The framework of a class prior's calibration, which nobody can choose."""

Launch = Literal["eager", "graph", "engine"]
LAUNCHES: tuple[Launch, ...] = get_args(Launch)
"""How a framework launches a pass: kernel by kernel from the host, as a captured graph, or as a compiled engine."""

Served = Literal["static", "continuous", "full"]
"""One batch from start to end, or continuous batching besides: of as many requests as the batch, or as memory holds."""


class DeviceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a catalog device's times rest on. A device without measurements takes the prior of its class."""

    framework: str = ANY
    """Whose kernels: "vllm", "trtllm", "sglang", …; "any" stands for all that were measured together."""

    launch: Launch = "engine"
    ideal: bool = False
    """The datasheet's drawing alone, without measured kernels and without host and framework."""

    usable: float = 0.9
    """Share of the published memory that weights and KV cache may fill."""

    step: StepOverhead | None = None
    """One's own overhead of a pass, in place of the shipped one of framework and launch."""

    calibrations: tuple[Calibration, ...] = ()
    """A user's own, which come before those that the product ships."""

    serving: Served = "static"
    """Unless "static", the report of the batch tells the steady state of continuous batching besides."""

    def interference(self, generation: str = "") -> float:
        """Share of a prompt's time by which the tokens of other sequences wait for it, as fitted for the framework."""
        return (self.step or step_overhead(self.framework, self.launch, generation)).interference


def frameworks() -> tuple[str, ...]:
    """Every framework whose kernels or overheads were measured on some device, and "any"."""
    kernels = {framework for _, framework in shipped() if framework != PRIOR}
    return tuple(sorted({ANY, *kernels, *(framework for framework, *_ in overheads())}))
