"""How far the plain roofline is from measured kernels, beside every calibration (`python -m … FOLDER` writes it)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.calibration import ANY, OTHER_PRIOR, PRIORS
from hwlib.baselines.measured import Skips, fitted
from hwlib.baselines.samples import trusted_batches

OUT = Path(__file__).resolve().parents[2] / "resources/calibration/roofline.json"
RULE = "Rows that no fit has seen (docs/validation.md, Split); |roofline / measured - 1|, as fractions."
PRIOR = "prior"

Key = tuple[str, str, str, str]
"""Device or class, framework, kind, form."""


def roofline_errors(tables: Sequence[Path]) -> list[dict[str, Any]]:
    """Median and mean error of the plain roofline by device and framework, of devices and classes together."""
    found: dict[Key, list[NDArray[np.float64]]] = {}
    for table in tables:
        for batch, chip in trusted_batches(table, Skips()):
            rows = ~fitted(batch.columns, batch.kernel.columns)
            error = np.abs(batch.kernel.roofline(chip, batch.key.form, batch.columns) / batch.measured_s - 1.0)[rows]
            classes = {PRIORS.get(chip.generation, OTHER_PRIOR), OTHER_PRIOR}
            owners = [(chip.name, batch.key.framework), (chip.name, ANY), *((name, PRIOR) for name in sorted(classes))]
            for device, framework in dict.fromkeys(owners):
                found.setdefault((device, framework, batch.key.kind, batch.key.form), []).append(error)
    return [_entry(key, np.concatenate(parts)) for key, parts in sorted(found.items()) if sum(map(len, parts))]


def _entry(key: Key, error: NDArray[np.float64]) -> dict[str, Any]:
    names = dict(zip(("device", "framework", "kind", "form"), key, strict=True))
    figures = {"median": round(float(np.median(error)), 4), "mean": round(float(error.mean()), 4)}
    return {**names, "rows": len(error), **figures}


def main() -> None:
    """Write the file from the tables of a folder."""
    tables = sorted(Path(sys.argv[1]).glob("*.csv.gz"))
    kinds = [p for p in tables if p.name.split(".")[0] in ("gemm", "attention_prefill", "attention_decode",
                                                           "elementwise", "allreduce")]  # fmt: skip
    rows = roofline_errors(kinds)
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode({"rule": RULE, "errors": rows}), indent=1) + b"\n")
    print(f"{len(rows)} errors from {', '.join(p.name for p in kinds)}: {OUT}")


if __name__ == "__main__":
    main()
