"""Finds the language versions that a buildspec asks for on this machine, and puts them first on a build's PATH."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from integrations.local.files import Unfit

Runtimes = Mapping[str, Mapping[str, Path]]
"""As the catalogue says it: a runtime's name (`python`) to a version (`3.12`) to the folder of its programs."""


@dataclass(frozen=True, slots=True)
class Language:
    """How a runtime's programs are called; `{v}` is the version."""

    programs: tuple[str, ...]
    ask: tuple[str, ...] = ("--version",)


# User Guide, "Runtime versions in buildspec file".
LANGUAGES: Mapping[str, Language] = {
    "python": Language(("python{v}", "python3", "python")),
    "nodejs": Language(("node{v}", "node-{v}", "nodejs{v}", "node", "nodejs")),
    "java": Language(("java-{v}", "java"), ("-version",)),
    "golang": Language(("go{v}", "go"), ("version",)),
    "ruby": Language(("ruby{v}", "ruby")),
    "php": Language(("php{v}", "php")),
    "dotnet": Language(("dotnet",)),
    "docker": Language(("docker",)),
    "android": Language(("sdkmanager",)),
}


def shims(wanted: Mapping[str, str], known: Runtimes, path: str, into: Path) -> list[str]:
    """Give the folders that go first on PATH so that the programs have these versions. Raises `Unfit`.

    `into` is a folder for small scripts, where a program's usual name must lead to one of another name.
    """
    folders: list[str] = []
    for runtime, version in wanted.items():
        name, asked = runtime.strip().lower(), re.sub(r"^corretto|^openjdk", "", str(version).strip().lower())
        if (folder := _mapped(known.get(name, {}), str(version).strip(), asked)) is not None:
            if not folder.is_dir():
                raise Unfit(f"The catalogue says that {name} {version} is in {folder}, but there is no such folder.")
            folders.append(str(folder))
            continue
        language = LANGUAGES.get(name, Language((name,)))
        found, seen = _found(language, asked, path)
        if found is None:
            has = f"this machine has {name} {seen}" if seen else f"this machine has no {name}"
            fix = f"Install it, or name its folder in the catalogue under runtimes.{name}."
            raise Unfit(f"The buildspec asks for {name} {version}, but {has}.", fix=fix)
        _link(name, found, language, into)
    return [*folders, str(into)] if into.is_dir() else folders


def _mapped(versions: Mapping[str, Path], version: str, asked: str) -> Path | None:
    for one in (version, asked):
        if one in versions:
            return versions[one].expanduser()
    fitting = [one for one in versions if _fits(asked, one)]
    return versions[max(fitting, key=_numbers)].expanduser() if fitting else None


def _found(language: Language, asked: str, path: str) -> tuple[str | None, str]:
    """Find a program of the version asked for; gives the version of the last one that has another."""
    seen = ""
    exact = re.fullmatch(r"[0-9]+(\.[0-9]+)*", asked) is not None
    for pattern in language.programs:
        if "{v}" in pattern and not exact:
            continue
        program = shutil.which(pattern.format(v=asked), path=path)
        if program is None:
            continue
        version = _version(program, language.ask)
        if _fits(asked, version):
            return program, version
        seen = version or seen
    return None, seen


def _version(program: str, ask: tuple[str, ...]) -> str:
    try:
        run = subprocess.run([program, *ask], capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+(?:\.\d+)*", (run.stdout + run.stderr).decode(errors="replace"))
    return found[0] if found else ""


def _fits(asked: str, version: str) -> bool:
    """Tell whether `3.x`, `3`, `3.12` or `latest` mean this version."""
    if not version:
        return False
    if asked in {"latest", "x", "*", ""}:
        return True
    wanted = re.sub(r"(\.x|\.\*)+$", "", asked).split(".")
    return version.split(".")[: len(wanted)] == wanted


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _link(name: str, program: str, language: Language, into: Path) -> None:
    """Write small scripts under the usual names; links would make some programs look for their parts here."""
    quoted = shlex.quote(program)
    usual = [one for one in language.programs if "{v}" not in one]
    lines = dict.fromkeys(usual, f'exec {quoted} "$@"')
    if name == "python" and Path(program).name not in usual:
        lines |= dict.fromkeys(("pip", "pip3"), f'exec {quoted} -m pip "$@"')
    elif name != "python" and Path(program).name in usual:
        return
    into.mkdir(parents=True, exist_ok=True)
    for one, line in lines.items():
        (into / one).write_text(f"#!/bin/sh\n{line}\n")
        (into / one).chmod(0o755)
