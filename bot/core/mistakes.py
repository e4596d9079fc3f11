"""Turns what pydantic found wrong in a file into sentences for a person: place, what was expected, how to mend it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bot.core.errors import Mistake

TYPE_NAMES = {
    dict: "a group of keys",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}

_GROUP = "expected a group of keys, but it is {type}."
_LIST = "expected a list, but it is {type}."
_NUMBER = "expected a whole number, but it is {type}."
SENTENCES = {
    "missing": "this key is missing.",
    "string_type": "expected text, but it is {type}.",
    "path_type": "expected a path as text, but it is {type}.",
    "int_type": _NUMBER,
    "int_from_float": _NUMBER,
    "int_parsing": "expected a whole number, but it is {shown}.",
    "bool_type": "expected true or false, but it is {type}.",
    "bool_parsing": "expected true or false, but it is {shown}.",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _GROUP,
    "model_type": _GROUP,
    "model_attributes_type": _GROUP,
    "mapping_type": _GROUP,
    "string_pattern_mismatch": "{shown} does not match {pattern}.",
    "string_too_long": "at most {max_length} characters are allowed, but it has {count}.",
    "string_too_short": "at least {min_length} characters are needed.",
    "too_long": "at most {max_length} entries are allowed, but there are {actual_length}.",
    "too_short": "at least {min_length} entries are needed, but there are {actual_length}.",
    "greater_than_equal": "expected a number of at least {ge}, but it is {shown}.",
    "less_than_equal": "expected a number of at most {le}, but it is {shown}.",
}
"""pydantic's error types as sentences."""

Path = tuple[str | int, ...]
"""Keys and list positions from a file's root to one place in it."""


def dotted(path: Iterable[str | int]) -> str:
    """Write a key path the way people say it: `phases.build.commands[2]`."""
    written = ""
    for part in path:
        written += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return written.removeprefix(".")


def one_of(choices: Iterable[str]) -> str:
    """List choices in a sentence: `A, B or C`."""
    words = list(choices)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def nearest(word: object, choices: Iterable[str]) -> str | None:
    """Suggest the choice that was probably meant, also when only case, dashes or underscores differ."""

    def plain(text: str) -> str:
        return re.sub(r"[-_ ]", "", text).lower()

    by_plain = {plain(choice): choice for choice in choices}
    found = difflib.get_close_matches(plain(str(word)[:200]), by_plain, n=1, cutoff=0.6)
    return f"Did you mean `{by_plain[found[0]]}`?" if found else None


def known(word: object, choices: Sequence[str], nouns: str) -> str:
    """Suggest the nearest choice, or list them all if none is near."""
    listed = f"Known {nouns} are {one_of(choices)}." if choices else f"There are no {nouns} yet."
    return nearest(word, choices) or listed


def named(value: object) -> str:
    """Name a value's type as the file's author would."""
    return "nothing" if value is None else TYPE_NAMES.get(type(value), type(value).__name__)


def shown(value: object) -> str:
    """Show a value from a file in a sentence, cut to 60 characters and kept to one line."""
    text = " ".join(str(value).split())
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`"


def keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """Give the keys that a file may have at a place below `model`; empty if anything is allowed there."""
    inside: Any = model
    for part in path:
        inside = _below(inside, part)
    found = _model_in(inside)
    return [field.alias or name for name, field in found.model_fields.items()] if found else []


def _below(annotation: Any, part: str | int) -> Any:
    """Step from a type to that of one of its keys or entries."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        return next((field.annotation for name, field in fields if part in (field.alias, name)), None)
    inner = get_args(annotation)
    if isinstance(get_origin(annotation), type) and issubclass(get_origin(annotation), (Mapping, Sequence)):
        return inner[1] if issubclass(get_origin(annotation), Mapping) else inner[0]
    return next((found for each in inner if (found := _below(each, part)) is not None), None)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model inside an annotation such as `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if isinstance(get_origin(annotation), type) and issubclass(get_origin(annotation), (Mapping, Sequence)):
        return None
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)


def mistakes_in(error: ValidationError, model: type[BaseModel], place: Callable[[Path], str]) -> list[Mistake]:
    """Say every validation error as a sentence; `place` names where a path stands in the file."""
    found = [dict(details) for details in error.errors(include_url=False)]
    return [_mistake(details, model, place) for details in found if not _follows_from_another(details)]


def _follows_from_another(found: dict[str, Any]) -> bool:
    """Tell whether a list only counts as too short because its entries have mistakes of their own."""
    return found["type"] == "too_short" and bool(len(found["input"]) >= found["ctx"]["min_length"])


def _mistake(found: dict[str, Any], model: type[BaseModel], place: Callable[[Path], str]) -> Mistake:
    path: Path = found["loc"]
    kind, given, context = found["type"], found["input"], found.get("ctx", {})
    if kind == "extra_forbidden":
        choices = keys_at(model, path[:-1])
        return Mistake(
            place(path), "this key is not known here.", known(path[-1], choices, "keys") if choices else None
        )
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        return Mistake(place(path), f"{shown(given)} is not one of {one_of(choices)}.", nearest(given, choices))
    if kind == "value_error":
        return Mistake(place(path), str(context["error"]))
    sentence = SENTENCES.get(kind)
    if sentence is None:
        return Mistake(place(path), f"{found['msg']}.")
    count = len(given) if isinstance(given, (str, list, dict)) else 0
    return Mistake(place(path), sentence.format(**context, type=named(given), shown=shown(given), count=count))
