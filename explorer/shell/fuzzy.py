"""How well a few typed letters fit a name: in order, the better the closer and the nearer to the starts of words."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

WORD_START = 8.0
IN_A_ROW = 5.0
PLAIN = 1.0
SKIPPED = 0.15
WHOLE_WORD = 6.0
IN_WORD = 8.0
HINT = 4.0


def plain(text: str) -> str:
    """Text without case and accents, of which dashes and points are blanks: "Llama-3.1" is "llama 3 1"."""
    bare = unicodedata.normalize("NFKD", text).casefold()
    kept = (c for c in bare if not unicodedata.combining(c))
    return "".join(c if c.isalnum() else " " for c in kept)


def score(query: str, text: str) -> float | None:
    """How well every word of `query` fits `text`; None where one does not. An empty query fits all with 0."""
    place, total = plain(text), 0.0
    for word in plain(query).split():
        found = _word(word, place)
        if found is None:
            return None
        total += found
    return total - 0.01 * len(place) if total else 0.0


def best(query: str, names: Iterable[str], hints: Iterable[str] = ()) -> float | None:
    """The best score of several names of one thing; None where none fits.

    In its `hints`, such as what it does in words, the query's words must begin words: single letters fit any sentence.
    """
    found = [s for name in names if (s := score(query, name)) is not None]
    words = plain(query).split()
    for hint in hints:
        beginnings = [0, *(i + 1 for i, letter in enumerate(plain(hint)) if letter == " ")]
        if words and all(any(plain(hint).startswith(word, at) for at in beginnings) for word in words):
            found.append(HINT * len(words))
    return max(found, default=None)


def _word(word: str, place: str) -> float | None:
    """The score of one word: as a whole where it stands there, else its letters one after the other."""
    whole = place.find(word)
    starts = [i for i in range(len(place)) if place.startswith(word, i) and _starts(place, i)]
    if starts:
        return WORD_START + IN_A_ROW * (len(word) - 1) + WHOLE_WORD
    if whole >= 0:
        return IN_WORD + IN_A_ROW * (len(word) - 1)
    # Letters without any order are no match: at least every other one must begin a word or follow its neighbour.
    return _letters(word, place)


def _letters(word: str, place: str) -> float | None:
    """The best way to find the letters in their order, by dynamic programming over where each one stands."""
    ends: dict[int, float] = {-1: 0.0}
    for letter in word:
        after: dict[int, float] = {}
        for at, got in ends.items():
            start = place.find(letter, at + 1)
            while start >= 0:
                value = got + _worth(place, at, start)
                if value > after.get(start, float("-inf")):
                    after[start] = value
                start = place.find(letter, start + 1)
        if not after:
            return None
        ends = after
    found = max(ends.values())
    return found if found >= len(word) * (PLAIN + IN_A_ROW) / 2 else None


def _worth(place: str, before: int, at: int) -> float:
    if before >= 0 and at == before + 1:
        return IN_A_ROW
    return (WORD_START if _starts(place, at) else PLAIN) - SKIPPED * min(at - before - 1, 20)


def _starts(place: str, at: int) -> bool:
    return at == 0 or place[at - 1] == " "
