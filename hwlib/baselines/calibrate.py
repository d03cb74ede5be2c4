"""Fitting constants to measured kernels: robust least squares on log residuals, bands from residual quantiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from hwlib.baselines.calibration import ANY, Band, Calibration, KernelModel, basis_for, constants_of
from hwlib.baselines.kernels.attention import FORMATS as ATTENTION_FORMATS
from hwlib.baselines.kernels.attention import kv_bytes, query_bytes
from hwlib.baselines.kernels.ceilings import Array, Ceilings
from hwlib.baselines.kernels.registry import KERNELS, Columns, Kernel, bucket_of
from hwlib.baselines.measured import Batch, fitted

STARTS = 4
SEED = 20261122
LOSS_SCALE = 0.05
"""Residuals beyond about 5 % count linearly rather than squared."""

MARGIN = 1e-6
PROMISING, SCREEN_ROWS = 3, 400
"""Of many variants so many are fitted to all rows, chosen on about this many of them."""

LEAST_ROWS = 10
ROWS_PER_CONSTANT = 2
"""Fewer fitted rows than this for each constant only move overhead and throughput of the class prior."""

FEW_ROWS = 5
"""Fewer fitted rows than this are left to the class prior."""

BAND_ROWS = 20
"""A bucket with fewer rows takes its quantiles from its neighbours too."""

SHORT_S = 50e-6
SHORT_WEIGHT = 0.5
"""Attention under 50 us is launch overhead for the most part and counts half."""

SANE_SHARE = 0.95
QUANTILES = (0.08, 0.92)
"""Of residuals on fitted rows, for a 10 to 90 % band on others: fits are a little too good on their own rows."""


@dataclass(frozen=True)
class Sample:
    """K measured kernels of one chip, kind and form, with the weight of each in a fit."""

    chip: Ceilings
    kind: str
    form: str
    columns: Columns
    measured_s: Array
    weight: Array
    fit: NDArray[np.bool_]
    """Rows that a fit may see."""

    source: str
    framework: str

    def part(self, rows: NDArray[np.bool_]) -> Sample:
        """The same with some rows only."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return replace(
            self, columns=columns, measured_s=self.measured_s[rows], weight=self.weight[rows], fit=self.fit[rows]
        )


def beyond_bandwidth(chip: Ceilings, kind: str, form: str, columns: Columns, measured_s: Array) -> NDArray[np.bool_]:
    """[K] decode rows that imply over 95 % of the published bandwidth: their cache wasn't read from DRAM."""
    if kind != "attention_decode":
        return np.zeros(len(measured_s), dtype=bool)
    layout = ATTENTION_FORMATS[form]
    moved = kv_bytes(layout, columns) + query_bytes(layout, columns)
    return np.asarray(moved / chip.dram_Bps > SANE_SHARE * measured_s)


def distrusted(kind: str, framework: str) -> str:
    """Why rows of this kind and framework are left out of fits and of judgement; empty where they aren't."""
    if kind == "attention_decode" and framework == "trtllm":
        return "TensorRT-LLM decode attention: a fifth to a third beat peak bandwidth, from a cache-resident KV pool"
    return ""


def sample_of(batch: Batch, chip: Ceilings) -> Sample:
    """A batch of a table as a sample of a chip, rows that can't be true left out."""
    key = batch.key
    seen = fitted(batch.columns, batch.kernel.columns)
    weight = np.ones(len(seen))
    if key.kind.startswith("attention"):
        weight = np.where(batch.measured_s > SHORT_S, 1.0, SHORT_WEIGHT)
    whole = Sample(chip, key.kind, key.form, batch.columns, batch.measured_s, weight, seen, key.source, key.framework)
    return whole.part(~beyond_bandwidth(chip, key.kind, key.form, batch.columns, batch.measured_s))


class _Search:
    """The constants of a kernel as a vector: logarithms where their bounds are positive."""

    def __init__(self, kernel: Kernel, form: str, fixed: Mapping[str, Any]) -> None:
        self.kernel, self.fixed = kernel, dict(fixed)
        self.names = tuple(name for name in kernel.searched(form) if name not in fixed)
        ranges = [kernel.ranges[name] for name in self.names]
        self.log = np.array([r.low > 0.0 for r in ranges])
        self.start, self.low, self.high = (
            self._scaled(np.array([getattr(r, end) for r in ranges])) for end in ("start", "low", "high")
        )

    def _scaled(self, values: Array) -> Array:
        return np.where(self.log, np.log(np.where(self.log, values, 1.0)), values)

    def point(self, constants: Any) -> Array:
        """Where constants lie, moved inside the bounds."""
        found = self._scaled(np.array([getattr(constants, name) for name in self.names]))
        return np.clip(found, self.low + MARGIN, self.high - MARGIN)

    def constants(self, point: Array) -> Any:
        """The constants at a point of the search."""
        values = np.where(self.log, np.exp(np.where(self.log, point, 0.0)), point)
        found = dict(zip(self.names, (float(f"{v:.5g}") for v in values), strict=True))
        return self.kernel.constants(**self.fixed, **found)

    def exact(self, point: Array) -> Any:
        """As `constants`, not rounded, so that derivatives are smooth."""
        values = np.where(self.log, np.exp(np.where(self.log, point, 0.0)), point)
        return self.kernel.constants(**self.fixed, **dict(zip(self.names, values.tolist(), strict=True)))

    def residuals(self, point: Array, samples: Sequence[Sample]) -> Array:
        """Weighted log(predicted / measured) of every row at a point of the search."""
        x = self.exact(point)
        return np.concatenate([np.log(seconds_of(x, s) / s.measured_s) * s.weight for s in samples])


def seconds_of(constants: Any, sample: Sample) -> Array:
    """[K] predicted seconds of a sample's rows."""
    return KERNELS[sample.kind].seconds(constants, sample.chip, sample.form, sample.columns)


def fit_constants(
    samples: Sequence[Sample], form: str, starts: int = STARTS, base: Any = None, prior: bool = False
) -> Any:
    """Constants of one kind and form that fit every row given (split beforehand), the best of several starts.

    Robust (soft_l1) least squares on log(predicted / measured). With `base`, only its overhead and throughput are
    fitted anew. A `prior` over several libraries may take the plain variant alone. Raises ValueError without rows.
    """
    if not sum(len(s.measured_s) for s in samples):
        raise ValueError("there are no rows to fit to")
    kernel = KERNELS[samples[0].kind]
    if base is not None:
        return _moved(base, samples, kernel, form, starts)
    plain = prior and kernel.plain_prior
    variants = kernel.variants(form)[:1] if plain else _promising(samples, kernel, form)
    return _best_fit(samples, kernel, form, variants, starts)[0]


def _moved(base: Any, samples: Sequence[Sample], kernel: Kernel, form: str, starts: int) -> Any:
    """Constants whose overhead and throughput a few rows move; what the rows don't tell stays where it was."""
    search = _Search(kernel, form, _all_but(base, kernel.adjustable))
    origin = search.point(base)
    ends = [_least(search, start, samples, origin) for start in (origin, *_starting_points(search, starts))]
    return search.constants(min(ends, key=lambda end: end[1])[0])


def refit(samples: Sequence[Sample], form: str, near: Any) -> Any:
    """Constants that fit other rows of a kind and form, searched from constants that are near, with their choices."""
    kernel = KERNELS[samples[0].kind]
    search = _Search(kernel, form, _chosen(kernel, form, near))
    return search.constants(_least(search, search.point(near), samples)[0])


def _best_fit(
    samples: Sequence[Sample], kernel: Kernel, form: str, variants: Iterable[Mapping[str, Any]], starts: int
) -> tuple[Any, float]:
    """The constants of least cost over variants and starts, and that cost."""
    best_cost, best = np.inf, None
    for variant in variants:
        search = _Search(kernel, form, variant)
        for start in _starting_points(search, starts):
            point, cost = _least(search, start, samples)
            if cost < best_cost:
                best_cost, best = cost, search.constants(point)
    return best, best_cost


def _least(
    search: _Search, start: Array, samples: Sequence[Sample], origin: Array | None = None
) -> tuple[Array, float]:
    """Where the robust least squares end that begin at a point of the search, and their cost.

    An `origin` pulls like a row that is off by 5 % for each e-fold that a constant moves.
    """

    def residuals(point: Array) -> Array:
        found = search.residuals(point, samples)
        return found if origin is None else np.concatenate([found, LOSS_SCALE * (point - origin)])

    found = least_squares(
        residuals, start, bounds=(search.low, search.high),
        loss="soft_l1", f_scale=LOSS_SCALE, max_nfev=60, diff_step=np.full(len(start), 1e-3),
    )  # fmt: skip
    return found.x, float(found.cost)


def _promising(samples: Sequence[Sample], kernel: Kernel, form: str) -> Sequence[Mapping[str, Any]]:
    """The variants worth a whole fit: the best few of one start on some of the rows."""
    variants = _variants(kernel, form, samples)
    if len(variants) <= PROMISING:
        return variants
    step = max(1, sum(len(s.measured_s) for s in samples) // SCREEN_ROWS)
    some = [s.part(np.arange(len(s.measured_s)) % step == 0) for s in samples]
    costs = [_best_fit(some, kernel, form, [variant], 1)[1] for variant in variants]
    return [variants[i] for i in np.argsort(costs)[:PROMISING]]


def _variants(kernel: Kernel, form: str, samples: Sequence[Sample]) -> Sequence[Mapping[str, Any]]:
    """The variants with no more constants than the rows can tell; the plainest where there are few."""
    rows = sum(len(s.measured_s) for s in samples)
    least = least_rows(kernel, form)
    return [v for v in kernel.variants(form) if ROWS_PER_CONSTANT * kernel.freedom(form, v) <= max(rows, least)]


def least_rows(kernel: Kernel, form: str) -> int:
    """Rows that a fit of all constants needs, in the variant that has the fewest."""
    return max(LEAST_ROWS, ROWS_PER_CONSTANT * min(kernel.freedom(form, v) for v in kernel.variants(form)))


def _chosen(kernel: Kernel, form: str, constants: Any) -> Mapping[str, Any]:
    """The variant that a fit's constants are of; the plainest where several fit them."""
    fits = [v for v in kernel.variants(form) if all(getattr(constants, name) == v[name] for name in v)]
    return min(fits, key=lambda v: kernel.freedom(form, v))


def _all_but(constants: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(constants).items() if name not in names}


def _starting_points(search: _Search, count: int) -> Iterable[Array]:
    random = np.random.default_rng(SEED)
    width = np.where(search.log, 0.6, 0.05)
    yield np.clip(search.start, search.low + MARGIN, search.high - MARGIN)
    for _ in range(count - 1):
        step = random.normal(0.0, 1.0, len(search.start)) * width
        yield np.clip(search.start + step, search.low + MARGIN, search.high - MARGIN)


def ratios(constants: Any, samples: Sequence[Sample]) -> tuple[Array, NDArray[np.int64]]:
    """Measured over predicted time of every row, and the index of its bucket."""
    found = [s.measured_s / seconds_of(constants, s) for s in samples]
    return np.concatenate(found), np.concatenate([bucket_of(KERNELS[s.kind], s.columns) for s in samples])


def buckets_of(samples: Sequence[Sample]) -> list[int]:
    """The buckets of sizes that any row of samples of one kind lies in."""
    return sorted({int(b) for s in samples for b in np.unique(bucket_of(KERNELS[s.kind], s.columns))})


def bands_of(kernel: Kernel, ratio: Array, bucket: NDArray[np.int64]) -> tuple[Band, ...]:
    """Quantiles of measured over predicted by bucket; thin buckets borrow rows from the nearest ones."""
    found = []
    for index in range(len(kernel.edges) + 1):
        reach = 0
        inside = bucket == index
        while inside.sum() < min(BAND_ROWS, len(ratio)):
            reach += 1
            inside = np.abs(bucket - index) <= reach
        low, high = np.quantile(ratio[inside], QUANTILES)
        rows = int((bucket == index).sum())
        found.append(Band(bucket=index, low=round(float(low), 4), high=round(float(high), 4), rows=rows))
    return tuple(found)


def fit_model(samples: Sequence[Sample], form: str, starts: int = STARTS, adjust: bool = True) -> KernelModel | None:
    """Constants, bands and kept-out errors of one kind and form; None where too few rows may be fitted.

    Every sample keeps its own split; rows kept out only tell the errors. Too few rows for all constants, or all of one
    bucket, move the overhead and throughput of the constants that the device would have without them, and keep their
    bands (`adjust`).
    """
    known = [s.part(s.fit) for s in samples if s.fit.any()]
    rows = sum(len(s.measured_s) for s in known)
    if rows < FEW_ROWS:
        return None
    kernel = KERNELS[samples[0].kind]
    few = rows < least_rows(kernel, form)
    base = fit_base(known[0]) if adjust and (few or len(buckets_of(known)) < 2) else None
    if few and base is None:
        return None
    constants = fit_constants(known, form, starts, None if base is None else constants_of(base))
    ratio, bucket = ratios(constants, known)
    out = [s.part(~s.fit) for s in samples if (~s.fit).any()]
    error = np.abs(1.0 / ratios(constants, out)[0] - 1.0) if out else np.zeros(0)
    return KernelModel(
        kind=kernel.kind,
        form=form,
        constants=msgspec.to_builtins(constants),
        bands=base.bands
        if base
        else _loosened(bands_of(kernel, ratio, bucket), rows, kernel.freedom(form, _chosen(kernel, form, constants))),
        fitted_rows=rows,
        kept_out_rows=len(error),
        median=round(float(np.median(error)), 4) if len(error) else None,
        mean=round(float(np.mean(error)), 4) if len(error) else None,
        sources=tuple(sorted({s.source for s in samples})),
    )


def _loosened(bands: Sequence[Band], rows: int, constants: int) -> tuple[Band, ...]:
    """Bands for rows that a fit hasn't seen: fitting p constants to n rows shrinks residuals by about 1 - p/n."""
    power = rows / max(1.0, rows - constants)
    return tuple(msgspec.structs.replace(b, low=round(b.low**power, 4), high=round(b.high**power, 4)) for b in bands)


def fit_base(sample: Sample) -> KernelModel | None:
    """What stands in for a sample's kernels where they were never measured; None where nothing does."""
    try:
        return basis_for(sample.chip, sample.kind, sample.form).model
    except ValueError:
        return None


def grouped(samples: Iterable[Sample]) -> dict[tuple[str, str], list[Sample]]:
    """Samples by kind and form, in the order of their names."""
    found: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        found.setdefault((sample.kind, sample.form), []).append(sample)
    return dict(sorted(found.items()))


def calibrate(
    samples: Sequence[Sample], device: str, framework: str = ANY, citation: str = "", today: str | None = None,
    starts: int = STARTS, adjust: bool = True,
) -> Calibration:  # fmt: skip
    """A device's calibration from its samples: a model for each kind and form with enough rows.

    Samples of several frameworks count alike. Raises ValueError where no kind and form has enough rows.
    """
    found = [fit_model(balanced(group), form, starts, adjust) for (_, form), group in grouped(samples).items()]
    models = tuple(model for model in found if model is not None)
    if not models:
        raise ValueError(f"too few rows to calibrate {device}: {_too_few(samples)}")
    return Calibration(
        device=device, framework=framework, date=today or date.today().isoformat(), citation=citation, models=models
    )


def _too_few(samples: Sequence[Sample]) -> str:
    words = []
    for (kind, form), group in grouped(samples).items():
        rows, seen = sum(len(s.measured_s) for s in group), sum(int(s.fit.sum()) for s in group)
        need = least_rows(KERNELS[kind], form)
        words.append(f"{kind} {form} has {rows}, {seen} of them of shapes that are fitted (needed: {need})")
    return (
        f"{'; '.join(words)}. Seven of ten shapes are fitted, the others tell the error; {FEW_ROWS} fitted rows can "
        "move the overhead and throughput of the constants of the class, where it has that kind of kernel"
    )


def balanced(samples: Sequence[Sample]) -> list[Sample]:
    """Samples weighted so that every device and framework counts alike, rows of one source as before."""
    sizes: dict[tuple[str, str], float] = {}
    for s in samples:
        key = (s.chip.name, s.framework)
        sizes[key] = sizes.get(key, 0.0) + float(s.fit.sum())
    if len(sizes) < 2:
        return list(samples)
    mean = sum(sizes.values()) / len(sizes)
    scales = {key: min(3.0, (mean / max(1.0, size)) ** 0.5) for key, size in sizes.items()}
    return [replace(s, weight=s.weight * scales[s.chip.name, s.framework]) for s in samples]
