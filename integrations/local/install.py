"""CodeDeploy's Install event: puts a revision's files in place and takes the former one's away.

Only standard library: the deployment's driver runs it.
"""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Broken(Exception):
    """The deployment fails here; the text says why."""

    def __init__(self, sentence: str, *, code: str = "UnknownError", script: str = "") -> None:
        """Say it; `code` as CodeDeploy's LifecycleErrorCode, `script` is the one that failed, if it was one."""
        self.code, self.script = code, script
        super().__init__(sentence)


def install(plan: dict[str, Any], bundle: Path, root: Path) -> Iterator[str]:
    """Install into `root` (User Guide, "AppSpec 'files' section" and "Rollback behavior with existing content").

    Yields what is worth a line in the log. Raises `Broken`, before anything is touched if files are in the way.
    """
    listing = root / ".sayso" / "installed.json"
    former = set(_read(listing))
    wanted = _wanted(plan["files"], bundle, root)
    behavior = plan["file_exists_behavior"]
    in_the_way = [path for path in wanted if path not in former and os.path.lexists(root / path)]
    if in_the_way and behavior == "DISALLOW":
        fix = "set file_exists_behavior to OVERWRITE or RETAIN, or remove it"
        raise Broken(f"{in_the_way[0]} exists already and was not put there by a deployment; {fix}")
    if behavior == "RETAIN":
        for path in in_the_way:
            del wanted[path]
    # Both are listed while it is done: a deployment that breaks off here is cleaned up by the next.
    _write(listing, sorted(former | set(wanted)))
    for path in sorted(former - set(wanted), reverse=True):
        _remove(root, path)
    for path, source in wanted.items():
        _put(source, root / path)
    _write(listing, sorted(wanted))
    yield f"Install: {len(wanted)} files put in place"
    for permission in plan["permissions"]:
        yield from _permit(permission, root)


def _wanted(files: list[dict[str, str]], bundle: Path, root: Path) -> dict[str, Path]:
    """Map paths in the target to the bundle's files."""
    wanted: dict[str, Path] = {}
    for entry in files:
        source, destination = bundle / entry["source"], Path(entry["destination"])
        if source.is_dir():
            found = [
                Path(folder) / name
                for folder, folders, names in os.walk(source)
                for name in _files(folder, folders, names)
            ]
            pairs = [(destination / path.relative_to(source), path) for path in found]
        else:
            pairs = [(destination / source.name, source)]
        for path, file in pairs:
            if path.parts[0] == ".sayso":
                raise Broken("the folder .sayso of a target can't be deployed to")
            if not (root / path).parent.resolve().is_relative_to(root.resolve()):
                raise Broken(f"{path} would lie outside of the target, because of a link in it")
            if str(path) in wanted:
                raise Broken(f"{path} would be put in place twice; the bundle's files overlap")
            wanted[str(path)] = file
    return wanted


def _files(folder: str, folders: list[str], names: list[str]) -> list[str]:
    """Give what is copied of a folder: files, and links to folders as the links they are."""
    return [*names, *(name for name in folders if Path(folder, name).is_symlink())]


def _put(source: Path, target: Path) -> None:
    """Copy one file aside and move it into place: a running program keeps the file that it was started from."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir() and not target.is_symlink():
        raise Broken(f"{target.name} is a folder there, but a file in the bundle")
    aside = target.with_name(f".{target.name[:200]}.sayso-new")
    aside.unlink(missing_ok=True)
    shutil.copy2(source, aside, follow_symlinks=False)
    aside.replace(target)


def _remove(root: Path, path: str) -> None:
    file = root / path
    if not file.parent.resolve().is_relative_to(root.resolve()) or (file.is_dir() and not file.is_symlink()):
        return
    file.unlink(missing_ok=True)
    for folder in file.parents:  # folders that are empty now go, too
        if folder == root or not folder.is_relative_to(root):
            break
        try:
            folder.rmdir()
        except OSError:
            break


def _permit(permission: dict[str, Any], root: Path) -> Iterator[str]:
    """Set mode and owner (User Guide, "AppSpec 'permissions' section")."""
    top = root / permission["object"]
    if not top.exists() or not top.resolve().is_relative_to(root.resolve()):
        raise Broken(f"permissions: {permission['object']} does not exist in the target")
    if permission["special"]:
        yield f"permissions: acls and context of {permission['object']} are not set on this machine"
    owner, group = permission["owner"], permission["group"]
    if (owner or group) and os.geteuid() != 0:
        yield f"permissions: only root could change the owner of {permission['object']}"
        owner = group = None
    for path in _below(top):
        kind = "directory" if path.is_dir() else "file"
        name = path.name
        chosen = permission["pattern"] == "**" or path == top or fnmatch.fnmatch(name, permission["pattern"])
        left_out = path != top and any(fnmatch.fnmatch(name, pattern) for pattern in permission["exceptions"])
        if kind not in permission["type"] or not chosen or left_out or path.is_symlink():
            continue
        try:
            if owner:
                shutil.chown(path, user=owner)
            if group:
                shutil.chown(path, group=group)
        except LookupError as error:
            raise Broken(f"permissions: {error}") from error
        if permission["mode"]:
            path.chmod(int(permission["mode"], 8))


def _below(top: Path) -> list[Path]:
    if not top.is_dir():
        return [top]
    found = [Path(folder) / name for folder, folders, names in os.walk(top) for name in (*folders, *names)]
    return [top, *(path for path in found if ".sayso" not in path.parts)]


def _read(listing: Path) -> list[str]:
    try:
        return [str(path) for path in json.loads(listing.read_text())]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError):
        raise Broken(
            "the list of what the last deployment put in place (.sayso/installed.json) can't be read"
        ) from None


def _write(listing: Path, paths: list[str]) -> None:
    new = listing.with_suffix(".new")
    new.write_text(json.dumps(paths))
    new.replace(listing)
