"""Makes the kernel tables of docs/validation.md: python -m hwlib.validation.document FOLDER_OF_TABLES."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.calibration import basis_for, predict
from hwlib.baselines.kernels.ceilings import Array
from hwlib.baselines.kernels.registry import KERNELS
from hwlib.baselines.measured import Skips
from hwlib.baselines.samples import read_samples

LONG_S = 50e-6
TITLES = {
    "gemm": "format", "attention_prefill": "format", "attention_decode": "format", "allreduce": "collective",
    "elementwise": "operator",
}  # fmt: skip
HEAD = "n | median | mean | p90 | bias | in band | roofline median / mean"


@dataclass(frozen=True)
class Judged:
    """K kernels kept out of every fit: predicted and roofline over measured, in the band, measured seconds."""

    device: str
    framework: str
    form: str
    ratio: Array
    roofline: Array
    inside: NDArray[np.bool_]
    seconds: Array


def judged(path: Path) -> Iterator[Judged]:
    """The rows of a table that no fit has seen, by source and form, predicted by the shipped calibrations."""
    for whole in read_samples(path, Skips()):
        if whole.fit.all():
            continue
        s = whole.part(~whole.fit)
        times = predict(basis_for(s.chip, s.kind, s.form, s.framework), s.chip, s.form, s.columns)
        roofline = KERNELS[s.kind].roofline(s.chip, s.form, s.columns)
        t = s.measured_s
        inside = (times.low <= t) & (t <= times.high)
        yield Judged(s.chip.name, s.framework, s.form, times.seconds / t, roofline / t, inside, t)


def table(kind: str, found: Sequence[Judged], long_only: bool) -> str:
    """A table in Markdown: a line for each device, framework and form, and one for all."""
    lines = [f"| device | framework | {TITLES[kind]} | {HEAD} |", "|---|---|---|--:|--:|--:|--:|--:|--:|--:|"]
    groups: dict[tuple[str, str, str], list[Judged]] = {}
    for one in found:
        groups.setdefault((one.device, one.framework, one.form), []).append(one)
    for names, several in sorted(groups.items()):
        figures = _figures(several, long_only)
        if figures:
            lines.append(f"| {' | '.join(names)} | {figures} |")
    plain = [one for one in found if kind != "gemm" or one.form == "16"]
    label = "**16 bit**" if kind == "gemm" else ""
    return "\n".join([*lines, f"| **all** |  | {label} | {_figures(plain, long_only)} |"])


def _figures(several: Sequence[Judged], long_only: bool) -> str:
    seconds, ratio, roofline, inside = (
        np.concatenate([getattr(one, name) for one in several]) for name in ("seconds", "ratio", "roofline", "inside")
    )
    rows = seconds > LONG_S if long_only else np.ones(len(seconds), dtype=bool)
    if not rows.any():
        return ""
    error, plain = np.abs(ratio[rows] - 1.0), np.abs(roofline[rows] - 1.0)
    cells = [f"{100.0 * value:.1f}" for value in (np.median(error), error.mean(), np.quantile(error, 0.9))]
    bias, held = f"{100.0 * (np.median(ratio[rows]) - 1.0):+.1f}", f"{100.0 * inside[rows].mean():.0f}"
    against = f"{100.0 * np.median(plain):.0f} / {100.0 * plain.mean():.0f}"
    return " | ".join([str(int(rows.sum())), *cells, bias, held, against])


def power_table(kept_out: Mapping[str, float]) -> str:
    """Mean errors of energy at measured time, in Markdown."""
    lines = ["| kernels | rows | this model | TDP x time |", "|---|--:|--:|--:|"]
    for name in kept_out:
        if "," not in name:
            figures = (kept_out[name], kept_out[f"{name}, TDP x time"])
            cells = " | ".join(f"{100.0 * value:.1f}" for value in figures)
            lines.append(f"| {name} | {int(kept_out[f'{name}, rows'])} | {cells} |")
    return "\n".join(lines)


def main(folder: Path) -> None:
    """Print every table."""
    from hwlib.baselines.calibration import ANY, shipped

    for kind in KERNELS:
        found = list(judged(folder / f"{kind}.csv.gz"))
        print(f"## {kind}\n\n{table(kind, found, kind.startswith('attention'))}\n")
    for (device, framework), calibration in shipped().items():
        if framework == ANY and calibration.power:
            print(f"## power, {device}\n\n{power_table(calibration.power.kept_out)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
