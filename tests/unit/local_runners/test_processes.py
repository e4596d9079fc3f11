"""Detached processes: they outlive us, are found again, and end with all they started."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from dataclasses import replace
from typing import Any

import psutil
import pytest

from integrations.local.driven import Driven
from integrations.local.ending import end, of_attempt
from integrations.local.host import Host
from integrations.local.processes import MARK, Detached, Lost, clean_environment, started_at


def start(bench: Any, script: str, name: str = "p") -> Detached:
    environment = {**clean_environment(os.environ), MARK: bench.id}
    output = bench.tmp / f"{name}.out"
    return Detached.start(
        bench.tmp / name,
        ["/bin/sh", "-c", script],
        host=bench.host,
        cwd=bench.tmp,
        environment=environment,
        output=output,
    )


async def ended(process: Detached) -> int | None:
    async for _ in process.looks():
        pass
    return process.exit_code()


async def test_the_exit_code_and_the_output_are_kept(bench: Any) -> None:
    process = start(bench, "echo out; echo err >&2; exit 7")
    assert await ended(process) == 7
    assert (bench.tmp / "p.out").read_text() == "out\nerr\n"
    assert (bench.tmp / "p.out").stat().st_mode & 0o077 == 0


async def test_the_same_folder_is_never_started_twice(bench: Any) -> None:
    process = start(bench, "echo once")
    with pytest.raises(FileExistsError):
        start(bench, "echo twice")
    await ended(process)
    assert (bench.tmp / "p.out").read_text() == "once\n"


async def test_one_that_ran_and_ended_meanwhile_is_found_with_its_result(bench: Any) -> None:
    await ended(start(bench, "exit 3"))
    found = Detached.again(bench.tmp / "p", bench.host)
    assert found
    assert found.exit_code() == 3
    # Its result stands even for another boot: it is written down.
    assert Detached.again(bench.tmp / "p", replace(bench.host, boot="another"))


async def test_one_that_still_runs_is_found_and_followed(bench: Any) -> None:
    process = start(bench, "while [ ! -f go ]; do sleep 0.05; done; exit 5")
    found = Detached.again(bench.tmp / "p", bench.host)
    assert found
    assert found.alive()
    (bench.tmp / "go").touch()
    await ended(process)  # the real parent buries it, as init does for one whose parent died
    assert await ended(found) == 5


async def test_one_that_vanished_without_a_result_is_lost(bench: Any) -> None:
    process = start(bench, "echo running; sleep 600")
    await bench.until(lambda: (bench.tmp / "p.out").exists() and (bench.tmp / "p.out").read_text())
    assert await end(lambda: of_attempt(bench.id, process.identity), grace=0) > 0
    assert not process.alive()
    with pytest.raises(Lost):
        Detached.again(bench.tmp / "p", bench.host)


@pytest.mark.parametrize("other", [{"boot": "another"}, {"name": "elsewhere"}])
async def test_one_of_another_boot_or_machine_is_lost_even_if_a_process_has_its_number(
    bench: Any, other: dict[str, str]
) -> None:
    process = start(bench, "sleep 600")
    host: Host = replace(bench.host, **other)
    with pytest.raises(Lost):
        Detached.again(bench.tmp / "p", host)
    await end(lambda: of_attempt(bench.id, process.identity), grace=0)
    process.alive()


async def test_a_number_that_belongs_to_another_process_today_is_not_taken_for_it(bench: Any) -> None:
    await ended(start(bench, "true"))
    record = bench.tmp / "p" / "process.json"
    host, boot, _, started = json.loads(record.read_text())
    record.write_text(json.dumps([host, boot, os.getpid(), started - 1]))
    (bench.tmp / "p" / "exit").unlink()
    with pytest.raises(Lost):
        Detached.again(bench.tmp / "p", bench.host)


def test_one_whose_record_was_not_yet_written_never_began_and_may_start(bench: Any) -> None:
    (bench.tmp / "p").mkdir()  # the server died just after taking the lock
    assert Detached.again(bench.tmp / "p", bench.host) is None
    assert not (bench.tmp / "p").exists()


async def test_one_that_was_recorded_but_never_told_to_go_had_no_effect_and_may_start(bench: Any) -> None:
    await ended(start(bench, "true"))
    for name in ("exit", "begun"):
        (bench.tmp / "p" / name).unlink()
    assert Detached.again(bench.tmp / "p", bench.host) is None


async def test_the_end_reaches_those_that_ignore_term_that_forked_away_and_that_dropped_their_mark(bench: Any) -> None:
    script = (
        "trap '' TERM; "
        "setsid sh -c 'trap \"\" TERM; echo $$ >away; while :; do sleep 1; done' & "
        "env -i /bin/sh -c 'echo $$ >bare; while :; do sleep 1; done' & "
        "while :; do sleep 1; done"
    )
    process = start(bench, script)
    files = [bench.tmp / "away", bench.tmp / "bare"]
    await bench.until(lambda: all(file.exists() and file.read_text().strip() for file in files))
    pids = [int(file.read_text()) for file in files]
    assert await end(lambda: of_attempt(bench.id, process.identity), grace=0.3) >= 4
    assert not process.alive()
    assert [started_at(pid) for pid in pids] == [None, None]
    assert of_attempt(bench.id, process.identity) == []


async def test_one_that_minds_term_ends_by_itself(bench: Any) -> None:
    process = start(bench, "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done")
    out = bench.tmp / "p.out"
    await bench.until(lambda: "ready" in out.read_text())
    await end(lambda: of_attempt(bench.id, process.identity), grace=60)
    assert "bye" in out.read_text()
    process.alive()


def test_children_see_nothing_secret_of_ours() -> None:
    ours = {
        "PATH": "/bin", "LC_ALL": "C.UTF-8", "https_proxy": "http://proxy:3128", "HTTP_PROXY": "http://me:pw@proxy",
        "SLACK_BOT_TOKEN": "x", "SAYSO_API_TOKENS": "x", "AWS_SECRET_ACCESS_KEY": "x", "PYTHONPATH": "/x",
    }  # fmt: skip
    assert set(clean_environment(ours)) == {"PATH", "LC_ALL", "https_proxy"}


@pytest.mark.parametrize(("boot", "ends"), [("this", 1), ("an earlier one", 0)])
async def test_a_session_is_the_attempts_only_in_the_boot_that_it_was_opened_in(
    bench: Any, boot: str, ends: int
) -> None:
    leader = subprocess.Popen(  # noqa: ASYNC220
        ["/bin/sh", "-c", "sleep 600 & echo $!"], stdout=subprocess.PIPE, start_new_session=True, text=True
    )
    assert leader.stdout is not None
    daemon = psutil.Process(int(leader.stdout.readline()))
    leader.stdout.close()
    leader.wait()
    work = Driven(bench.attempt({}), replace(bench.host, boot="this"), ())
    (work.folder / "process").mkdir(parents=True)
    (work.folder / "process" / "process.json").write_text(json.dumps([bench.host.name, boot, leader.pid, 1.0]))
    for name, text in (("process/exit", "0"), ("plan.json", "{}"), ("log-begins", "0"), ("raw.log", "")):
        (work.folder / name).write_text(text)
    try:
        assert work.find()
        assert await work.end(0) == ends
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            daemon.kill()
