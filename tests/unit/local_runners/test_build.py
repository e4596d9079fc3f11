"""Builds: CodeBuild's rules with real shells, artifacts, reports, masked logs, ending and going on after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from integrations.local.actions import Outcome, Result
from integrations.local.build import CodeBuildRunner, Project
from integrations.local.processes import MARK

JUNIT = """<testsuite><testcase classname="cart" name="total"/><testcase classname="cart" name="tax">
<failure message="assert 19 == 7, token hunter2hunter2"/></testcase></testsuite>"""


def runner(bench: Any, secrets: tuple[str, ...] = (), **projects: Project) -> CodeBuildRunner:
    return CodeBuildRunner(
        data=bench.tmp / "data", projects=projects, host=bench.host, of_server=bench.of_server, secrets=secrets
    )


async def build(bench: Any, spec: Any, *, outputs: Any = (), files: Any = None, **more: Any) -> Result:
    source = bench.tree("code", {"buildspec.yml": spec, **(files or {})})
    attempt = bench.attempt({"Code": source}, outputs=outputs, configuration=more.pop("configuration", None))
    result = await runner(bench, **more).perform(attempt, interrupted=False)
    assert bench.processes() == []
    return result


def spec(build_: str, rest: str = "", version: str = "0.2") -> str:
    return f"version: {version}\n{rest}\nphases:\n  build:\n    commands:\n" + "".join(
        f"      - {json.dumps(line)}\n" for line in build_.splitlines()
    )


async def test_commands_share_one_shell_and_the_result_is_a_success(bench: Any) -> None:
    result = await build(
        bench, spec("mkdir sub && cd sub && X=1 && f() { echo fun $X; }\nf; pwd\ncat ../buildspec.yml")
    )
    assert (result.outcome, result.detail) == (Outcome.SUCCEEDED, "")
    assert "fun 1\n" in bench.log
    assert "/src/sub\n" in bench.log
    assert result.log
    assert result.log.lines[-1] == "[Sayso] BUILD succeeded"
    assert {progress.detail for progress in bench.told} >= {"BUILD: `f; pwd`"}


async def test_in_version_0_1_each_command_has_a_shell_of_its_own(bench: Any) -> None:
    result = await build(bench, spec('cd /; export X=1\ntest -z "$X" && test -f buildspec.yml', version="0.1"))
    assert result.outcome is Outcome.SUCCEEDED, bench.log


ALL = """version: 0.2
phases:
  install:
    commands: ["echo install; {install}"]
    finally: ["echo install-finally"]
  pre_build:
    on-failure: {on_failure}
    commands: ["echo pre; {pre}"]
  build:
    commands: ["echo build; {build}", "echo not-after-a-failure"]
    finally: ["echo build-finally $CODEBUILD_BUILD_SUCCEEDING"]
  post_build:
    commands: ["echo post $CODEBUILD_BUILD_SUCCEEDING; {post}"]
"""


def said(log: str) -> list[str]:
    return [line for line in log.splitlines() if not line.startswith("[Sayso]")]


@pytest.mark.parametrize(
    ("fails", "expected", "detail"),
    [
        ({}, "install install-finally pre build not-after-a-failure build-finally.1 post.1", ""),
        ({"install": "exit 3"}, "install install-finally", "INSTALL: `echo install; exit 3` ended with exit code 3"),
        ({"pre": "false"}, "install install-finally pre", "PRE_BUILD: `echo pre; false` ended with exit code 1"),
        (
            {"build": "sh -c 'exit 4'"},
            "install install-finally pre build build-finally.0 post.0",
            "BUILD: `echo build; sh -c 'exit 4'` ended with exit code 4",
        ),
        (
            {"build": "exit 4"},
            "install install-finally pre build build-finally.0 post.0",
            "BUILD: `echo build; exit 4` ended with exit code 4",
        ),
        (
            {"post": "kill -9 $$"},
            "install install-finally pre build not-after-a-failure build-finally.1 post.1",
            "POST_BUILD: `echo post $CODEBUILD_BUILD_SUCCEEDING; kill -9 $$` ended with exit code 137",
        ),
        (
            {"pre": "false", "on_failure": "CONTINUE"},
            "install install-finally pre build not-after-a-failure build-finally.0 post.0",
            "PRE_BUILD: `echo pre; false` ended with exit code 1",
        ),
    ],
)
async def test_phases_follow_codebuilds_rules(bench: Any, fails: dict[str, str], expected: str, detail: str) -> None:
    parts = {"install": "true", "pre": "true", "build": "true", "post": "true", "on_failure": "ABORT", **fails}
    result = await build(bench, ALL.format(**parts))
    assert said(bench.log) == [word.replace(".", " ") for word in expected.split()]
    assert result.detail == detail
    assert result.outcome is (Outcome.FAILED if detail else Outcome.SUCCEEDED)


@pytest.mark.parametrize("shell", ["bash", "/bin/sh"])
async def test_a_command_that_ends_the_shell_only_ends_itself(bench: Any, shell: str) -> None:
    commands = "export X='a\"b c'; cd ..\nexit 0\necho X=$X; pwd\nset -e\necho still"
    result = await build(bench, spec(commands, rest=f"env: {{shell: {shell}}}"))
    assert result.outcome is Outcome.SUCCEEDED, bench.log
    assert said(bench.log) == ['X=a"b c', str(bench.tmp / "attempt-1"), "still"]


@pytest.mark.parametrize("shell", ["bash", "/bin/sh"])
@pytest.mark.parametrize(
    "command", ["set -e; false; echo no", "echo 'unclosed", "nosuchcommand", "exec false", "set -u; $no"]
)
async def test_every_way_to_fail_fails_just_that_command(bench: Any, shell: str, command: str) -> None:
    result = await build(bench, spec(f"{command}\necho no", rest=f"env: {{shell: {shell}}}"))
    assert result.outcome is Outcome.FAILED
    assert result.detail.startswith(f"BUILD: `{command}` ended with exit code ")
    assert "no" not in said(bench.log)


async def test_commands_see_codebuilds_variables_in_their_order_and_nothing_of_ours(bench: Any) -> None:
    variables = json.dumps([{"name": "LEVEL", "value": "action"}, {"name": "ACTION", "value": "a b"}])
    result = await build(
        bench,
        spec("env", rest="env: {variables: {LEVEL: buildspec, OWN: yes, PROJECT: buildspec}}"),
        configuration={"ProjectName": "unit", "EnvironmentVariables": variables},
        unit=Project(environment={"LEVEL": "project", "PROJECT": "project"}),
    )
    assert result.outcome is Outcome.SUCCEEDED
    found = dict(line.split("=", 1) for line in said(bench.log) if "=" in line)
    expected = {
        "LEVEL": "action", "ACTION": "a b", "PROJECT": "project", "OWN": "yes", "SAYSO_RUN": "run-1",
        "CODEBUILD_BUILD_SUCCEEDING": "1", "CODEBUILD_INITIATOR": "codepipeline/checkout",
        "CODEBUILD_RESOLVED_SOURCE_VERSION": "c0ffee" * 6 + "c0ff", "AWS_REGION": "eu-central-1",
        "CODEBUILD_SRC_DIR": str(bench.tmp / "attempt-1" / "src"), "CODEBUILD_BUILD_ID": f"unit:{bench.id}#1",
        MARK: f"{bench.id}#1",
    }  # fmt: skip
    assert {name: found.get(name) for name in expected} == expected
    assert not [name for name in found if name.startswith(("SLACK", "PYTEST"))]
    assert "AWS_SECRET_ACCESS_KEY" not in found
    assert "xoxb-very-secret" not in bench.log


async def test_a_project_names_its_own_buildspec_or_holds_it(bench: Any) -> None:
    style = spec("echo style")
    files = {"ci/buildspec-style.yml": style}
    by_path = {"files": files, "configuration": {"ProjectName": "style"}}
    result = await build(bench, spec("exit 9"), **by_path, style=Project(buildspec="ci/buildspec-style.yml"))
    assert result.outcome is Outcome.SUCCEEDED
    assert said(bench.log) == ["style"]


async def test_an_inline_buildspec_is_used(bench: Any) -> None:
    project = Project(buildspec=spec("echo inline"))
    await build(bench, spec("exit 9"), configuration={"ProjectName": "style"}, style=project)
    assert said(bench.log) == ["inline"]


@pytest.mark.parametrize(
    ("text", "configuration", "sentence"),
    [
        ("version: 0.2\nphases: {bild: {}}", {}, "buildspec.yml line 2, phases.bild: this key is not known here."),
        ("version: 0.2\nphases: {build: {}, bild: {}}", {}, "(1 more in the log)"),
        (
            spec("true"),
            {"ProjectName": "gone"},
            "ci/none.yml: the project gone needs this file, but the input artifact",
        ),
        (spec("true"), {"ProjectName": "out"}, "../x: expected a path inside the input artifact."),
        (spec("true"), {"EnvironmentVariables": "[1]"}, "action Unit, EnvironmentVariables: expected a JSON list"),
        (
            spec("true"),
            {"EnvironmentVariables": '[{"name": "A", "value": "/a", "type": "PARAMETER_STORE"}]'},
            "The build needs the parameter /a for A, but SAYSO_SECRET_A is not set.",
        ),
        (
            spec("true", rest="env: {secrets-manager: {A: a}}"),
            {},
            "The build needs the secret a for A, but SAYSO_SECRET_A",
        ),
        (b"\xff\xfe", {}, "buildspec.yml line 1: this is not UTF-8 text."),
    ],
)
async def test_what_cannot_be_built_is_a_failed_result_with_a_sentence(
    bench: Any, text: str, configuration: dict[str, str], sentence: str
) -> None:
    projects = {"gone": Project(buildspec="ci/none.yml"), "out": Project(buildspec="../x")}
    result = await build(bench, text, configuration=configuration, **projects)
    assert result.outcome is Outcome.FAILED
    assert sentence in result.detail
    assert "[Sayso] " in bench.log


async def test_a_missing_buildspec_is_named(bench: Any) -> None:
    attempt = bench.attempt({"Code": bench.tree("code", {"x": ""})})
    result = await runner(bench).perform(attempt, interrupted=False)
    assert result.detail == "buildspec.yml: the action Unit needs this file, but the input artifact Code has none."


OUT = """
artifacts:
  base-directory: dist
  files: ["**/*"]
  exclude-paths: ["**/*.map"]
  secondary-artifacts:
    Docs: {files: [docs/**/*.md], discard-paths: yes}
env: {exported-variables: [VERSION, NOTHING]}
"""


async def test_artifacts_and_exported_variables_are_given_on(bench: Any) -> None:
    make = "mkdir -p dist/js docs/a\necho 1 >dist/js/a.js\necho 2 >dist/js/a.map\nln -s js/a.js dist/link\n"
    make += "echo 3 >docs/a/x.md\ntouch docs/y.txt dist/.hidden\nexport VERSION='1 2'"
    result = await build(bench, spec(make, rest=OUT), outputs=("Docs",))
    assert result.outcome is Outcome.SUCCEEDED, result.detail
    assert result.variables == {"VERSION": "1 2", "NOTHING": ""}
    assert list(tree(Path(result.outputs["Docs"]))) == ["x.md"]
    app = Path((await again(bench, make, ("App",))).outputs["App"])
    assert set(tree(app)) == {"js/a.js", "link", ".hidden"}
    assert tree(app)["link"] == "file"


def tree(root: Path) -> dict[str, str]:
    paths = [path for path in root.rglob("*") if path.is_symlink() or path.is_file()]
    return {str(path.relative_to(root)): "link" if path.is_symlink() else "file" for path in paths}


async def again(bench: Any, make: str, outputs: tuple[str, ...], rest: str = OUT) -> Result:
    source = bench.tree("code2", {"buildspec.yml": spec(make, rest=rest)})
    result: Result = await runner(bench).perform(
        bench.attempt({"Code": source}, outputs=outputs, number=2), interrupted=False
    )
    return result


@pytest.mark.parametrize(
    ("make", "outputs", "rest", "sentence"),
    [
        ("true", ("App",), OUT, "The artifact App is empty: no file matches **/* in dist."),
        ("true", ("App", "More"), OUT, "but its buildspec has no artifacts.secondary-artifacts.App."),
        ("true", ("App",), "", "but its buildspec has no artifacts."),
        ("mkdir dist\nln -s /etc/passwd dist/p", ("App",), OUT, "p is a link that leads out of the source folder."),
        ("ln -s /etc dist", ("App",), OUT, "The artifact App is empty"),
        (
            "export VERSION=$(head -c 1001 /dev/zero | tr '\\0' x)",
            (),
            OUT,
            "The exported variable VERSION has more than",
        ),
    ],
)
async def test_artifacts_that_cannot_be_given_on_fail_the_build(
    bench: Any, make: str, outputs: tuple[str, ...], rest: str, sentence: str
) -> None:
    result = await again(bench, make, outputs, rest)
    assert result.outcome is Outcome.FAILED
    assert sentence in result.detail


async def test_reports_are_read_after_a_failure_and_their_messages_masked(bench: Any) -> None:
    rest = 'reports: {unit: {files: ["*.xml"], base-directory: reports}, none: {files: [x.xml]}}'
    make = "mkdir reports; cp unit.xml reports/; echo '<x' >reports/broken.xml\nfalse"
    files = {"unit.xml": JUNIT}
    result = await build(bench, spec(make, rest=rest), files=files, secrets=("hunter2hunter2",))
    assert result.outcome is Outcome.FAILED
    assert result.tests
    assert (result.tests.passed, result.tests.failed) == (1, 1)
    assert result.tests.failures[0].message == "assert 19 == 7, token ***"
    assert [note.split(":")[0] for note in result.tests.notes] == ["broken.xml", "none"]


async def test_secrets_never_reach_the_log_the_detail_or_the_progress(bench: Any) -> None:
    command = "printf hunter2; sleep 0.3; printf 'hunter2 and hunter2hun'; sleep 0.3; echo ter2"
    result = await build(
        bench, spec(f"echo hunter2hunter2\n{command}; exit 1 # hunter2hunter2"), secrets=("hunter2hunter2",)
    )
    assert result.outcome is Outcome.FAILED
    assert "hunter2hunter2" not in bench.log
    assert "*** and ***\n" in bench.log
    everything = result.model_dump_json() + "".join(progress.model_dump_json() for progress in bench.told)
    assert "hunter2hunter2" not in everything
    assert "***" in result.detail


HUGE = "head -c 20000000 /dev/zero | tr '\\0' x; echo"


async def test_binary_output_and_huge_lines_do_no_harm(bench: Any) -> None:
    result = await build(
        bench, spec("head -c 300000 /dev/urandom\nhead -c 20000000 /dev/zero | tr '\\0' x; echo\necho end")
    )
    assert result.outcome is Outcome.SUCCEEDED
    assert result.log
    assert result.log.lines[-2:] == ("end", "[Sayso] BUILD succeeded")
    assert len(bench.log) > 20_000_000


async def test_a_read_only_input_is_copied_and_may_be_written_to(bench: Any) -> None:
    source = bench.tree("code", {"buildspec.yml": spec("echo x >>a/f; touch a/new"), "a/f": "1"})
    for path in [source / "a" / "f", source / "a", source]:
        path.chmod(path.stat().st_mode & ~0o222)
    result = await runner(bench).perform(bench.attempt({"Code": source}), interrupted=False)
    assert result.outcome is Outcome.SUCCEEDED
    assert (source / "a" / "f").read_text() == "1"
    for path in [source, source / "a"]:
        path.chmod(0o755)


async def test_progress_shows_the_log_while_a_command_runs(bench: Any) -> None:
    source = bench.tree("code", {"buildspec.yml": spec("echo first; while [ ! -f ../go ]; do sleep 0.05; done")})
    job = asyncio.create_task(runner(bench).perform(bench.attempt({"Code": source}), interrupted=False))
    await bench.until(lambda: any(p.log and "first" in p.log.lines for p in bench.told))
    (bench.tmp / "attempt-1" / "go").touch()
    assert (await job).outcome is Outcome.SUCCEEDED


AWAY = "(setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &)"
STUBBORN = f"trap '' TERM; {AWAY}; touch ../ready; while :; do sleep 1; done"


async def test_a_cancelled_build_that_ignores_term_is_gone_with_all_it_started(bench: Any) -> None:
    source = bench.tree("code", {"buildspec.yml": spec(STUBBORN)})
    job = asyncio.create_task(runner(bench).perform(bench.attempt({"Code": source}), interrupted=False))
    await bench.until((bench.tmp / "attempt-1" / "ready").exists)
    assert bench.processes()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert bench.processes() == []


async def test_what_a_build_leaves_running_is_ended_with_it(bench: Any) -> None:
    result = await build(bench, spec("(setsid sleep 600 &) ; sleep 601 &\ntrue"))
    assert result.outcome is Outcome.SUCCEEDED
    assert "processes that the build left behind were ended" in bench.log


async def test_a_server_that_leaves_lets_the_build_go_on_and_the_next_one_follows_it(bench: Any) -> None:
    source = bench.tree(
        "code", {"buildspec.yml": spec("echo one\nwhile [ ! -f ../go ]; do sleep 0.05; done\necho two")}
    )
    attempt = bench.attempt({"Code": source})
    job = asyncio.create_task(runner(bench).perform(attempt, interrupted=False))
    await bench.until(lambda: any(p.detail and "while" in p.detail for p in bench.told))
    bench.leaving = True
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert bench.processes()
    bench.leaving = False
    (bench.tmp / "attempt-1" / "go").touch()
    result = await runner(bench).perform(attempt, interrupted=True)
    assert result.outcome is Outcome.SUCCEEDED
    assert said(bench.log) == ["one", "two"]


CHILD = """
import asyncio, json, os, sys
from pathlib import Path
sys.path.insert(0, os.getcwd())
from integrations.local.actions import Attempt
from integrations.local.build import CodeBuildRunner
from integrations.local.host import this_host
from integrations.specs.pipeline import ActionDeclaration

id, tmp = sys.argv[1], Path(sys.argv[2])
kind = {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"}
declaration = {"name": "Unit", "actionTypeId": kind}

async def report(progress):
    pass

attempt = Attempt(
    id=id, execution_id="run-1", pipeline="checkout", stage="Build", revision=None, report=report, base=tmp,
    declaration=ActionDeclaration.model_validate(declaration), configuration={}, environment={},
    inputs={"Code": tmp / "code"}, folder=tmp / "attempt-1", log=tmp / "log.txt",
)
runner = CodeBuildRunner(data=tmp / 'data', projects={}, host=this_host(), of_server=dict(os.environ))
asyncio.run(runner.perform(attempt, interrupted=False))
"""


def start_elsewhere(bench: Any) -> subprocess.Popen[bytes]:
    (bench.tmp / "attempt-1").mkdir(exist_ok=True)
    return subprocess.Popen([sys.executable, "-c", CHILD, f"{bench.id}#1", str(bench.tmp)])


@pytest.mark.parametrize("code", [0, 5])
@pytest.mark.parametrize("while_away", [True, False])
async def test_a_build_survives_kill_9_of_the_server_and_is_told_once(bench: Any, code: int, while_away: bool) -> None:
    commands = f"echo one; echo . >>../runs\nwhile [ ! -f ../go ]; do sleep 0.05; done\necho two; exit {code}"
    source = bench.tree("code", {"buildspec.yml": spec(commands)})
    server = start_elsewhere(bench)
    await bench.until((bench.tmp / "attempt-1" / "runs").exists)
    server.send_signal(signal.SIGKILL)
    server.wait()
    assert bench.processes()
    if while_away:  # it ends while no server is there
        (bench.tmp / "attempt-1" / "go").touch()
        await bench.until((bench.tmp / "attempt-1" / "driver" / "process" / "exit").exists)
    attempt = bench.attempt({"Code": source})
    job = asyncio.create_task(runner(bench).perform(attempt, interrupted=True))
    await bench.until(lambda: any(p.log and "one" in p.log.lines for p in bench.told))
    (bench.tmp / "attempt-1" / "go").touch()
    result = await job
    assert result.outcome is (Outcome.FAILED if code else Outcome.SUCCEEDED)
    assert (bench.tmp / "attempt-1" / "runs").read_text() == ".\n"
    assert said(bench.log) == ["one", "two"]
    assert bench.processes() == []
    # Once more, as if this server, too, had died before it kept the result:
    assert await runner(bench).perform(attempt, interrupted=True) == result


@pytest.mark.parametrize("moment", range(12))
async def test_whenever_the_server_is_killed_the_build_runs_exactly_once(bench: Any, moment: int) -> None:
    source = bench.tree("code", {"buildspec.yml": spec("echo . >>../runs\nsleep 0.2\necho end")})
    attempt = bench.attempt({"Code": source})
    server = start_elsewhere(bench)
    driver = bench.tmp / "attempt-1" / "driver"
    # From just before the process has its folder to just after the build's end, in between by a little time.
    marks = [driver, driver / "plan.json", driver / "process", driver / "process" / "process.json", driver / "journal"]
    if moment < len(marks):
        while not marks[moment].exists() and server.poll() is None:
            pass  # as early as can be
    else:
        await bench.until(marks[-1].exists)
        await asyncio.sleep((moment - len(marks)) * 0.08)
    server.kill()
    server.wait()
    result = await runner(bench).perform(attempt, interrupted=True)
    assert result.outcome is Outcome.SUCCEEDED, result.detail
    assert (bench.tmp / "attempt-1" / "runs").read_text() == ".\n"
    assert said(bench.log) == ["end"]
    assert bench.processes() == []


async def test_several_that_follow_one_build_tell_the_same_end(bench: Any) -> None:
    """As servers that took it over from each other although none of them is dead."""
    source = bench.tree(
        "code", {"buildspec.yml": spec("echo . >>../runs\nsleep 0.2\ntouch made", "artifacts: {files: [made]}")}
    )
    attempt = bench.attempt({"Code": source}, outputs=("Made",))
    first = asyncio.create_task(runner(bench).perform(attempt, interrupted=False))
    await bench.until((bench.tmp / "attempt-1" / "driver" / "process" / "process.json").exists)
    others = [asyncio.create_task(runner(bench).perform(attempt, interrupted=True)) for _ in range(4)]
    results = [await first, *await asyncio.gather(*others)]
    assert {(one.outcome, one.detail) for one in results} == {(Outcome.SUCCEEDED, results[0].detail)}
    assert {str(one.outputs) for one in results} == {str(results[0].outputs)}
    assert (bench.tmp / "attempt-1" / "runs").read_text() == ".\n"


async def test_a_build_that_vanished_with_the_server_is_interrupted(bench: Any) -> None:
    source = bench.tree("code", {"buildspec.yml": spec("touch ../runs; sleep 600")})
    server = start_elsewhere(bench)
    await bench.until((bench.tmp / "attempt-1" / "runs").exists)
    server.send_signal(signal.SIGKILL)
    server.wait()
    for process in bench.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    await bench.until(lambda: not bench.processes())
    result = await runner(bench).perform(bench.attempt({"Code": source}), interrupted=True)
    assert result.outcome is Outcome.INTERRUPTED
    assert result.detail == "Interrupted: Its process is gone and left no result."


async def test_a_cancel_after_a_crash_ends_the_build_that_outlived_it(bench: Any) -> None:
    source = bench.tree("code", {"buildspec.yml": spec("touch ../runs; sleep 600")})
    server = start_elsewhere(bench)
    await bench.until((bench.tmp / "attempt-1" / "runs").exists)
    server.send_signal(signal.SIGKILL)
    server.wait()
    job = asyncio.create_task(runner(bench).perform(bench.attempt({"Code": source}), interrupted=True))
    await asyncio.sleep(0)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert bench.processes() == []


async def test_an_interrupted_attempt_that_had_not_begun_is_simply_carried_out(bench: Any) -> None:
    source = bench.tree("code", {"buildspec.yml": spec("echo one")})
    bench.tree("attempt-1/src", {"half": "copied"})
    result = await runner(bench).perform(bench.attempt({"Code": source}), interrupted=True)
    assert result.outcome is Outcome.SUCCEEDED
    assert said(bench.log) == ["one"]


async def test_a_build_that_takes_too_long_is_ended_and_says_so(bench: Any) -> None:
    minutes: Any = 0.01
    short = Project.model_construct(timeout_minutes=minutes)  # the catalogue allows five minutes and more
    result = await build(bench, spec(f"{AWAY}; sleep 600"), configuration={"ProjectName": "slow"}, slow=short)
    assert result.outcome is Outcome.FAILED
    assert result.detail.startswith("BUILD: `(setsid sh -c")
    assert result.detail.endswith("` took too long; a build may take 0.01 minutes in all")


async def test_reports_are_told_while_the_build_still_runs(bench: Any) -> None:
    commands = "cp unit.xml r.xml\nwhile [ ! -f ../go ]; do sleep 0.05; done"
    source = bench.tree(
        "code", {"unit.xml": JUNIT, "buildspec.yml": spec(commands, rest='reports: {unit: {files: ["r.xml"]}}')}
    )
    attempt = bench.attempt({"Code": source})
    job = asyncio.create_task(runner(bench, ("hunter2hunter2",)).perform(attempt, interrupted=False))
    await bench.until(lambda: any(p.tests and p.tests.failed for p in bench.told))
    assert "hunter2" not in "".join(p.model_dump_json() for p in bench.told)
    (bench.tmp / "attempt-1" / "go").touch()
    assert (await job).outcome is Outcome.SUCCEEDED
