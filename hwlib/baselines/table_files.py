"""Tables as files: CSV, plain or gzip by what they hold; headers made out; copies with columns added, written whole."""

from __future__ import annotations

import csv
import gzip
import os
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class TableError(ValueError):
    """A table that can't be used at all; the message says what is missing and what is there."""


@contextmanager
def open_table(path: Path) -> Iterator[IO[str]]:
    """A table as text, unpacked where it is gzip, whatever its name says. Raises TableError, also while it is read."""
    try:
        with path.open("rb") as raw:
            start = raw.read(2)
        if start in _UTF16:
            raise TableError(f"{path} is UTF-16 text; save it as UTF-8")
        opener: Callable[..., IO[str]] = gzip.open if start == _GZIP else open
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    except EOFError:
        raise TableError(f"{path} is cut short: the gzip file ends before its end mark") from None
    except (OSError, zlib.error) as error:
        raise TableError(f"can't read {path}: {getattr(error, 'strerror', None) or error}") from None
    except UnicodeDecodeError:
        raise TableError(f"{path} isn't a CSV table: it isn't UTF-8 text") from None
    except csv.Error as error:
        raise TableError(f"{path} isn't a CSV table: {error}") from None


def header_of(path: Path, fields: Sequence[str] | None, known: Iterable[str]) -> tuple[str, ...]:
    """The names in a header, spelt as in `known` where only case and spaces differ.

    Raises TableError where there is none, one name comes twice, or the columns aren't parted by commas.
    """
    spelt = {name.casefold(): name for name in known}
    names = [name.strip() for name in fields or ()]
    header = tuple(spelt.get(name.casefold(), name) for name in names)
    if not any(header):
        raise TableError(f"{path} is empty: there is no header and no row")
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and mark in header[0]:
            raise TableError(f"{path} has its columns parted by {word}; commas are needed")
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise TableError(f"{path} has the column {twice[0]} more than once")
    return header


def copy_with(table: Path, out: Path, added: Sequence[str], cells: Callable[[int], Sequence[str]]) -> None:
    """Copy a table row by row with columns added; `cells` gives those of a line number. gzip where `out` ends in .gz.

    Whole or not at all. Raises TableError where it can't be written.
    """
    temporary = out.parent / f".chipscape-{secrets.token_hex(6)}.tmp"
    try:
        with _writer(temporary, out.suffix == ".gz") as target, open_table(table) as source:
            reader, writer = csv.reader(source), csv.writer(target, lineterminator="\n")
            rows = ([*row, *(cells(reader.line_num) if reader.line_num > 1 else added)] for row in reader if row)
            writer.writerows(rows)
        os.replace(temporary, out)
    except OSError as error:
        raise TableError(f"can't write {out}: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def _writer(path: Path, packed: bool) -> Iterator[IO[str]]:
    opener: Callable[..., IO[str]] = gzip.open if packed else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:
        yield file
