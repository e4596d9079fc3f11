"""Keeps folders by their content: the same tree is stored once, and what is stored never changes."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

BLOCK = 1 << 20


class ArtifactStore:
    """Folders under `root`, each named by the SHA-256 of its tree (names, contents, the executable bit, links)."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self, *, shared: bool = False) -> None:
        """Make the folder, and throw away what a crash left half copied; what others may be copying just now stays."""
        if not shared and (self.root / "new").exists():
            _remove(self.root / "new")
        (self.root / "new").mkdir(parents=True, exist_ok=True)

    def keep(self, folder: Path) -> str:
        """Copy a folder (or a single file) in and give its digest; blocks, so call it in a thread.

        The digest is taken of what was copied, and the copy gets its name in one step: a crash leaves nothing half
        done, and a build that still writes can't put anything else under a name. Sockets, pipes and devices are left
        out. Raises `OSError`, for example when the disk is full.
        """
        temporary = Path(tempfile.mkdtemp(dir=self.root / "new"))
        try:
            digest = hashlib.sha256()
            if folder.is_dir():
                _copy_tree(folder, temporary / "tree", "", digest)
            else:
                (temporary / "tree").mkdir()
                _copy_file(folder, temporary / "tree" / folder.name, folder.name, digest)
            name = digest.hexdigest()
            final = self.folder(name)
            final.parent.mkdir(exist_ok=True)
            try:
                # A folder is renamed while it may still be written to (moving it changes its "..").
                (temporary / "tree").rename(final)
            except OSError:
                if not final.is_dir():
                    raise
            final.chmod(0o555)  # also a sign to `drop` that somebody needs it
        finally:
            _remove(temporary)
        return name

    def folder(self, digest: str) -> Path:
        """Give the stored folder; it and all in it is read-only. Copy it before changing anything."""
        return self.root / digest[:2] / digest

    def drop(self, digest: str, fresh: float) -> None:
        """Remove a stored folder that nobody needs, unless it was kept again since `fresh` (seconds since 1970).

        It loses its name in one step, so that nobody sees half of it. Blocks.
        """
        folder = self.folder(digest)
        if folder.stat().st_ctime >= fresh:
            return
        away = Path(tempfile.mkdtemp(dir=self.root / "new")) / "tree"
        folder.chmod(0o755)
        folder.rename(away)
        _remove(away.parent)

    def has(self, digest: str) -> bool:
        """Tell whether it is there."""
        return self.folder(digest).is_dir()


def _copy_tree(source: Path, target: Path, name: str, digest: hashlib._Hash) -> None:
    target.mkdir()
    with os.scandir(source) as entries:
        found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    for entry in found:
        inner = f"{name}/{entry.name}" if name else entry.name
        if entry.is_symlink():
            link = str(Path(entry.path).readlink())
            (target / entry.name).symlink_to(link)
            _say(digest, "link", inner, link.encode("utf-8", "surrogateescape"))
        elif entry.is_dir():
            _say(digest, "folder", inner, b"")
            _copy_tree(Path(entry.path), target / entry.name, inner, digest)
        elif entry.is_file():
            _copy_file(Path(entry.path), target / entry.name, inner, digest)
    if name:
        target.chmod(0o555)


def _copy_file(source: Path, target: Path, name: str, digest: hashlib._Hash) -> None:
    content = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as write:
        executable = bool(os.fstat(read.fileno()).st_mode & stat.S_IXUSR)
        while block := read.read(BLOCK):
            content.update(block)
            write.write(block)
    target.chmod(0o555 if executable else 0o444)
    _say(digest, "program" if executable else "file", name, content.digest())


def _say(digest: hashlib._Hash, kind: str, name: str, content: bytes) -> None:
    # Lengths first, so that no two different trees can read the same.
    for part in (kind.encode(), name.encode("utf-8", "surrogateescape"), content):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)


def _remove(folder: Path) -> None:
    """Remove a folder that may have read-only ones in it."""
    for inner, _, _ in os.walk(folder):
        Path(inner).chmod(0o755)
    shutil.rmtree(folder)
