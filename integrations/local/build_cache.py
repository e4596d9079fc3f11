"""Keeps what a build's `cache` names between builds. Only standard library: the build's driver runs it.

An entry is a folder that never changes once it has its name, so that builds side by side can't disturb each other; a
lock is shared by those that read and owned by the one that puts an entry in its place or throws old ones away.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from integrations.specs.globs import matches


class Cache:
    """The entries of all projects below one folder; `most` bytes are kept, those that were used last."""

    def __init__(self, root: Path, project: str, most: int) -> None:
        self.root, self.most = root, most
        self._project = root / _named(project)
        self._project.mkdir(parents=True, exist_ok=True)

    def restore(self, source: Path, key: str, fallbacks: Sequence[str]) -> tuple[str, bool] | None:
        """Copy the entry of this key, or else the newest whose key begins with a fallback, into the source folder.

        User Guide, "Build specification reference", `cache/key` and `cache/fallback-keys`. Gives the key of what was
        found and whether it is exactly this one; `None` if there is nothing.
        """
        with self._locked(fcntl.LOCK_SH):
            entry = self._project / _named(key)
            if not (entry / "key").exists():
                found = [one for prefix in fallbacks for one in self._beginning_with(prefix)] if key else []
                if not found:
                    return None
                entry = found[0]
            os.utime(entry / "key")
            _copy(entry / "files", source)
            name = (entry / "key").read_text()
            return name, name == key

    def _beginning_with(self, key: str) -> list[Path]:
        entries = [one for one in self._project.iterdir() if (one / "key").exists()]
        found = [one for one in entries if key and (one / "key").read_text().startswith(key)]
        return sorted(found, key=lambda one: -(one / "key").stat().st_mtime)

    def save(self, source: Path, key: str, paths: tuple[str, ...]) -> tuple[int, int]:
        """Keep the files below the source folder that the patterns name; gives how many, and their bytes.

        More than the cache may hold is not kept: then the first number is 0.
        """
        new = Path(tempfile.mkdtemp(dir=self.root, prefix="new-"))
        try:
            count, size = 0, 0
            for name, path in _named_by(source, "", paths):
                size += path.lstat().st_size
                if size > self.most:
                    return 0, size
                target = new / "files" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target, follow_symlinks=False)
                count += 1
            if count == 0:
                return 0, 0
            (new / "size").write_text(str(size))
            (new / "key").write_text(key)
            with self._locked(fcntl.LOCK_EX):
                final = self._project / _named(key)
                if final.exists():
                    final.rename(new / "former")
                new.rename(final)
                shutil.rmtree(final / "former", ignore_errors=True)
                self._make_room()
            return count, size
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _make_room(self) -> None:
        """Throw away what was not used for longest, until the rest is small enough."""
        entries = sorted(
            (path.parent for path in self.root.glob("*/*/key")), key=lambda one: -(one / "key").stat().st_mtime
        )
        kept = 0
        for entry in entries:
            kept += int((entry / "size").read_text())
            if kept > self.most:
                shutil.rmtree(entry, ignore_errors=True)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        with (self.root / "lock").open("a") as lock:
            fcntl.flock(lock, how)
            yield


def _named(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32]


def _named_by(folder: Path, prefix: str, paths: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        name = f"{prefix}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _named_by(Path(entry.path), f"{name}/", paths)
        elif (entry.is_file(follow_symlinks=False) or entry.is_symlink()) and matches(name, paths):
            yield name, Path(entry.path)


def _copy(files: Path, into: Path) -> None:
    """Copy an entry; a file that the source has, too, is replaced, but no link of the source is followed."""
    for folder, names, found in os.walk(files):
        there = into / Path(folder).relative_to(files)
        if there.is_symlink() or (there.exists() and not there.is_dir()):
            there.unlink()
        there.mkdir(parents=True, exist_ok=True)
        links = [name for name in names if Path(folder, name).is_symlink()]
        for name in [*found, *links]:
            if (there / name).is_dir() and not (there / name).is_symlink():
                continue  # the source has a folder of this name
            (there / name).unlink(missing_ok=True)
            shutil.copy2(Path(folder, name), there / name, follow_symlinks=False)


def inside(path: str, source: Path) -> str | None:
    """Make a cache path relative to the source folder; `None` if it lies elsewhere."""
    path = path.strip().strip("'\"")
    if path.startswith(f"{source}/"):
        path = path.removeprefix(f"{source}/")
    return None if path.startswith(("/", "~")) or ".." in Path(path).parts else path.removeprefix("./")


def hash_files(patterns: Sequence[str], folder: Path) -> str:
    """Give one SHA-256 of all files that the patterns name, as the command `codebuild-hash-files` does."""
    digest = hashlib.sha256()
    for name, path in _named_by(folder, "", tuple(patterns)):
        content = b"" if path.is_symlink() else path.read_bytes()
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(hash_files(sys.argv[1:], Path.cwd()) + "\n")
