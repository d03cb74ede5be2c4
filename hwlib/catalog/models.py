"""The LLMs of the catalog, and finding one by name or by its Hugging Face path."""

from __future__ import annotations

from functools import cache

import msgspec

from hwlib.catalog.lookup import find, fold
from hwlib.resources import ResourceError, read_json
from hwlib.workload.llm import LlmArchitecture

# Words of checkpoint names that leave the architecture as it is: tuning, packaging and number format.
_IGNORED = frozenset(
    {"hf", "instruct", "chat", "it", "base", "meta", "fp", "nvfp", "bf", "awq", "gptq", "gguf", "preview", "inst"}
)


@cache
def models() -> tuple[LlmArchitecture, ...]:
    """Every LLM of the catalog, those included that can't be evaluated (`cannot_generate` says why)."""
    try:
        return tuple(msgspec.convert(read_json("models/models.json")["models"], list[LlmArchitecture]))
    except (msgspec.ValidationError, KeyError, TypeError) as error:
        raise ResourceError(f"resources/models/models.json is damaged: {error}") from None


def find_model(name: str) -> LlmArchitecture:
    """The LLM called `name` ("GPT-3 175B", "Mixtral 8x7B", "meta-llama/Llama-2-7b-hf").

    Case, punctuation, the organisation and suffixes such as -hf or -Instruct-v0.1 don't count; a unique prefix is
    enough. Raises UnknownNameError with the nearest names, AmbiguousNameError with the candidates.
    """
    return find(name, models(), what="model", fold=fold_model)


def fold_model(name: str) -> str:
    """A model's name without organisation, tuning and format: "meta-llama/Llama-2-7b-hf" -> "llama 2 7 b"."""
    words = fold(name.rstrip("/").rpartition("/")[2]).split()
    kept: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        release = before == "v" and word.startswith("0.")
        format_width = before in ("fp", "nvfp", "bf") and word.isdigit()
        if not (word in _IGNORED or word == "v" or release or format_width):
            kept.append(word)
    return " ".join(kept)
