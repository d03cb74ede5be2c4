"""How a part's parameter is declared: one annotation carries label, unit, range, help, formula and source."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import msgspec

FieldType = Literal["int", "float", "choice", "bool"]


@dataclass(frozen=True)
class PartField:
    """One parameter of a part as every consumer sees it: inspector, file check, sweep axis, docs table."""

    name: str
    label: str
    type: FieldType
    unit: str
    optional: bool
    default: float | int | str | bool | None
    lo: float | None
    hi: float | None
    choices: tuple[str, ...]
    help: str
    formula: str
    source: str
    override: bool
    """True where the field replaces a modelled value by the user's own (None keeps the model)."""


def quantity(
    label: str,
    help: str,
    *,
    unit: str = "",
    lo: float | None = None,
    hi: float | None = None,
    formula: str = "",
    source: str = "",
    override: bool = False,
) -> msgspec.Meta:
    """Declare a numeric parameter: SI `unit`, inclusive range `lo` to `hi`, help, formula and source."""
    extra = {"label": label, "unit": unit, "formula": formula, "source": source, "override": override}
    return msgspec.Meta(ge=lo, le=hi, description=help, extra=extra)


def choice(label: str, help: str, *, formula: str = "", source: str = "") -> msgspec.Meta:
    """Declare a parameter that takes one of the words of its Literal type, or a yes/no."""
    extra = {"label": label, "unit": "", "formula": formula, "source": source, "override": False}
    return msgspec.Meta(description=help, extra=extra)


def _peel(annotation: Any) -> tuple[Any, msgspec.Meta | None, bool]:
    """The bare type, its Meta and whether None is allowed, of an annotation as declared in parts.py."""
    optional = False
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        inner = [a for a in typing.get_args(annotation) if a is not type(None)]
        optional, annotation = True, inner[0]
    if typing.get_origin(annotation) is typing.Annotated:
        base, *rest = typing.get_args(annotation)
        return base, next((m for m in rest if isinstance(m, msgspec.Meta)), None), optional
    return annotation, None, optional


def _type_of(base: Any) -> FieldType:
    if base is bool:
        return "bool"
    if base is int:
        return "int"
    return "float" if base is float else "choice"


@cache
def part_fields(part: type[msgspec.Struct]) -> tuple[PartField, ...]:
    """The parameters of a part class in the order of declaration.

    Raises TypeError where a field lacks its declaration, so a part can't be half described.
    """
    hints = typing.get_type_hints(part, include_extras=True)
    defaults = {f.name: f.default for f in msgspec.structs.fields(part)}
    result = []
    for name in part.__struct_fields__:
        base, meta, optional = _peel(hints[name])
        if meta is None or meta.extra is None:
            raise TypeError(f"{part.__name__}.{name} is declared without label, unit and help")
        default = defaults[name]
        result.append(
            PartField(
                name=name,
                label=meta.extra["label"],
                type=_type_of(base),
                unit=meta.extra["unit"],
                optional=optional,
                default=None if default is msgspec.NODEFAULT else default,
                lo=meta.ge,
                hi=meta.le,
                choices=typing.get_args(base) if typing.get_origin(base) is Literal else (),
                help=meta.description or "",
                formula=meta.extra["formula"],
                source=meta.extra["source"],
                override=meta.extra["override"],
            )
        )
    return tuple(result)
