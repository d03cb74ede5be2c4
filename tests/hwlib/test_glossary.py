"""The glossary: every word of the house, in at most two lines."""

from __future__ import annotations

import re
from pathlib import Path

GLOSSARY = (Path(__file__).parent.parent.parent / "docs" / "glossary.md").read_text("utf-8")
WORDS = (
    "operator", "operational intensity", "roofline", "ridge point", "prefill", "decode", "TTFT", "TPOT", "KV cache",
    "weight-stationary", "tile", "wave", "crossbar", "bit line", "DAC", "ADC", "bit-serial", "bit-slicing", "NoC",
    "HBM stack", "tensor parallel", "memory wall",
)  # fmt: skip


def entries() -> dict[str, str]:
    return dict(re.findall(r"^- \*\*(.+?)\*\*: (.+(?:\n  .+)*)", GLOSSARY, flags=re.MULTILINE))


def test_the_words_of_the_field_are_explained() -> None:
    known = {word.strip().casefold() for term in entries() for word in (term, *term.split(","))}
    assert [word for word in WORDS if word.casefold() not in known] == []


def test_each_word_is_explained_in_at_most_two_lines() -> None:
    assert {term: text for term, text in entries().items() if len(text.splitlines()) > 2} == {}
    assert [line for line in GLOSSARY.splitlines() if len(line) > 120] == []


def test_words_stand_in_alphabetical_order_and_once() -> None:
    assert GLOSSARY.count("- **") == len(entries())
    for section in GLOSSARY.split("\n## ")[1:]:
        terms = [term.casefold() for term in re.findall(r"^- \*\*(.+?)\*\*", section, flags=re.MULTILINE)]
        assert terms == sorted(terms)
