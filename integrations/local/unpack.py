"""Unpacks a zip file that nobody vouches for: nothing outside of its folder, and no more than a bound."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bot.core.errors import BadInput

BLOCK = 1 << 20
LONGEST_LINK = 4096


class BadArchive(BadInput):
    """The zip file can't be unpacked; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may come out of one archive."""

    size: int = 20 << 30
    """Bytes, all files together."""
    entries: int = 200_000


def is_zip(file: Path) -> bool:
    """Tell whether a file begins as a zip file does; an empty archive counts, a program with one behind it doesn't."""
    with file.open("rb") as read:
        return read.read(4) in {b"PK\x03\x04", b"PK\x05\x06"}


def unpack(archive: Path, into: Path, bounds: Bounds, check: Callable[[], None] = lambda: None) -> int:
    """Unpack into a folder, which is made; gives the number of files. Blocks.

    Links are made last and only if they stay inside, so that no file can be written through one. `check` is called
    every megabyte and may raise. Raises `BadArchive`, `OSError` (a full disk).
    """
    into.mkdir(parents=True)
    links: list[tuple[Path, str]] = []
    left, files = bounds.size, 0
    try:
        with zipfile.ZipFile(archive) as opened:
            found = opened.infolist()
            if len(found) > bounds.entries:
                raise BadArchive(f"It holds {len(found):,} files; at most {bounds.entries:,} are unpacked.")
            for entry in found:
                path, mode = into / _safe(entry.filename), entry.external_attr >> 16
                (path if entry.is_dir() else path.parent).mkdir(parents=True, exist_ok=True)
                files += not entry.is_dir()
                if stat.S_ISLNK(mode):
                    with opened.open(entry) as packed:
                        links.append((path, packed.read(LONGEST_LINK).decode("utf-8", "surrogateescape")))
                elif not entry.is_dir():
                    left -= _write(opened, entry, path, left, check)
                    path.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise BadArchive(f"It is no zip file that can be unpacked: {error}.") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BadArchive("It has a file and a folder of the same name.") from error
    for path, target in links:
        _link(path, target, into)
    for path, _ in links:  # only now: one link may lead through another
        if not path.resolve().is_relative_to(into.resolve()):
            raise BadArchive(f"Its link {path.relative_to(into)} leads out of it.")
    return files


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left: int, check: Callable[[], None]) -> int:
    """Write one file of at most `left` bytes, whatever the archive claims; gives its size."""
    size = 0
    with archive.open(entry) as packed, path.open("wb") as written:
        while block := packed.read(BLOCK):
            check()
            size += len(block)
            if size > left:
                raise BadArchive("Unpacked it would have more bytes than may come out of one archive.")
            written.write(block)
    return size


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")) or "\0" in name:
        raise BadArchive(f"Its entry {name[:100]!r} leads out of it.")
    if not path.parts:
        raise BadArchive("It has an entry without a name.")
    return path


def _link(path: Path, target: str, into: Path) -> None:
    if not target or "\0" in target or PurePosixPath(target).is_absolute():
        raise BadArchive(f"Its link {path.relative_to(into)} leads out of it.")
    try:
        path.symlink_to(target)
    except FileExistsError as error:
        raise BadArchive(f"It has {path.relative_to(into)} twice.") from error
