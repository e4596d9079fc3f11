"""Reads YAML of strangers: bounded, without tags and alias bombs, scalars as they are spelled, with lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

from bot.core.errors import BadFile, Mistake
from integrations.specs.mistakes import Path, dotted, shown

LARGEST = 1_000_000
"""Characters that are read at most."""
MOST_NODES = 20_000
"""Values that are read at most, aliases counted as often as they are used."""
DEEPEST = 50
CORE = "tag:yaml.org,2002:"
MERGE, NULL = CORE + "merge", CORE + "null"
SCALARS = frozenset(CORE + name for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge"))


@dataclass
class YamlText:
    """What stands in a YAML file: objects, lists and text (`None` for nothing), and the line of every place."""

    file: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    nodes: int = 0

    def place(self, path: Path) -> str:
        """Name a place: file, line of the nearest thing that stands there, key path."""
        known = next((path[:n] for n in range(len(path), -1, -1) if path[:n] in self.lines), ())
        line = f" line {self.lines[known]}" if known in self.lines else ""
        return f"{self.file}{line}" + (f", {dotted(path)}" if path else "")


class _BoundedLoader(yaml.SafeLoader):
    """Stops reading where it gets too much, not only when all of it is read."""

    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise yaml.composer.ComposerError(None, None, f"more than {MOST_NODES:,} values", self.get_mark())
        return super().compose_node(parent, index)


def by_line(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Sort mistakes the way somebody mends a file: from its top to its end."""

    def line(mistake: Mistake) -> int:
        found = re.search(r" line (\d+)", mistake.place)
        return int(found[1]) if found else 0

    return sorted(mistakes, key=line)


def read_yaml(text: str, file: str, what: str) -> YamlText:
    """Read one document; `what` names it in sentences (`a buildspec`).

    Values keep their spelling (`no`, `0755`, `1.10` are text), since CodeBuild passes them on like that, too.
    Raises `BadFile` for what is no YAML (with line and column); doubled keys and tags are left in `mistakes`.
    """
    if len(text) > LARGEST:
        raise BadFile([Mistake(file, f"it has {len(text):,} characters; at most {LARGEST:,} are read.")])
    try:
        root = yaml.compose(text, Loader=_BoundedLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file} line {mark.line + 1} column {mark.column + 1}" if mark else file
        raise BadFile([Mistake(place, f"this is not YAML: {error.problem or error.context}.")]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise BadFile([Mistake(f"{file} line {line}", "a control character that YAML does not allow.")]) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadFile([Mistake(file, "this is not YAML, or it is nested too deeply.")]) from error
    read = YamlText(file)
    if root is None:
        raise BadFile([Mistake(file, f"it is empty; expected {what}.")])
    read.value = _value(root, (), read)
    if not isinstance(read.value, dict):
        raise BadFile([Mistake(f"{file} line 1", f"expected {what}: an object with keys.")])
    return read


def _value(node: yaml.Node, path: Path, read: YamlText) -> Any:
    read.nodes += 1
    if read.nodes > MOST_NODES or len(path) > DEEPEST:
        raise BadFile(
            [Mistake(read.place(path[:3]), "it is nested too deeply or repeats itself too often by aliases.")]
        )
    read.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, read)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, n), read) for n, item in enumerate(node.value)]
    if node.tag not in SCALARS:
        read.mistakes.append(
            Mistake(read.place(path), f"the tag {shown(node.tag)} can't be used here.", "Leave it out.")
        )
    return None if node.tag == NULL else node.value


def _mapping(node: yaml.MappingNode, path: Path, read: YamlText) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    made: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            read.mistakes.append(Mistake(f"{read.file} line {line}", "a key must be plain text."))
        elif key.tag == MERGE:
            for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                found = _value(one, path, read)
                merged = {**found, **merged} if isinstance(found, dict) else merged
        elif key.value in made:
            read.mistakes.append(Mistake(f"{read.file} line {line}", f"the key {shown(key.value)} stands twice."))
        else:
            read.lines[(*path, key.value)] = line
            made[key.value] = _value(value, (*path, key.value), read)
    return {**merged, **made}
