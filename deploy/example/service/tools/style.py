"""Checks every Python file's style, one JUnit case per file and rule: `python3 -m tools.style REPORT FOLDER...`."""

from __future__ import annotations

import ast
import sys
import unittest
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.junit import run

LONGEST = 120


def it_compiles(path: Path, text: str) -> Iterator[str]:
    """Python reads it without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile(text, str(path), "exec", dont_inherit=True)
    yield from ()


def lines_are_clean(path: Path, text: str) -> Iterator[str]:
    """No line is too long, has a tab or ends in blanks; the file ends with a newline."""
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > LONGEST:
            yield f"{path}:{number} is {len(line)} characters long; at most {LONGEST}"
        if "\t" in line or line != line.rstrip():
            yield f"{path}:{number} has a tab or blanks at its end"
    if text and not text.endswith("\n"):
        yield f"{path} does not end with a newline"


def public_things_say_what_they_do(path: Path, text: str) -> Iterator[str]:
    """Modules, public classes and functions have a docstring; tests say it by their name."""
    if path.parts[0] == "tests":
        return
    tree = ast.parse(text)
    if text and not ast.get_docstring(tree):
        yield f"{path} has no docstring"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):  # noqa: SIM102
            if not ast.get_docstring(node):
                yield f"{path}:{node.lineno} {node.name} has no docstring"


def imports_are_used(path: Path, text: str) -> Iterator[str]:
    """Every imported name is used."""
    tree = ast.parse(text)
    imported = {
        (alias.asname or alias.name).split(".")[0]: node.lineno
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom)) and getattr(node, "module", "") != "__future__"
        for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    # Annotations are text to the parser's eye only where they are quoted; ours are not.
    for name in sorted(set(imported) - used):
        yield f"{path}:{imported[name]} imports {name} and does not use it"


RULES: tuple[Callable[[Path, str], Iterator[str]], ...] = (
    it_compiles,
    lines_are_clean,
    public_things_say_what_they_do,
    imports_are_used,
)


class StyleCheck(unittest.TestCase):
    """One rule on one file."""

    def __init__(self, path: Path, rule: Callable[[Path, str], Iterator[str]]) -> None:
        super().__init__("check")
        self.path, self.rule = path, rule

    def id(self) -> str:
        """Name it by the file and the rule."""
        return f"style.{self.path.with_suffix('').as_posix()}: {self.rule.__name__}"

    def check(self) -> None:
        """Fail with every place that breaks the rule."""
        broken = list(self.rule(self.path, self.path.read_text(encoding="utf-8")))
        if broken:
            self.fail("; ".join(broken))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("Usage: python3 -m tools.style REPORT FOLDER...")
    files = sorted(path for folder in sys.argv[2:] for path in Path(folder).rglob("*.py"))
    sys.exit(run(unittest.TestSuite(StyleCheck(path, rule) for path in files for rule in RULES), Path(sys.argv[1])))
