"""Reads and writes AWS JSON 1.1 by botocore's service model: shapes, constraints, epoch seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from botocore.model import Shape

from integrations.local.aws.problems import Problem

DEEPEST = 40
"""Levels of nesting that are read; the deepest shape of the services has about ten."""
_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "character": (str,), "blob": (str,),
    "integer": (int,), "long": (int,), "float": (int, float), "double": (int, float), "boolean": (bool,),
    "timestamp": (int, float, str), "list": (list,), "map": (dict,), "structure": (dict,),
}  # fmt: skip


def read(shape: Shape, value: Any, not_valid: str = "ValidationException") -> Any:
    """Give the request's parameters, without members that the model doesn't know, which AWS ignores, too.

    Raises `Problem`: `SerializationException` for a wrong type, `not_valid` for broken constraints, all of them at once
    and in AWS's words.
    """
    given = _known(shape, value, "", 0)
    if broken := list(_broken(shape, given, "")):
        count = f"{len(broken)} validation error{'s' if len(broken) > 1 else ''} detected: "
        raise Problem(not_valid, count + "; ".join(broken))
    return given


def write(shape: Shape, value: Any) -> Any:
    """Give the answer as JSON: nulls left out, moments as epoch seconds.

    Only members of the model are written; an answer that breaks its constraints is found by `mistakes`.
    """
    if shape.type_name == "structure":
        members = shape.members.items()
        return {name: write(member, value[name]) for name, member in members if value.get(name) is not None}
    if shape.type_name == "list":
        return [write(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: write(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return round(value.timestamp(), 3)
    return value


def mistakes(shape: Shape, value: Any, place: str = "") -> list[str]:
    """Check an answer (before `write`) against its shape; gives what is wrong, unknown members too."""
    return [*_unknown(shape, value, place), *_broken(shape, value, place)]


def _known(shape: Shape, value: Any, place: str, depth: int) -> Any:
    kind = shape.type_name
    if depth > DEEPEST or not _fits(kind, value):
        where = f" at '{place}'" if place else ""
        raise Problem("SerializationException", f"Expected a {kind}{where}, but found {_named(value)}.")
    if kind == "structure":
        below = f"{place}." if place else ""
        return {
            name: _known(member, value[name], below + name, depth + 1)
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if kind == "list":
        return [_known(shape.member, item, f"{place}.{n}.member", depth + 1) for n, item in enumerate(value, start=1)]
    if kind == "map":
        return {key: _known(shape.value, item, f"{place}.{key}", depth + 1) for key, item in value.items()}
    return _moment(value, place) if kind == "timestamp" else value


def _fits(kind: str, value: Any) -> bool:
    return isinstance(value, _JSON_TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _named(value: Any) -> str:
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")


def _moment(value: Any, place: str) -> datetime:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Problem("SerializationException", f"Expected seconds since 1970 at '{place}'.") from error


def _broken(shape: Shape, value: Any, place: str) -> Iterator[str]:
    """Yield the constraints that a value breaks, in AWS's words."""
    kind = shape.type_name
    yield from _limits(shape, value, place)
    if kind == "structure":
        below = f"{place}." if place else ""
        for name in shape.required_members:
            if value.get(name) is None:
                yield _said(None, below + name, "Member must not be null")
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _broken(member, value[name], below + name)
    elif kind == "list":
        for number, item in enumerate(value, start=1):
            yield from _broken(shape.member, item, f"{place}.{number}.member")
    elif kind == "map":
        for key, item in value.items():
            yield from _broken(shape.key, key, f"{place}.{key}")
            yield from _broken(shape.value, item, f"{place}.{key}")


def _limits(shape: Shape, value: Any, place: str) -> Iterator[str]:
    rules, sized = shape.metadata, shape.type_name in {"string", "list", "map"}
    measured = len(value) if sized else value if shape.type_name in {"integer", "long", "float", "double"} else None
    if measured is not None:
        word = "length" if sized else "value"
        if "min" in rules and measured < rules["min"]:
            yield _said(value, place, f"Member must have {word} greater than or equal to {rules['min']}")
        if "max" in rules and measured > rules["max"]:
            yield _said(value, place, f"Member must have {word} less than or equal to {rules['max']}")
    if shape.type_name == "string":
        if shape.enum and value not in shape.enum:
            yield _said(value, place, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
        if "pattern" in rules and not _pattern(rules["pattern"]).fullmatch(value):
            yield _said(value, place, f"Member must satisfy regular expression pattern: {rules['pattern']}")


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _said(value: Any, place: str, rule: str) -> str:
    shown = "null" if value is None else str(value)
    shown = shown if len(shown) <= 100 else shown[:99] + "…"
    return f"Value '{shown}' at '{place}' failed to satisfy constraint: {rule}"


def _unknown(shape: Shape, value: Any, place: str) -> Iterator[str]:
    if shape.type_name == "structure" and isinstance(value, Mapping):
        for name in value:
            if name not in shape.members:
                yield f"{place}.{name} is not in the model"
            elif value[name] is not None:
                yield from _unknown(shape.members[name], value[name], f"{place}.{name}")
    elif shape.type_name == "list" and isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _unknown(shape.member, item, place)
    elif shape.type_name == "timestamp":
        if not isinstance(value, datetime):
            yield f"{place} is no moment"
    elif not _fits(shape.type_name, value):
        yield f"{place} is no {shape.type_name}"
