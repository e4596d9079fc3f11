from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FILES = ("requirements.txt", "requirements-dev.txt")


def pinned(file: str) -> dict[str, list[str]]:
    """Every requirement's pinned versions by name (more than one where Pythons or systems differ)."""
    versions: dict[str, list[str]] = {}
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            requirement = Requirement(line.rstrip(" \\"))
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", line
            versions.setdefault(canonicalize_name(requirement.name), []).append(specifier.version)
    return versions


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_is_pinned_with_hashes_and_no_line_says_anything_else(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        assert re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==\S+( ; [^\\]+?)?( +--hash=sha256:[0-9a-f]{64})+", line), line[:100]


@pytest.mark.parametrize("file", FILES)
def test_no_registry_is_named(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted-host|^-|\bfile:|@ ", text, re.MULTILINE)


def test_what_pyproject_asks_for_is_pinned_within_its_ranges() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    direct = [*project["project"]["dependencies"], *groups["build"]]
    for file, asked in (
        ("requirements.txt", direct),
        ("requirements-dev.txt", [*direct, *(each for each in groups["dev"] if isinstance(each, str))]),
    ):
        versions = pinned(file)
        for text in asked:
            wanted = Requirement(text)
            found = versions.get(canonicalize_name(wanted.name), [])
            assert found, f"{wanted.name} is not in {file}; run `make lock`"
            assert all(version in wanted.specifier for version in found), f"{text}, but {file} has {found}"


def test_both_files_pin_the_same_versions() -> None:
    base, dev = (pinned(file) for file in FILES)
    assert base == {name: versions for name, versions in dev.items() if name in base}
