"""Builds that take too much: time, processes, memory, log, disk. Each ends in a clear sentence, and nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from integrations.local.actions import Outcome
from integrations.local.build import Project
from integrations.local.build_plan import Builder, prepare
from integrations.local.build_story import BuildStory
from integrations.local.processes import clean_environment, python
from integrations.specs.buildspec import parse_buildspec
from tests.unit.local_runners.builds import build, runner, said


def commands(*lines: str) -> str:
    return "version: 0.2\nphases:\n  build:\n    commands:\n" + "".join(
        f"      - |\n        {line}\n" for line in lines
    )


AWAY = "(setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &)"


async def test_a_build_with_too_many_processes_is_ended(bench: Any) -> None:
    many = "i=0; while [ $i -lt 60 ]; do (setsid sleep 600 &); i=$((i+1)); done; sleep 600"
    result = await build(bench, commands(many), project={"most_processes": 20})
    assert result.outcome is Outcome.FAILED
    assert result.detail.endswith("` started too many processes; a build may have 20 at once"), result.detail
    assert result.phases
    assert result.phases[-2].status == "FAILED"


async def test_a_build_with_too_much_memory_is_ended(bench: Any) -> None:
    eat = f"{sys.executable} -c 'import time; x = b\"x\" * 200_000_000; time.sleep(600)' & wait"
    result = await build(bench, commands(eat), project={"memory_mb": 100})
    assert result.outcome is Outcome.FAILED
    assert result.detail.endswith("used too much memory; a build may use 100 MB in all")


async def test_the_address_space_of_a_process_is_bound_by_the_system(bench: Any) -> None:
    eat = f"{sys.executable} -c 'b\"x\" * 2_000_000_000' 2>&1 | tail -1; echo on"
    result = await build(bench, commands(eat), project={"address_space_mb": 1000})
    assert result.outcome is Outcome.SUCCEEDED
    assert said(bench.log) == ["MemoryError", "on"]


async def test_time_is_up_for_a_build_that_ignores_term_even_while_no_server_is_there(bench: Any) -> None:
    minutes: Any = 0.03
    project = Project.model_construct(timeout_minutes=minutes)
    source = bench.tree("code", {"buildspec.yml": commands(f"trap '' TERM; {AWAY}; touch ../ready; sleep 600")})
    attempt = bench.attempt({"Code": source}, configuration={"ProjectName": "unit"})
    first = runner(bench, projects={"unit": project})
    job = asyncio.create_task(first.perform(attempt, interrupted=False))
    await bench.until((bench.tmp / "attempt-1" / "ready").exists)
    bench.leaving = True
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    await bench.until(lambda: not bench.processes())
    bench.leaving = False
    result = await first.perform(attempt, interrupted=True)
    assert result.outcome is Outcome.FAILED
    assert result.detail.endswith("took too long; a build may take 0.03 minutes in all")
    assert result.phases
    assert result.phases[-2].status == "TIMED_OUT"


FLOOD = """import sys
for n in range({lines}):
    sys.stdout.write(f"{{n:09}} " + "x" * 89 + "\\n")
"""


@pytest.mark.parametrize("lines", [15_000, 400_000])
async def test_of_a_flood_the_head_and_the_tail_are_kept(bench: Any, lines: int) -> None:
    files = {"flood.py": FLOOD.format(lines=lines)}
    spec = commands(f"{sys.executable} flood.py; echo done $SECRET")
    result = await build(bench, spec, files=files, log_bytes=2_000_000, secrets=("000000005 xx",))
    assert result.outcome is Outcome.SUCCEEDED
    shown = [int(line[:9]) for line in bench.log.splitlines() if line[:9].isdigit()]
    assert "\n***xxx" in bench.log
    assert result.log
    assert result.log.lines[-2] == "done"
    if lines == 15_000:
        assert shown == [n for n in range(lines) if n != 5]
        return
    assert "bytes of this log were dropped here" in bench.log
    assert shown[:100] == [n for n in range(101) if n != 5]
    assert shown[-1] == lines - 1
    gap = [n for n in range(1, len(shown)) if shown[n] != shown[n - 1] + 1 and shown[n] != 6]
    assert len(gap) == 1, "one piece is missing, and nothing else"
    assert 1_300_000 < (bench.tmp / "log.txt").stat().st_size < 2_100_000
    assert not list((bench.tmp / "attempt-1" / "driver").glob("raw.log*"))


@pytest.mark.soak
async def test_500_megabytes_of_log_fill_neither_the_disk_nor_the_memory(bench: Any) -> None:
    spec = commands("yes 'an ordinary line of a build log' | head -c 500000000; echo end")
    job = asyncio.create_task(build(bench, spec))
    most = 0
    while not job.done():
        await asyncio.sleep(0.2)
        for path in bench.tmp.rglob("*log*"):
            with contextlib.suppress(OSError):
                most = max(most, sum(one.lstat().st_size for one in (path, *path.parent.glob("raw.log.*"))))
    result = await job
    assert result.outcome is Outcome.SUCCEEDED
    assert result.log
    assert result.log.lines[-2] == "end"
    assert most <= 130_000_000
    assert (bench.tmp / "log.txt").stat().st_size <= 100_001_000
    assert psutil.Process().memory_info().rss < 500_000_000


def test_the_raw_log_of_a_flood_takes_no_more_room_than_allowed(tmp_path: Path) -> None:
    script = f"""
import os, sys
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from integrations.local.outlet import Outlet
outlet = Outlet(Path({str(tmp_path / "raw")!r}), head=100_000, part=50_000)
for n in range(3000):
    os.write(1, b"x" * 999 + b"\\n")
outlet.close()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes.pop("raw") == 100_000
    assert len(sizes) == 2
    assert 50_000 <= sum(sizes.values()) <= 100_000


def test_a_full_disk_ends_the_build_with_a_sentence(bench: Any) -> None:
    source = bench.tree("code", {"buildspec.yml": commands("yes | head -c 100000", "sleep 600")})
    attempt = bench.attempt({"Code": source})
    plan = prepare(attempt, Builder(bench.tmp / "data", {}, clean_environment(bench.of_server), {}))
    driver = bench.tmp / "attempt-1" / "driver"
    driver.mkdir()
    (driver / "plan.json").write_text(json.dumps(plan))
    (driver / "raw.log").symlink_to("/dev/full")
    command = python("integrations.local.build_driver", str(driver / "plan.json"))
    run = subprocess.run(command, env=plan["environment"], start_new_session=True, timeout=120, check=False)
    spec = parse_buildspec((source / "buildspec.yml").read_text(), "b")
    story = BuildStory(source, spec, plan)
    for line in (driver / "journal").read_text().splitlines():
        story.read(json.loads(line))
    outcome, detail = story.verdict(run.returncode)
    assert outcome is Outcome.FAILED
    assert detail.endswith("was ended: the disk is full, and its log can't be written. Make room, then retry.")
    assert story.phases[-1].status == "FAILED"


async def test_a_full_disk_under_the_servers_own_log_is_a_sentence(bench: Any) -> None:
    (bench.tmp / "log.txt").symlink_to("/dev/full")
    result = await build(bench, commands("echo hello; sleep 600"))
    assert result.outcome is Outcome.FAILED
    assert result.detail.startswith("The disk is full:")
    assert result.error == "SystemUnavailable"
    assert os.strerror(errno.ENOSPC) not in result.detail


async def test_the_actions_own_limit_counts_if_it_is_shorter(bench: Any) -> None:
    source = bench.tree("code", {"buildspec.yml": commands("sleep 600")})
    attempt = bench.attempt({"Code": source})
    short: Any = 0.01
    declaration = attempt.declaration.model_copy(update={"timeout_in_minutes": short})
    object.__setattr__(attempt, "declaration", declaration)
    result = await runner(bench).perform(attempt, interrupted=False)
    assert result.detail == "BUILD: `sleep 600` took too long; a build may take 0.01 minutes in all"
    assert result.error == "TimedOut"


async def test_each_attempt_begins_in_a_clean_folder(bench: Any) -> None:
    for number in (1, 2):
        result = await build(bench, commands("test ! -e left; touch left; export LEFT=1"), number=number)
        assert result.outcome is Outcome.SUCCEEDED
