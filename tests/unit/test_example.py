from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import psutil
import pytest

from integrations.specs.appspec import parse_appspec
from integrations.specs.buildspec import Buildspec, parse_buildspec
from integrations.specs.pipeline import parse_pipeline
from integrations.specs.reports import parse_report

EXAMPLE = Path(__file__).parents[2] / "deploy" / "example"
MAKE = EXAMPLE / "make_repo.py"
Checkout = Callable[[str], Path]
BUILDSPECS = ("buildspec.yml", "buildspec-style.yml", "buildspec-integration.yml")


def run(command: list[str], folder: Path, environment: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False
    )


def make(destination: Path, environment: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, str(MAKE), str(destination)], destination.parent, environment)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("example") / "checkout"
    made = make(repository)
    assert made.returncode == 0, made.stderr
    return repository


@pytest.fixture
def at(original: Path, tmp_path: Path) -> Checkout:
    """Check a branch or tag out into a folder of its own."""

    def check_out(branch: str) -> Path:
        folder = tmp_path / f"source-{branch}"
        if not folder.exists():
            done = run(["git", "clone", "--quiet", "--branch", branch, str(original), str(folder)], tmp_path)
            assert done.returncode == 0, done.stderr
        return folder

    return check_out


def build(source: Path, file: str, environment: Mapping[str, str] = {}) -> tuple[int, str]:
    """Run a buildspec's commands as CodeBuild does: one shell, `post_build` whatever `build` said."""
    spec: Buildspec = parse_buildspec((source / file).read_text(encoding="utf-8"), file)
    code, output = 0, ""
    for phase in ("install", "pre_build", "build", "post_build"):
        declared = getattr(spec.phases, phase)
        for command in declared.commands if declared else ():
            if code and phase != "post_build":
                break
            done = run(["sh", "-c", command], source, {**spec.env.variables, **environment})
            code, output = code or done.returncode, output + done.stdout + done.stderr
    return code, output


def test_the_repository_is_the_same_everywhere_whatever_git_is_told_at_home(original: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    settings = "[core]\nautocrlf = true\nhooksPath = /nowhere\n[commit]\ngpgsign = true\n[init]\ndefaultBranch = odd\n"
    (home / ".gitconfig").write_text(settings, encoding="utf-8")
    strange = {
        "HOME": str(home),
        "GIT_DIR": str(tmp_path / "elsewhere"),
        "GIT_AUTHOR_NAME": "Nobody",
        "TZ": "Asia/Tokyo",
    }
    again = make(tmp_path / "again", strange)
    assert (again.returncode, again.stderr) == (0, "")
    assert make(original).stdout == again.stdout
    names = [line.split(" ", 1)[1] for line in again.stdout.splitlines()]
    assert names == ["broken-discount", "faster-checkout", "main", "v1.0.0"]


def test_making_it_again_keeps_what_was_committed_since(tmp_path: Path) -> None:
    repository = tmp_path / "checkout"
    make(repository)
    (repository / "VERSION").write_text("1.1.1\n", encoding="utf-8")
    person = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    assert run(["git", *person, "commit", "--quiet", "--all", "--message", "Mine"], repository).returncode == 0
    assert make(repository).returncode == 0
    assert (repository / "VERSION").read_text(encoding="utf-8") == "1.1.1\n"


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    refused = make(tmp_path / "mine")
    assert refused.returncode == 1
    assert refused.stderr == f"{tmp_path / 'mine'} exists and was not made by this program; name another folder.\n"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_somebody_elses_repository_is_left_alone(tmp_path: Path) -> None:
    run(["git", "init", "--quiet", "theirs"], tmp_path)
    assert "was not made by this program" in make(tmp_path / "theirs").stderr


def test_a_folder_that_cant_be_written_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    refused = run([sys.executable, str(MAKE), str(tmp_path / "file" / "checkout")], tmp_path)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"{tmp_path / 'file' / 'checkout'} can't be written ({tmp_path / 'file'}: File exists).\n"
    )


def test_without_git_the_sentence_says_so_and_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    refused = make(tmp_path / "checkout", {"PATH": str(tmp_path / "bin")})
    assert (refused.returncode, refused.stderr) == (1, "git was not found; install it and try again.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


@pytest.mark.parametrize("branch", ["v1.0.0", "main", "faster-checkout", "broken-discount"])
def test_the_files_of_every_version_are_ones_that_aws_reads(at: Checkout, branch: str) -> None:
    source = at(branch)
    pipeline = parse_pipeline((source / "pipeline.json").read_text(encoding="utf-8"), "pipeline.json")
    assert [stage.name for stage in pipeline.stages] == ["Source", "Build", "Staging", "Approval", "Production"]
    assert [action.run_order for action in pipeline.stages[1].actions] == [1, 1]
    for file in BUILDSPECS:
        parse_buildspec((source / file).read_text(encoding="utf-8"), file)
    appspec = parse_appspec((source / "appspec.yml").read_text(encoding="utf-8"), "appspec.yml")
    for hooks in appspec.hooks.values():
        assert all(os.access(source / hook.location, os.X_OK) for hook in hooks)


@pytest.mark.parametrize("branch", ["v1.0.0", "main", "faster-checkout"])
def test_a_good_version_passes_its_tests_and_style_checks(at: Checkout, branch: str) -> None:
    source = at(branch)
    code, output = build(source, "buildspec.yml", {"CODEBUILD_RESOLVED_SOURCE_VERSION": "feed"})
    assert code == 0, output
    report = parse_report((source / "reports" / "unit.xml").read_bytes(), "unit.xml", "JUNITXML", 10**6)
    assert (report.failed, report.errors, report.notes) == (0, 0, ())
    assert report.passed > 40
    assert (source / "COMMIT").read_text(encoding="utf-8") == "feed\n"
    code, output = build(source, "buildspec-style.yml")
    assert code == 0, output


def test_the_broken_version_fails_with_messages_that_people_understand(at: Checkout) -> None:
    source = at("broken-discount")
    code, _ = build(source, "buildspec.yml")
    assert code == 1
    report = parse_report((source / "reports" / "unit.xml").read_bytes(), "unit.xml", "JUNITXML", 10**6)
    assert [failure.message for failure in report.failures] == [
        "24 bagel and 24 juice should cost 140.16 EUR, but the bill says 157.68 EUR",
        "10 espresso should cost 17.60 EUR, but the bill says 19.80 EUR",
    ]
    assert report.passed > 40


class Staging:
    """A target on this machine, deployed to by hand as CodeDeploy's agent does it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"
        self.environment = {"SAYSO_TARGET": str(folder), "PORT": str(port), "DEPLOYMENT_GROUP_NAME": "staging"}
        self.previous: Path | None = None

    def hook(self, archive: Path, event: str) -> subprocess.CompletedProcess[str]:
        appspec = parse_appspec((archive / "appspec.yml").read_text(encoding="utf-8"), "appspec.yml")
        (script,) = appspec.hooks[event]
        return run([str(archive / script.location)], archive, {**self.environment, "LIFECYCLE_EVENT": event})

    def install(self, archive: Path) -> None:
        appspec = parse_appspec((archive / "appspec.yml").read_text(encoding="utf-8"), "appspec.yml")
        for copied in appspec.files:
            source, target = archive / copied.source, Path(f"{self.folder}{copied.destination}")
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def deploy(self, archive: Path) -> subprocess.CompletedProcess[str]:
        (archive / "COMMIT").write_text(f"{archive.name}\n", encoding="utf-8")
        if self.previous:
            assert self.hook(self.previous, "ApplicationStop").returncode == 0
        self.previous = archive
        before = self.hook(archive, "BeforeInstall")
        if before.returncode:
            return before
        self.install(archive)
        started = self.hook(archive, "ApplicationStart")
        return started if started.returncode else self.hook(archive, "ValidateService")

    def ask(self, path: str) -> str:
        with build_opener(ProxyHandler({})).open(self.url + path, timeout=60) as answer:
            body: bytes = answer.read()
            return body.decode()


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Staging]:
    target = Staging(tmp_path / "staging")
    yield target
    if target.previous:
        target.hook(target.previous, "ApplicationStop")


def test_a_deployment_replaces_the_running_version_and_its_integration_tests_pass(
    at: Checkout, staging: Staging
) -> None:
    for branch, version in (("v1.0.0", "1.0.0"), ("main", "1.1.0"), ("faster-checkout", "1.2.0"), ("main", "1.1.0")):
        archive = at(branch)
        deployed = staging.deploy(archive)
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        assert json.loads(staging.ask("/version")) == {"version": version, "commit": archive.name}
        assert f'id="version">{version}<' in staging.ask("/")
        assert 'id="environment">staging<' in staging.ask("/")
        code, output = build(archive, "buildspec-integration.yml", {"CHECKOUT_URL": staging.url})
        assert code == 0, output


def test_stopping_leaves_no_process_and_may_be_repeated(at: Checkout, staging: Staging) -> None:
    archive = at("main")
    assert staging.deploy(archive).returncode == 0
    pid = (staging.folder / "var/run/checkout.pid").read_text(encoding="utf-8").strip()
    for expected in (f"checkout (process {pid}) is stopped\n", "checkout is not running here\n"):
        stopped = staging.hook(archive, "ApplicationStop")
        assert (stopped.returncode, stopped.stdout) == (0, expected)
    # Whoever adopted it may not have buried it yet; dead it is.
    assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE


def test_a_stale_pid_file_never_ends_a_strangers_process(at: Checkout, staging: Staging) -> None:
    archive = at("main")
    with subprocess.Popen(["sleep", "600"]) as stranger:
        pid_file = staging.folder / "var/run/checkout.pid"
        pid_file.parent.mkdir(parents=True)
        pid_file.write_text(f"{stranger.pid}\n", encoding="utf-8")
        assert staging.hook(archive, "ApplicationStop").stdout == "checkout is not running here\n"
        assert stranger.poll() is None
        stranger.kill()


def test_validation_fails_when_another_version_answers(at: Checkout, staging: Staging) -> None:
    archive = at("main")
    assert staging.deploy(archive).returncode == 0
    (staging.folder / "srv/checkout/VERSION").write_text("9.9.9\n", encoding="utf-8")
    wrong = run(
        [sys.executable, str(archive / "scripts/validate.py"), staging.url, str(staging.folder / "srv/checkout"), "0"],
        archive,
    )
    assert wrong.returncode == 1
    assert f"{staging.url}/version says 1.1.0 (commit source-m), not 9.9.9 (commit source-m)" in wrong.stdout


def test_a_target_without_a_port_is_refused_before_anything_is_changed(at: Checkout, staging: Staging) -> None:
    archive = at("main")
    del staging.environment["PORT"]
    refused = run(
        [str(archive / "scripts/before_install.sh")], archive, {"SAYSO_TARGET": str(staging.folder), "PORT": ""}
    )
    assert refused.returncode != 0
    assert "PORT: is not set: it says which port checkout listens on" in refused.stderr
    assert not staging.folder.exists()
