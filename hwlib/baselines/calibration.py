"""Calibrations of devices: the value, its file, which one stands in for what was never measured, and predictions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from hwlib.baselines.calibration_faults import band_fault, constants_fault
from hwlib.baselines.kernels.ceilings import Array, Ceilings, ceilings_of
from hwlib.baselines.kernels.registry import KERNELS, Columns, bucket_of
from hwlib.catalog import find_device
from hwlib.resources import list_files, read_text

FOLDER = "calibration/kernels"
WHOLE_MODELS = "calibration/whole_models"
FORMAT_VERSION = 1
ANY = "any"
PRIORS = {
    "volta": "ampere",
    "ampere": "ampere",
    "ada": "ampere",
    "hopper": "hopper",
    "blackwell": "hopper",
    "cdna": "cdna",
}
"""Class prior by generation; other generations take that of all measured GPUs."""

OTHER_PRIOR = "all"
STAND_IN_WIDENS = 1.5
"""Bands of a form that another form's constants stand in for are this much wider, on a log scale (estimate)."""


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """10 and 90 % quantiles of measured over predicted time in one bucket of rows."""

    bucket: int
    low: float
    high: float
    rows: int


class KernelModel(msgspec.Struct, frozen=True, kw_only=True):
    """Fitted constants of one kind and form of kernel, with what they were fitted to and how far off they are."""

    kind: str
    form: str
    constants: dict[str, float | str]
    bands: tuple[Band, ...]
    fitted_rows: int
    kept_out_rows: int = 0
    median: float | None = None
    """Median absolute error, a fraction, on the rows kept out; None where there are none."""

    mean: float | None = None
    sources: tuple[str, ...] = ()


class PowerModel(msgspec.Struct, frozen=True, kw_only=True):
    """Board power over TDP by utilisation and kind of kernel, see `hwlib.baselines.power`."""

    constants: dict[str, dict[str, float]]
    fitted_rows: int
    sources: tuple[str, ...]
    kept_out: dict[str, float] = {}


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Kernel models of one device and framework, or a class prior over several devices (`framework` "prior")."""

    version: int = FORMAT_VERSION
    device: str
    framework: str
    date: str
    citation: str = ""
    devices: tuple[str, ...] = ()
    """The devices behind a class prior."""

    models: tuple[KernelModel, ...] = ()
    power: PowerModel | None = None

    def model(self, kind: str, form: str) -> KernelModel | None:
        """The model of exactly this kind and form; None where it wasn't fitted."""
        return next((m for m in self.models if m.kind == kind and m.form == form), None)


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """Which constants a prediction used, and how near they are to what was asked."""

    model: KernelModel
    calibration: Calibration
    level: str
    """"calibrated", "other framework", "class prior"; with ", another format" where a stand-in's constants serve."""

    widened: float = 1.0
    note: str = ""
    """What was made of the constants, in words; empty where they serve as fitted."""


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """[K] predicted seconds with the 10 to 90 % band, and what they rest on."""

    seconds: Array
    low: Array
    high: Array
    basis: Basis


def dump(calibration: Calibration) -> str:
    """The text of a calibration file."""
    return msgspec.json.format(msgspec.json.encode(calibration), indent=1).decode() + "\n"


def load(path: Path) -> Calibration:
    """Read a calibration file. Raises ValueError naming the file and what is wrong in it."""
    try:
        found = _decoded(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"can't read the calibration {path}: {error}") from None
    for model in found.models:
        faults = [constants_fault(model.kind, model.form, model.constants, constants_of(model))]
        faults += [band_fault(model.kind, band.bucket, band.low, band.high) for band in model.bands]
        if fault := next(filter(None, faults), ""):
            raise ValueError(f"{path}: constants of {model.kind} {model.form}: {fault}")
    return found


def _decoded(text: str, name: str) -> Calibration:
    try:
        found = msgspec.json.decode(text, type=Calibration)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"{name} isn't a calibration: {error}") from None
    if found.version > FORMAT_VERSION:
        raise ValueError(f"{name} is of version {found.version}; this Chipscape reads up to {FORMAT_VERSION}")
    for model in found.models:
        constants_of(model)
    return found


def file_name(device: str, framework: str) -> str:
    """The name of a calibration's file: device and framework in lower case, other characters as dashes."""

    def dashed(words: str) -> str:
        return "-".join("".join(c if c.isalnum() else " " for c in words.casefold()).split())

    return f"{dashed(device)}__{dashed(framework)}.json"


@cache
def shipped() -> dict[tuple[str, str], Calibration]:
    """The calibrations that come with the product, by catalog device (or prior) and framework.

    Those in WHOLE_MODELS hold what only whole models told; of one device and framework, kernels' come first.
    """
    found: dict[tuple[str, str], Calibration] = {}
    for folder in (FOLDER, WHOLE_MODELS):
        for name in list_files(folder, ".json"):
            read = _decoded(read_text(f"{folder}/{name}"), name)
            known = found.get((read.device, read.framework))
            models = (*known.models, *read.models) if known else read.models
            found[read.device, read.framework] = msgspec.structs.replace(known or read, models=models)
    return found


def frameworks_of(device: str) -> tuple[str, ...]:
    """Frameworks with a calibration of their own for a catalog device; empty where only its class prior is known."""
    return tuple(sorted(f for d, f in shipped() if d == device and f != ANY))


def prior_of(chip: Ceilings) -> Calibration | None:
    """The class prior that stands in for a device without measurements."""
    return shipped().get((PRIORS.get(chip.generation, OTHER_PRIOR), "prior"))


def basis_for(chip: Ceilings, kind: str, form: str, framework: str = ANY, extra: tuple[Calibration, ...] = ()) -> Basis:
    """The constants for a kernel, nearest first: own framework, the device's others, its class, then another form.

    `extra` calibrations (a user's own) come before those shipped. Raises ValueError where nothing fits.
    """
    framework = framework.partition("-v")[0]  # another release's host, the same kernels
    own = [c for c in extra if c.device == chip.name and (framework == ANY or c.framework in (framework, ANY))]
    own.sort(key=lambda c: c.framework != framework)
    levels: list[tuple[str, Calibration | None]] = [("calibrated", c) for c in own]
    exact = shipped().get((chip.name, framework))
    levels += [("calibrated" if framework != ANY else "other framework", exact)]
    levels += [("class prior", shipped().get((OTHER_PRIOR, framework)))]
    levels += [("other framework", shipped().get((chip.name, ANY)))]
    levels += [("class prior", prior_of(chip)), ("class prior", shipped().get((OTHER_PRIOR, "prior")))]
    for wanted in (form, *KERNELS[kind].stand_ins.get(form, ())):
        for level, calibration in levels:
            model = calibration.model(kind, wanted) if calibration else None
            if calibration and model:
                far = level == "class prior"
                model, note = _within_datasheet(model) if far else (model, "")
                if wanted == form:
                    return Basis(model=model, calibration=calibration, level=level, note=note)
                level = f"{level}, another format"
                return Basis(model=model, calibration=calibration, level=level, widened=STAND_IN_WIDENS, note=note)
    raise ValueError(f"no calibration or class prior has {kind} of form {form}")


def _within_datasheet(model: KernelModel) -> tuple[KernelModel, str]:
    """Constants for devices that were never measured: none of them is believed to beat its published peak.

    At full use a GEMM reaches ec / (1 + theta) of it, with the slowdown theta of clocks that fall at the power limit.
    """
    share, slowdown = model.constants.get("compute"), model.constants.get("throttle", 0.0)
    if not isinstance(share, float) or not isinstance(slowdown, float) or share <= 1.0 + slowdown:
        return model, ""
    capped = msgspec.structs.replace(model, constants={**model.constants, "compute": 1.0 + slowdown})
    return capped, f"the share of peak was fitted as {share:.3g}; no unmeasured device is believed to beat its peak"


def constants_of(model: KernelModel) -> Any:
    """The kernel's constants as its own frozen value. Raises ValueError for names or values that don't fit it."""
    kernel = KERNELS.get(model.kind)
    if kernel is None:
        raise ValueError(f"a calibration has constants of {model.kind!r}; there are {', '.join(KERNELS)}")
    try:
        return msgspec.convert(model.constants, kernel.constants)
    except msgspec.ValidationError as error:
        raise ValueError(f"constants of {model.kind} {model.form}: {error}") from None


def as_columns(kind: str, columns: Mapping[str, ArrayLike]) -> Columns:
    """Columns as arrays [K] of one length, defaults filled in. Raises KeyError naming a missing column."""
    kernel = KERNELS[kind]
    wide = [columns[name] if name in columns else kernel.defaults[name] for name in kernel.columns]
    arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, dtype=float)) for value in wide))
    return dict(zip(kernel.columns, arrays, strict=True))


def predict(basis: Basis, chip: Ceilings, form: str, columns: Columns) -> Times:
    """Seconds and bands of K kernels of one kind and form. Raises ValueError where the device lacks the format."""
    seconds = KERNELS[basis.model.kind].seconds(constants_of(basis.model), chip, form, columns)
    low, high = band_factors(basis, columns)
    return Times(seconds=seconds, low=seconds * low, high=seconds * high, basis=basis)


def band_factors(basis: Basis, columns: Columns) -> tuple[Array, Array]:
    """[K] 10 and 90 % values of measured over predicted time, by the bucket of each row."""
    kernel = KERNELS[basis.model.kind]
    low, high = np.ones(len(kernel.edges) + 1), np.ones(len(kernel.edges) + 1)
    for band in basis.model.bands:
        low[band.bucket], high[band.bucket] = band.low, band.high
    index = bucket_of(kernel, columns)
    return low[index] ** basis.widened, high[index] ** basis.widened


def operator_seconds(
    device: str, kind: str, columns: Mapping[str, ArrayLike], form: str = "16", framework: str = ANY,
    extra: tuple[Calibration, ...] = (),
) -> Times:  # fmt: skip
    """[K] seconds with 10 to 90 % bands of kernels on a catalog device: what an evaluation asks for its operators.

    kind: "gemm" (m, n, k), "attention_prefill" and "attention_decode" (batch, heads, kv_heads, head_dim, q_len, kv_len,
    causal), "elementwise" (rows, cols), "allreduce" (n_devices, bytes). form: see `kernels.registry`: number format
    ("16", "fp8", "int4_wo"; "16/kv8"), operator ("rmsnorm") or collective ("all_reduce", "all_gather/eager").
    Raises UnknownNameError for the device, ValueError where it has no such unit or nothing was fitted, KeyError.
    """
    chip = ceilings_of(find_device(device))
    return predict(basis_for(chip, kind, form, framework, extra), chip, form, as_columns(kind, columns))
