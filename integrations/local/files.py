"""Files and folders of attempts: reads a text file, copies trees, takes what patterns name. Everything here blocks."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from bot.core.errors import BadFile, BadInput, Mistake
from integrations.specs.buildspec import Artifact
from integrations.specs.globs import matches

LARGEST_TEXT = 1_000_000


class Unfit(BadInput):
    """What an action was given or made can't be used; the sentence says why."""


def read_text(path: Path, name: str, missing: str) -> str:
    """Read a user's text file of at most 1 MB; `name` is it in sentences, `missing` is said if it isn't there.

    Raises `BadFile`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_TEXT + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadFile([Mistake(name, missing)]) from error
    except OSError as error:
        raise BadFile([Mistake(name, f"it can't be read: {error.strerror}.")]) from error
    if len(data) > LARGEST_TEXT:
        raise BadFile([Mistake(name, f"it has more than {LARGEST_TEXT:,} bytes.")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadFile([Mistake(f"{name} line {line}", "this is not UTF-8 text.")]) from error


def within(root: Path, path: Path) -> bool:
    """Tell whether a path, links followed, lies in `root`."""
    return path.resolve().is_relative_to(root.resolve())


def copy_tree(source: Path, into: Path) -> None:
    """Copy a folder with its links as links; the copy may be written to even if the original is read-only."""

    def copy(one: str, other: str) -> str:
        shutil.copy2(one, other, follow_symlinks=False)
        copied = Path(other)
        if not copied.is_symlink():
            copied.chmod(stat.S_IMODE(copied.stat().st_mode) | stat.S_IWUSR | stat.S_IRUSR)
        return other

    shutil.copytree(source, into, symlinks=True, copy_function=copy)
    for folder, _, _ in os.walk(into):
        Path(folder).chmod(stat.S_IMODE(Path(folder).stat().st_mode) | stat.S_IRWXU)


def remove(path: Path) -> None:
    """Remove a file or a whole folder; nothing if it is not there."""
    if path.is_dir() and not path.is_symlink():
        for folder, _, _ in os.walk(path):
            Path(folder).chmod(stat.S_IRWXU)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def bases(root: Path, base: str) -> list[Path]:
    """Find the folders that a `base-directory` names below `root` (it may be a pattern, or an absolute path in it)."""
    relative = base.removeprefix(str(root)).strip("/") or "."
    if ".." in Path(relative).parts:
        raise Unfit(f"The base-directory {base} leads out of the source folder.")
    if not any(char in relative for char in "*?["):
        return [root / relative] if (root / relative).is_dir() and within(root, root / relative) else []
    found = [Path(folder) / name for folder, names, _ in os.walk(root) for name in names]
    exactly = relative.count("/")
    fitting = (path.relative_to(root).as_posix() for path in found if not path.is_symlink())
    return [root / name for name in sorted(fitting) if name.count("/") == exactly and matches(name, (relative,))]


def matching(
    root: Path, base: Path, patterns: tuple[str, ...], excluded: tuple[str, ...] = ()
) -> Iterator[tuple[str, Path]]:
    """Yield (path relative to `base`, file) for the files that a pattern names, links followed.

    Raises `Unfit` if one of them is a link that leads out of `root`: a build must not carry the machine's files away.
    """
    patterns = tuple(pattern.removeprefix(f"{base}/") for pattern in patterns)
    for relative, file in _walk(root, base, "", frozenset()):
        if not matches(relative, patterns) or matches(relative, excluded):
            continue
        if not within(root, file):
            raise Unfit(
                f"{relative} is a link that leads out of the source folder.", fix="Leave it out by exclude-paths."
            )
        if file.is_file():
            yield relative, file


def _walk(root: Path, folder: Path, prefix: str, above: frozenset[Path]) -> Iterator[tuple[str, Path]]:
    real = folder.resolve()
    if real in above:  # a link to a folder that it is in
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path, relative = Path(entry.path), f"{prefix}{entry.name}"
        if entry.is_dir() and (not entry.is_symlink() or within(root, path)):
            yield from _walk(root, path, f"{relative}/", above | {real})
        else:
            yield relative, path


def gather(root: Path, artifact: Artifact, into: Path) -> int:
    """Copy an artifact's files; gives how many there were. Raises `Unfit`."""
    remove(into)
    into.mkdir(parents=True)
    count = 0
    for base in bases(root, artifact.base_directory):
        for relative, file in matching(root, base, artifact.files, artifact.exclude_paths):
            target = into / (file.name if artifact.discard_paths else relative)
            target.parent.mkdir(parents=True, exist_ok=True)
            if artifact.enable_symlinks and (base / relative).is_symlink() and not artifact.discard_paths:
                target.unlink(missing_ok=True)
                target.symlink_to((base / relative).readlink())
            else:
                shutil.copy2(file, target)
            count += 1
    return count
