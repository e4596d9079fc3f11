"""The artifact store, on a real disk."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from integrations.local.artifacts import ArtifactStore


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    made = ArtifactStore(tmp_path / "artifacts")
    made.open()
    return made


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "inner" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "inner" / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("a.txt")
    (folder / "dangling").symlink_to("/nowhere")
    return folder


def trees(store: ArtifactStore) -> int:
    return sum(1 for found in store.root.glob("??/*"))


def test_a_tree_comes_back_as_it_was(store: ArtifactStore, tree: Path) -> None:
    kept = store.folder(store.keep(tree))
    assert (kept / "a.txt").read_text() == "a"
    assert os.access(kept / "inner" / "run.sh", os.X_OK)
    assert not (kept / "a.txt").stat().st_mode & stat.S_IXUSR
    assert (kept / "link").readlink() == Path("a.txt")
    assert (kept / "dangling").is_symlink()


def test_the_same_content_is_stored_once(store: ArtifactStore, tree: Path, tmp_path: Path) -> None:
    shutil.copytree(tree, tmp_path / "twin", symlinks=True)
    os.utime(tmp_path / "twin" / "a.txt", (1, 1))
    assert store.keep(tree) == store.keep(tmp_path / "twin")
    assert trees(store) == 1


@pytest.mark.parametrize("change", ["content", "name", "mode", "link", "empty folder", "moved text"])
def test_any_difference_gives_another_digest(store: ArtifactStore, tree: Path, change: str) -> None:
    before = store.keep(tree)
    match change:
        case "content":
            (tree / "a.txt").write_text("b")
        case "name":
            (tree / "a.txt").rename(tree / "b.txt")
        case "mode":
            (tree / "a.txt").chmod(0o755)
        case "link":
            (tree / "link").unlink()
            (tree / "link").symlink_to("inner")
        case "empty folder":
            (tree / "more").mkdir()
        case "moved text":
            (tree / "a.txt").unlink()
            (tree / "inner" / "a.txt").write_text("a")
    assert store.keep(tree) != before
    assert trees(store) == 2


def test_what_is_stored_is_read_only(store: ArtifactStore, tree: Path) -> None:
    kept = store.folder(store.keep(tree))
    for path in (kept, kept / "a.txt", kept / "inner", kept / "inner" / "run.sh"):
        assert not path.stat().st_mode & 0o222


def test_a_single_file_is_kept_too(store: ArtifactStore, tree: Path) -> None:
    assert (store.folder(store.keep(tree / "a.txt")) / "a.txt").read_text() == "a"


def test_sockets_and_pipes_are_left_out(store: ArtifactStore, tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tree / "s"))
    kept = store.folder(store.keep(tree))
    listening.close()
    assert sorted(path.name for path in kept.iterdir()) == ["a.txt", "dangling", "inner", "link"]


def test_a_tree_that_cant_be_copied_leaves_nothing_behind(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        store.keep(tmp_path / "nowhere")
    assert trees(store) == 0
    assert list((store.root / "new").iterdir()) == []


def test_what_a_crash_left_half_copied_is_thrown_away_at_the_start(store: ArtifactStore) -> None:
    half = store.root / "new" / "x" / "tree"
    half.mkdir(parents=True)
    (half / "a").write_text("a")
    half.chmod(0o555)
    store.open()
    assert list((store.root / "new").iterdir()) == []
