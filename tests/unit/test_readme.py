"""What the README says is true of the code: its files, settings, dependencies, commands and sample catalogue."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer.main

from bot.catalogue import load_catalogue
from bot.cli.command import build
from bot.core.command_table import COMMANDS
from bot.core.grammar import parse_mention, parse_slash
from bot.settings import Settings
from integrations.local.target import LocalTarget

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_every_make_command_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said = set(re.findall(r"(?:^|`)make ([a-z]+)", TEXT, re.MULTILINE))
    assert {"demo", "test"} <= said <= targets


def test_every_sayso_command_exists() -> None:
    known = set(typer.main.get_command(build()).commands)  # type: ignore[attr-defined]
    said = set(re.findall(r"\bsayso ([a-z]+)\b", " ".join(re.findall(r"`[^`\n]+`|```sh\n.*?```", TEXT, re.DOTALL))))
    assert said
    assert said <= known


def test_the_sample_catalogue_has_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "sayso.toml").write_text(blocks("toml")[0])
    catalogue = load_catalogue(tmp_path / "sayso.toml", {"local": LocalTarget})
    assert set(catalogue.services["checkout"].environments) == {"staging", "prod"}


def test_every_setting_is_in_the_table() -> None:
    names = {field.alias or f"SAYSO_{name.upper()}" for name, field in Settings.model_fields.items()}
    assert {name for name in names if f"`{name}`" not in TEXT} == set()


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[\[<>=~]", each)[0] for each in project["dependencies"]}
    explained = TEXT.split("## Why each dependency")[1].split("\n## ")[0]
    assert {name for name in names if name not in explained} == set()


def test_every_folder_of_the_architecture_exists() -> None:
    tree = TEXT.split("## Architecture")[1].split("```")[1]
    roots = {name: name for name in ("bot", "integrations", "skills", "deploy", "tests")}
    root = ""
    for line in tree.splitlines():
        head = line.split("/")[0].strip()
        root = roots.get(head, root) if not line.startswith(" ") else root
        for name in re.findall(r"([a-z0-9_]+)/", line.removeprefix(f"{root}/") if not line.startswith(" ") else line):
            assert (ROOT / root / name).is_dir(), f"{root}/{name}"
        for name in re.findall(r"([a-z_]+\.py)", line):
            assert (ROOT / root / name).is_file(), f"{root}/{name}"


@pytest.mark.parametrize("typed", sorted(set(re.findall(r"`(/(?:deploy|release)[^`…]*)`", TEXT))))
def test_every_command_that_people_are_told_to_type_is_understood(typed: str, tmp_path: Path) -> None:
    (tmp_path / "sayso.toml").write_text(blocks("toml")[0])
    words = load_catalogue(tmp_path / "sayso.toml", {"local": LocalTarget}).vocabulary()
    command, _, text = typed.partition(" ")
    assert parse_slash(command, text, words)


def test_every_command_stands_in_the_table() -> None:
    table = TEXT.split("## What you can say")[1].split("\n## ")[0]
    missing = {spec.verb.value for spec in COMMANDS if f"`{spec.slash} {spec.verb}" not in table}
    assert missing <= {"deploy", "help"}, "these two have no word of their own to type"


def test_the_mention_that_people_are_told_to_type_is_understood(tmp_path: Path) -> None:
    (tmp_path / "sayso.toml").write_text(blocks("toml")[0])
    words = load_catalogue(tmp_path / "sayso.toml", {"local": LocalTarget}).vocabulary()
    said = re.findall(r"`@Sayso (deploy[^`]+)`", TEXT)
    assert said
    for text in said:
        assert parse_mention(f"<@U0SAYSO> {text}", words)
