"""Samples to fit or judge from measured tables: devices looked up, untrusted rows left out with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from hwlib.baselines.calibrate import Sample, beyond_bandwidth, distrusted, sample_of
from hwlib.baselines.kernels.ceilings import Ceilings, ceilings_of
from hwlib.baselines.measured import Batch, Key, Skips, read_batches
from hwlib.catalog import UnknownNameError, find_device

MOST_ROWS = 20_000
"""Rows of one source, kind and form that a fit takes at most, so that memory and time stay flat."""

BANDWIDTH_REASON = "implies over 95 % of the published DRAM bandwidth: the cache wasn't read from DRAM"


@lru_cache(maxsize=256)
def chip_named(name: str) -> Ceilings:
    """The ceilings of the catalog device that a table calls `name`. Raises UnknownNameError, ValueError."""
    return ceilings_of(find_device(name))


def trusted_batches(path: Path, skips: Skips, kind: str | None = None) -> Iterator[tuple[Batch, Ceilings]]:
    """Batches of a table with the chip of each; what is unknown or distrusted goes to `skips`. Raises TableError."""
    for batch in read_batches(path, skips, kind):
        reason = distrusted(batch.key.kind, batch.key.framework)
        if reason:
            skips.add(int(batch.lines[0]), "source", reason, len(batch.lines))
            continue
        try:
            chip = chip_named(batch.key.device)
            batch.kernel.roofline(chip, batch.key.form, batch.columns)
        except (UnknownNameError, ValueError) as error:
            skips.add(int(batch.lines[0]), "device", str(error), len(batch.lines))
            continue
        yield batch, chip


def read_samples(path: Path, skips: Skips, kind: str | None = None) -> list[Sample]:
    """Every sample of a table that a fit may use. Raises TableError."""
    found: list[Sample] = []
    taken: dict[Key, int] = {}
    for batch, chip in trusted_batches(path, skips, kind):
        before = taken.get(batch.key, 0)
        if before >= MOST_ROWS:
            skips.add(int(batch.lines[0]), "", f"beyond {MOST_ROWS} rows of one source: not fitted", len(batch.lines))
            continue
        taken[batch.key] = before + len(batch.lines)
        far = beyond_bandwidth(chip, batch.key.kind, batch.key.form, batch.columns, batch.measured_s)
        if far.any():
            skips.add(int(batch.lines[far][0]), "latency_s", BANDWIDTH_REASON, int(far.sum()))
        if not far.all():
            found.append(sample_of(batch, chip))
    return found
