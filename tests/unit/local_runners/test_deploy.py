"""Deployments: CodeDeploy's lifecycle with real scripts and real services, ending and going on after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from bot.core.model import Rollout
from integrations.local.actions import AfterCrash, Attempt, Outcome, Result
from integrations.local.deploy import CodeDeployRunner, DeploymentGroup, DeploymentTarget
from integrations.local.ending import marked

EVENTS = ("ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService")
TRACE = 'echo "$LIFECYCLE_EVENT $VERSION $PORT" >>"$SAYSO_TARGET/../trace"\n'


def appspec(
    *, events: tuple[str, ...] = EVENTS, more: str = "", timeout: int = 60, destination: str = "/opt/app"
) -> str:
    hooks = "".join(f"  {event}:\n    - {{location: hooks/{event}.sh, timeout: {timeout}}}\n" for event in events)
    files = f"files:\n  - {{source: app, destination: {destination}}}\n"
    return f"version: 0.0\nos: linux\n{files}{more}hooks:\n{hooks}"


def revision(bench: Any, version: str, *, spec: str | None = None, files: Any = None, **scripts: str) -> Path:
    hooks = {f"hooks/{event}.sh": f"#!/bin/sh\nVERSION={version}\n{TRACE}" for event in EVENTS}
    for event, script in scripts.items():
        hooks[f"hooks/{event}.sh"] += script
    app = {"app/version": version, f"app/only-{version}": "x", **(files or {})}
    tree: Path = bench.tree(f"bundle-{version}", {"appspec.yml": spec or appspec(), **app, **hooks})
    return tree


def runner(bench: Any, *names: str, **more: Any) -> CodeDeployRunner:
    targets = tuple(
        DeploymentTarget(folder=bench.tmp / "targets" / name, environment={"PORT": f"80{n}"})
        for n, name in enumerate(names or ("one",))
    )
    applications = {"checkout": {"staging": DeploymentGroup(targets=targets)}}
    return CodeDeployRunner(applications=applications, host=bench.host, of_server=bench.of_server, **more)


def attempt(bench: Any, bundle: Path, number: int = 1, **configuration: Any) -> Attempt:
    names = {"ApplicationName": "checkout", "DeploymentGroupName": "staging", **configuration}
    made: Attempt = bench.attempt(
        {"App": bundle}, category="Deploy", provider="CodeDeploy", configuration=names, number=number
    )
    return made


async def deploy(bench: Any, bundle: Path, number: int = 1, names: tuple[str, ...] = ("one",), **more: Any) -> Result:
    return await runner(bench, *names, **more).perform(attempt(bench, bundle, number), interrupted=False)


def trace(bench: Any) -> list[str]:
    lines: list[str] = (bench.tmp / "targets" / "trace").read_text().splitlines()
    return lines


def placed(bench: Any, name: str = "one") -> dict[str, str]:
    root = bench.tmp / "targets" / name
    files = [path for path in root.rglob("*") if path.is_file() and ".sayso" not in path.parts]
    return {str(path.relative_to(root)): path.read_text() for path in files}


async def test_the_lifecycle_runs_in_order_and_the_old_revision_stops_itself(bench: Any) -> None:
    first = await deploy(bench, revision(bench, "v1"))
    assert (first.outcome, first.detail) == (Outcome.SUCCEEDED, ""), bench.log
    assert first.rollout == Rollout(done=1, total=1, step="ValidateService", target="one")
    assert trace(bench) == [f"{event} v1 800" for event in EVENTS[1:]]
    assert placed(bench) == {"opt/app/version": "v1", "opt/app/only-v1": "x"}
    second = await deploy(bench, revision(bench, "v2"), number=2)
    assert second.outcome is Outcome.SUCCEEDED
    assert trace(bench)[4:] == ["ApplicationStop v1 800", *(f"{event} v2 800" for event in EVENTS[1:])]
    assert placed(bench) == {"opt/app/version": "v2", "opt/app/only-v2": "x"}
    steps = [p.rollout.step for p in bench.told if p.rollout][-6:]
    assert steps == [
        "DownloadBundle",
        "BeforeInstall",
        "Install",
        "AfterInstall",
        "ApplicationStart",
        "ValidateService",
    ]


async def test_hooks_see_codedeploys_variables_and_nothing_of_ours(bench: Any) -> None:
    bundle = revision(bench, "v1", ValidateService="env; pwd; ls")
    assert (await deploy(bench, bundle)).outcome is Outcome.SUCCEEDED
    found = dict(line.split("=", 1) for line in bench.log.splitlines() if "=" in line)
    assert found["APPLICATION_NAME"] == "checkout"
    assert found["DEPLOYMENT_GROUP_NAME"] == "staging"
    assert found["DEPLOYMENT_ID"].startswith("d-")
    assert len(found["DEPLOYMENT_ID"]) == 11
    assert found["DEPLOYMENT_GROUP_ID"]
    assert found["LIFECYCLE_EVENT"] == "ValidateService"
    assert found["SAYSO_TARGET"] == str(bench.tmp / "targets" / "one")
    assert not {"SAYSO_ATTEMPT", "SLACK_BOT_TOKEN", "AWS_SECRET_ACCESS_KEY"} & set(found)
    assert "appspec.yml" in bench.log.splitlines()


async def test_targets_follow_one_another_and_the_first_failure_ends_it(bench: Any) -> None:
    fails = 'if [ "$PORT" = 801 ]; then echo "no answer" >&2; exit 7; fi\n'
    result = await deploy(bench, revision(bench, "v1", ValidateService=fails), names=("a", "b", "c"))
    assert result.outcome is Outcome.FAILED
    assert result.detail == "b: ValidateService: `hooks/ValidateService.sh` ended with exit code 7"
    assert result.rollout == Rollout(done=1, total=3, step="ValidateService", target="b")
    assert result.log
    assert "no answer" in result.log.lines
    assert placed(bench, "a")
    assert not (bench.tmp / "targets" / "c").exists()


async def test_after_a_failed_deployment_the_next_one_replaces_what_it_put_there(bench: Any) -> None:
    await deploy(bench, revision(bench, "v1"))
    assert (await deploy(bench, revision(bench, "v2", ValidateService="exit 1"), number=2)).outcome is Outcome.FAILED
    result = await deploy(bench, revision(bench, "v1"), number=3)
    assert result.outcome is Outcome.SUCCEEDED
    assert placed(bench) == {"opt/app/version": "v1", "opt/app/only-v1": "x"}
    assert [line for line in trace(bench) if line.startswith("ApplicationStop")] == ["ApplicationStop v1 800"] * 2


@pytest.mark.parametrize(
    ("behavior", "outcome", "content"),
    [
        ("DISALLOW", Outcome.FAILED, "mine"),
        ("OVERWRITE", Outcome.SUCCEEDED, "v1"),
        ("RETAIN", Outcome.SUCCEEDED, "mine"),
    ],
)
async def test_files_that_are_already_there_are_treated_as_the_appspec_says(
    bench: Any, behavior: str, outcome: Outcome, content: str
) -> None:
    bench.tree("targets/one", {"opt/app/version": "mine"})
    spec = appspec(more=f"file_exists_behavior: {behavior}\n")
    result = await deploy(bench, revision(bench, "v1", spec=spec))
    assert result.outcome is outcome
    assert placed(bench)["opt/app/version"] == content
    if outcome is Outcome.FAILED:
        assert result.detail.startswith("one: Install: opt/app/version exists already")
        assert "opt/app/only-v1" not in placed(bench)


async def test_modes_are_set_where_the_appspec_says(bench: Any) -> None:
    more = 'permissions:\n  - {object: /opt/app, pattern: "*.sh", except: ["b.sh"], mode: 0750, type: [file]}\n'
    files = {"app/run.sh": "", "app/b.sh": "", "app/data": ""}
    await deploy(bench, revision(bench, "v1", spec=appspec(more=more), files=files))
    app = bench.tmp / "targets" / "one" / "opt" / "app"
    assert [(app / name).stat().st_mode & 0o777 for name in ("run.sh", "b.sh", "data")] == [0o750, 0o755, 0o644]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run scripts as somebody else")
async def test_a_script_runs_as_the_user_that_the_appspec_names(bench: Any) -> None:
    for folder in (bench.tmp, *bench.tmp.parents):
        if not (mode := folder.stat().st_mode) & stat.S_IXOTH:  # wherever the tests' folders are
            folder.chmod(mode | stat.S_IXOTH)
    spec = appspec(events=()).replace("hooks:\n", "hooks: {ValidateService: [{location: who.sh, runas: nobody}]}\n")
    result = await deploy(bench, revision(bench, "v1", spec=spec, files={"who.sh": "#!/bin/sh\nid -un\n"}))
    assert result.outcome is Outcome.SUCCEEDED, bench.log
    assert pwd.getpwnam("nobody").pw_name in bench.log.splitlines()


async def test_a_script_without_a_shebang_or_the_executable_bit_runs_all_the_same(bench: Any) -> None:
    spec = appspec(events=()).replace("hooks:\n", "hooks: {ValidateService: [{location: plain}]}\n")
    result = await deploy(bench, revision(bench, "v1", spec=spec, files={"plain": "echo plain\n"}))
    assert result.outcome is Outcome.SUCCEEDED
    assert "plain" in bench.log.splitlines()


async def test_a_script_that_hangs_is_ended_at_its_timeout(bench: Any) -> None:
    spec = appspec(events=("ValidateService",), timeout=1)
    hang = "trap '' TERM\n(trap '' TERM; sleep 600) &\nsetsid sleep 603 &\nwhile :; do sleep 1; done\n"
    result = await deploy(bench, revision(bench, "v1", spec=spec, ValidateService=hang))
    assert result.outcome is Outcome.FAILED
    sentence = "one: ValidateService: `hooks/ValidateService.sh` took longer than 1 seconds and was ended"
    assert result.detail == sentence
    assert bench.processes() == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"ApplicationName": "chekout"},
            "The catalogue knows no application called `chekout`. Did you mean `checkout`?",
        ),
        ({"DeploymentGroupName": "x"}, "knows no deployment group of checkout called `x`. Known: staging."),
    ],
)
async def test_what_the_catalogue_does_not_know_is_named(bench: Any, change: Any, sentence: str) -> None:
    result = await runner(bench).perform(attempt(bench, revision(bench, "v1"), **change), interrupted=False)
    assert result.outcome is Outcome.FAILED
    assert sentence in result.detail


async def test_what_the_bundle_lacks_is_said_before_anything_is_touched(bench: Any) -> None:
    bundle = revision(bench, "v1")
    (bundle / "hooks" / "ValidateService.sh").unlink()
    result = await deploy(bench, bundle)
    sentence = "appspec.yml, hooks.ValidateService[1].location: the input artifact has no hooks/ValidateService.sh."
    assert result.detail == sentence
    (bundle / "appspec.yml").unlink()
    result = await deploy(bench, bundle, number=2)
    assert result.detail == "appspec.yml: a deployment needs this file, but the input artifact App has none."
    assert not (bench.tmp / "targets").exists()


async def test_a_link_in_the_target_leads_nothing_out_of_it(bench: Any) -> None:
    outside = bench.tree("outside", {})
    bench.tree("targets/one", {})
    (bench.tmp / "targets" / "one" / "opt").symlink_to(outside)
    result = await deploy(bench, revision(bench, "v1"))
    assert result.detail.startswith("one: Install: opt/app/")
    assert list(outside.iterdir()) == []


async def test_a_target_that_cannot_be_written_to_is_a_sentence(bench: Any) -> None:
    bench.tree("targets", {"one": "a file"})
    result = await deploy(bench, revision(bench, "v1"))
    assert result.outcome is Outcome.FAILED
    assert result.detail.startswith("one: ApplicationStop: ")


SERVICE = "setsid sleep 600 >/dev/null 2>&1 &\nnohup sleep 601 &\n"


def services(bench: Any) -> list[psutil.Process]:
    found = marked("SAYSO_HOOK", lambda value: value.startswith(bench.id))
    return [process for process in found if process.name() == "sleep"]


async def test_the_services_it_starts_outlive_the_deployment(bench: Any) -> None:
    assert (await deploy(bench, revision(bench, "v1", ApplicationStart=SERVICE))).outcome is Outcome.SUCCEEDED
    await bench.until(lambda: len(services(bench)) == 2)
    assert (await deploy(bench, revision(bench, "v1"), number=2)).outcome is Outcome.SUCCEEDED
    assert len(services(bench)) == 2


WAIT = 'touch "$SAYSO_TARGET/../reached"\ntrap "" TERM\nwhile [ ! -f "$SAYSO_TARGET/../go" ]; do sleep 0.05; done\n'


async def test_a_cancel_ends_the_script_under_way_and_leaves_finished_ones_services_alone(bench: Any) -> None:
    bundle = revision(bench, "v1", ApplicationStart=SERVICE, ValidateService=f"setsid sleep 602 &\n{WAIT}")
    job = asyncio.create_task(runner(bench).perform(attempt(bench, bundle), interrupted=False))
    await bench.until((bench.tmp / "targets" / "reached").exists)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    left = {process.environ()["SAYSO_HOOK"].split("/")[-2] for process in bench.processes()}
    assert left == {"ApplicationStart"}
    assert "[Sayso] one: ValidateService: stopped" in bench.log


FLOOD = "yes 'an ordinary line of a script' | head -c {bytes}\necho the end of $LIFECYCLE_EVENT\n"


async def test_of_a_script_that_prints_too_much_the_head_and_the_tail_are_kept(bench: Any) -> None:
    spec = appspec(events=("AfterInstall", "ValidateService"))
    scripts = {"AfterInstall": "echo the very beginning\n" + FLOOD.format(bytes=60_000_000)}
    job = asyncio.create_task(
        deploy(bench, revision(bench, "v1", spec=spec, **scripts, ValidateService="echo fine\n"), log_bytes=2_000_000)
    )
    most = 0
    while not job.done():
        await asyncio.sleep(0.05)
        with contextlib.suppress(OSError):
            used = [path.lstat().st_blocks * 512 for path in (bench.tmp / "attempt-1" / "driver").iterdir()]
            most = max(most, sum(used))
    assert (await job).outcome is Outcome.SUCCEEDED, bench.log
    assert "\nthe very beginning\n" in bench.log
    assert "bytes of this log were dropped here" in bench.log
    assert bench.log.index("the end of AfterInstall") < bench.log.index("ValidateService: hooks/") < len(bench.log)
    assert bench.log.splitlines()[-1] == "fine"
    assert (bench.tmp / "log.txt").stat().st_size < 2_200_000
    assert most < 20_000_000
    assert not list((bench.tmp / "attempt-1" / "driver").glob("raw.log*"))


async def test_a_service_that_prints_on_after_the_deployment_lives_on(bench: Any) -> None:
    talks = '(while :; do echo tick; sleep 0.05; touch "$SAYSO_TARGET/../tick"; done) &\n'
    bundle = revision(bench, "v1", spec=appspec(events=("ApplicationStart",)), ApplicationStart=talks)
    assert (await deploy(bench, bundle)).outcome is Outcome.SUCCEEDED
    tick = bench.tmp / "targets" / "tick"
    await bench.until(tick.exists)
    ticked = tick.stat().st_mtime_ns
    await bench.until(lambda: tick.stat().st_mtime_ns > ticked)
    assert bench.processes()


async def test_a_full_disk_fails_the_deployment_with_a_sentence(bench: Any) -> None:
    bundle = revision(bench, "v1", spec=appspec(destination="/srv"))
    root = bench.tmp / "targets" / "one" / ".sayso"
    root.mkdir(parents=True)
    (root / "last.new").symlink_to("/dev/full")
    result = await deploy(bench, bundle)
    assert result.outcome is Outcome.FAILED
    assert "the disk is full" in result.detail
    assert result.detail.endswith("can't be written. Make room, then retry")


async def test_two_deployments_to_one_target_do_not_mix(bench: Any) -> None:
    job = asyncio.create_task(
        runner(bench).perform(attempt(bench, revision(bench, "v1", AfterInstall=WAIT)), interrupted=False)
    )
    await bench.until((bench.tmp / "targets" / "reached").exists)
    result = await deploy(bench, revision(bench, "v2"), number=2)
    assert result.detail == "one: ApplicationStop: another deployment to this target is under way"
    (bench.tmp / "targets" / "go").touch()
    assert (await job).outcome is Outcome.SUCCEEDED


async def test_only_the_last_five_bundles_are_kept(bench: Any) -> None:
    for number in range(1, 8):
        await deploy(bench, revision(bench, f"v{number}"), number=number)
    assert len(list((bench.tmp / "targets" / "one" / ".sayso").glob("d-*"))) == 5


CHILD = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, os.getcwd())
from integrations.local.actions import Attempt
from integrations.local.deploy import CodeDeployRunner, DeploymentGroup, DeploymentTarget
from integrations.local.host import this_host
from integrations.specs.pipeline import ActionDeclaration

id, tmp = sys.argv[1], Path(sys.argv[2])
kind = {"category": "Deploy", "owner": "AWS", "provider": "CodeDeploy", "version": "1"}

async def report(progress):
    pass

attempt = Attempt(
    id=id, execution_id="run-1", pipeline="checkout", stage="Build", revision=None, report=report, base=tmp,
    declaration=ActionDeclaration.model_validate({"name": "Deploy", "actionTypeId": kind}), environment={},
    configuration={"ApplicationName": "checkout", "DeploymentGroupName": "staging"},
    inputs={"App": tmp / "bundle-v1"}, folder=tmp / "attempt-1", log=tmp / "log.txt",
)
group = DeploymentGroup(targets=(DeploymentTarget(folder=tmp / "targets" / "one", environment={"PORT": "800"}),))
runner = CodeDeployRunner(applications={"checkout": {"staging": group}}, host=this_host(), of_server=dict(os.environ))
asyncio.run(runner.perform(attempt, interrupted=False))
"""


def kill_server_in_the_middle(bench: Any) -> subprocess.Popen[bytes]:
    (bench.tmp / "attempt-1").mkdir()
    return subprocess.Popen([sys.executable, "-c", CHILD, f"{bench.id}#1", str(bench.tmp)])


@pytest.mark.parametrize("while_away", [True, False])
async def test_a_deployment_survives_kill_9_of_the_server_and_no_hook_runs_twice(bench: Any, while_away: bool) -> None:
    assert CodeDeployRunner.after_crash is AfterCrash.REATTACH
    bundle = revision(bench, "v1", ApplicationStart=SERVICE + WAIT)
    server = kill_server_in_the_middle(bench)
    await bench.until((bench.tmp / "targets" / "reached").exists)
    server.send_signal(signal.SIGKILL)
    server.wait()
    if while_away:
        (bench.tmp / "targets" / "go").touch()
        await bench.until((bench.tmp / "attempt-1" / "driver" / "process" / "exit").exists)
    again = attempt(bench, bundle)
    job = asyncio.create_task(runner(bench).perform(again, interrupted=True))
    await bench.until(lambda: bench.told)
    (bench.tmp / "targets" / "go").touch()
    result = await job
    assert result.outcome is Outcome.SUCCEEDED
    assert result.rollout == Rollout(done=1, total=1, step="ValidateService", target="one")
    assert trace(bench) == [f"{event} v1 800" for event in EVENTS[1:]]
    assert len(services(bench)) == 2
    assert await runner(bench).perform(again, interrupted=True) == result


async def test_a_deployment_that_vanished_is_interrupted_and_says_where_it_was(bench: Any) -> None:
    bundle = revision(bench, "v1", ApplicationStart=SERVICE + WAIT)
    server = kill_server_in_the_middle(bench)
    await bench.until((bench.tmp / "targets" / "reached").exists)
    server.send_signal(signal.SIGKILL)
    server.wait()
    for process in marked("SAYSO_ATTEMPT", lambda value: value.startswith(bench.id)):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    await bench.until(lambda: not marked("SAYSO_ATTEMPT", lambda value: value.startswith(bench.id)))
    result = await runner(bench).perform(attempt(bench, bundle), interrupted=True)
    assert result.outcome is Outcome.INTERRUPTED
    assert result.detail == "Interrupted: Its process is gone and left no result. Last seen: one, ApplicationStart."
    assert bench.processes() == []  # the script under way does not go on unseen
    assert trace(bench) == [f"{event} v1 800" for event in EVENTS[1:4]]


async def test_secrets_of_a_target_do_not_reach_log_or_detail(bench: Any) -> None:
    result = await deploy(
        bench, revision(bench, "v1", ValidateService="echo hunter2hunter2; exit 1"), secrets=("hunter2hunter2",)
    )
    assert result.outcome is Outcome.FAILED
    assert "***" in bench.log
    assert "hunter2" not in bench.log + result.model_dump_json()


def test_the_plan_of_a_driver_is_readable_by_us_only(bench: Any) -> None:
    asyncio.run(deploy(bench, revision(bench, "v1")))
    assert (bench.tmp / "attempt-1" / "driver").stat().st_mode & 0o077 == 0
    assert json.loads((bench.tmp / "targets" / "one" / ".sayso" / "last.json").read_text())["deployment"]
