"""`sayso worker` before it works: what is not set says so in one sentence."""

from __future__ import annotations

from pathlib import Path

from tests.support.commands import sayso

CLUSTER = {"SAYSO_RUNNER": "cluster", "SAYSO_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}


def test_a_worker_of_nobody_says_what_to_set(tmp_path: Path) -> None:
    done = sayso("worker", folder=tmp_path)
    assert done.returncode == 2
    assert "A worker shares the work of servers, but SAYSO_RUNNER is local." in done.stderr


def test_a_wrong_label_is_named(tmp_path: Path) -> None:
    done = sayso("worker", "--label", "Has GPU", folder=tmp_path, **CLUSTER)
    assert done.returncode == 2
    assert "Has GPU is not a label." in done.stderr


def test_a_worker_without_its_database_says_so(tmp_path: Path) -> None:
    done = sayso("worker", folder=tmp_path, **CLUSTER)
    assert done.returncode == 2
    assert "The database postgresql://nobody@127.0.0.1:1/nothing can't be used" in done.stderr
    assert "Traceback" not in done.stderr
