"""What a person is told about a design file that can't be read: what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect

from hwlib.design.design import Block, Design, Link, Placement, Settings
from hwlib.design.parts import KIND_LABELS, part_type


class DesignFileError(ValueError):
    """A design that can't be loaded or saved.

    `where` names the file, `field` the place in it ("blocks[3].part.rows"), `what` the fault and `mend` what to do.
    """

    def __init__(self, where: str, what: str, mend: str = "", field: str = "") -> None:
        self.where, self.what, self.mend, self.field = where, what, mend, field
        super().__init__(f"{where}: {what}{' ' + mend if mend else ''}")


_STRUCTS: dict[str, type[msgspec.Struct]] = {
    "settings": Settings, "blocks": Block, "links": Link, "placement": Placement,
}  # fmt: skip
_MESSAGE = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_JSON_NAMES: dict[type[Any], str] = {dict: "an object {…}", list: "a list […]", type(None): "null"}


def nearest(word: str, words: Iterable[str]) -> str:
    """ " Did you mean …?" for the most similar of `words`, or an empty text where none is similar."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else ""


def shown(value: Any) -> str:
    """A JSON value as a short text for a message."""
    for kind, name in _JSON_NAMES.items():
        if isinstance(value, kind):
            return name
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 48 else f"{text[:45]}…"


def _steps(path: str) -> list[str | int]:
    return [int(index) if index else name for name, index in re.findall(r"([A-Za-z_]\w*)|\[(\d+)\]", path)]


def _follow(tree: Any, steps: list[str | int]) -> tuple[Any, type[msgspec.Struct] | None]:
    """The JSON value at a path inside a design, and the struct that it, or the object around it, is read as."""
    struct: type[msgspec.Struct] | None = Design
    for step in steps:
        tree = tree[step]
        if step == "part" and isinstance(tree, dict):
            kind = tree.get("kind")
            struct = part_type(kind) if kind in KIND_LABELS else None
        elif isinstance(step, str):
            struct = _STRUCTS.get(step, struct)
    return tree, struct


def _number(kind: str, lo: float | None, hi: float | None, unit: str) -> str:
    text = kind
    if lo is not None and hi is not None:
        text += f" from {lo:,} to {hi:,}" if kind == "a whole number" else f" from {lo:g} to {hi:g}"
    return text + (f" (in {unit})" if unit else "")


def _text(declared: inspect.StrType) -> str:
    lo, hi = declared.min_length or 0, declared.max_length
    text = f"a text of {lo} to {hi:,} characters" if hi else "a text"
    return text + (", of letters, digits, '_', '.' and '-' only" if declared.pattern else "")


def expectation(declared: inspect.Type, unit: str = "") -> str:
    """A declared type in words: "a whole number from 1 to 65,536"."""
    match declared:
        case inspect.Metadata(type=inner, extra=extra):
            return expectation(inner, (extra or {}).get("unit", ""))
        case inspect.UnionType(types=types) if any(isinstance(t, inspect.NoneType) for t in types):
            rest = [expectation(t) for t in types if not isinstance(t, inspect.NoneType)]
            return f"{' or '.join(rest)}, or null for the modelled value"
        case inspect.IntType():
            return _number("a whole number", declared.ge, declared.le, unit)
        case inspect.FloatType():
            return _number("a number", declared.ge, declared.le, unit)
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(sorted(map(repr, values)))
        case inspect.StrType():
            return _text(declared)
        case inspect.BoolType():
            return "true or false"
        case inspect.VarTupleType():
            return "a list […]"
        case _:
            return "an object {…}"


def _field(struct: type[msgspec.Struct] | None, name: str) -> inspect.Field | None:
    info = inspect.type_info(struct) if struct is not None else None
    fields = info.fields if isinstance(info, inspect.StructType) else ()
    return next((f for f in fields if f.name == name), None)


def _names(struct: type[msgspec.Struct] | None) -> tuple[str, ...]:
    return struct.__struct_fields__ if struct is not None else ()


def _wrong_value(where: str, path: str, tree: Any) -> DesignFileError:
    """The error for a value of the wrong type, out of range, or not among the choices."""
    steps = _steps(path)
    value, struct = _follow(tree, steps)
    last = steps[-1] if steps else ""
    if last == "kind":
        known = f"The kinds are {', '.join(KIND_LABELS)}."
        hint = nearest(value, KIND_LABELS) if isinstance(value, str) else ""
        return DesignFileError(where, f"{path} is {shown(value)}, which is no kind of block.", hint or known, path)
    owner = _follow(tree, steps[:-1])[1] if steps and isinstance(last, str) else struct
    field = _field(owner, last) if isinstance(last, str) else None
    wanted = expectation(field.type) if field is not None else "an object {…}"
    return DesignFileError(where, f"{path or 'design'} is {shown(value)}; it must be {wanted}.", "", path)


def refused(where: str, error: msgspec.ValidationError, tree: Any) -> DesignFileError:
    """msgspec's refusal of the JSON value `tree` of a design, in words."""
    match = _MESSAGE.match(str(error))
    what, path = (match["what"], match["path"] or "") if match else (str(error), "")
    quoted = re.search(r"field `(.*)`", what, re.DOTALL)
    at = path or "design"
    try:
        if quoted and "unknown field" in what:
            names = _names(_follow(tree, _steps(path))[1])
            mend = nearest(quoted[1], names) or f"It takes {', '.join(names)}." if names else ""
            return DesignFileError(where, f"{at} has a field {quoted[1]!r} that isn't known.", mend, path)
        if quoted:
            return DesignFileError(where, f"{at} lacks the field {quoted[1]!r}.", "Add it.", path)
        return _wrong_value(where, path, tree)
    except (LookupError, TypeError):
        return DesignFileError(where, f"{at}: {what}.", "", path)
