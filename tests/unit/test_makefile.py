from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A project that installs without any registry: its build backend is part of it.
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "sayso"
version = "0.1.0"
"""
BACKEND = """
import zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "sayso-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        for file, text in {
            "sayso_demo.py": open("sayso_demo.py").read(),
            "sayso-0.1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: sayso\\nVersion: 0.1.0\\n",
            "sayso-0.1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
            "sayso-0.1.0.dist-info/entry_points.txt": "[console_scripts]\\nsayso = sayso_demo:main\\n",
            "sayso-0.1.0.dist-info/RECORD": "",
        }.items():
            wheel.writestr(file, text)
    return name
"""
DEMO = """
import sys, time

def main():
    try:
        print("ready", sys.argv[1:], flush=True)
        time.sleep(600)
    except KeyboardInterrupt:
        print("stopped everything", flush=True)
"""

# A terminal's Ctrl-C reaches programs that listen to it, however these tests were started themselves.
LISTENING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Our Makefile and scripts around a small project."""
    folder = tmp_path / "a project"
    shutil.copytree(ROOT / "deploy" / "setup", folder / "deploy" / "setup")
    shutil.copy(ROOT / "Makefile", folder)
    for name, text in {
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND,
        "sayso_demo.py": DEMO,
        "requirements.txt": "# nothing\n",
        "requirements-dev.txt": "# nothing more\n",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=clean(environment),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def clean(more: Mapping[str, str] = {}) -> dict[str, str]:
    """This process's environment without what a surrounding `make test` put there."""
    ours = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON", "CHROMIUM", "CI"}
    return {**{name: value for name, value in os.environ.items() if name not in ours}, **more}


def tools(folder: Path, **scripts: str) -> str:
    """A PATH with the system's few tools that setup needs, and these programs as its only Pythons."""
    folder.mkdir()
    for name in ("sh", "make", "dirname"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What a person reads when it fails; make adds a line of its own."""
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    first, *rest = done.stderr.splitlines()
    assert all(line.startswith("make: ***") for line in rest), done.stderr
    return first


def test_an_old_python_gets_one_sentence(project: Path, tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", python3="echo 3.8")
    assert sentence(make(project, "setup", PATH=path)) == (
        "Sayso needs Python 3.11, 3.12 or 3.13; found Python 3.8 as python3. "
        "Install one of these, or name it: make setup PYTHON=/path/to/python3.12"
    )
    assert not (project / ".venv").exists()


def test_a_python_that_is_too_new_gets_the_same_sentence(project: Path, tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", python3="echo 3.14")
    assert "found Python 3.14 as python3" in sentence(make(project, "demo", PATH=path))


def test_no_python_at_all_gets_one_sentence(project: Path, tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", python3="echo run: apt install python3 >&2; exit 127")
    assert "found no Python at all." in sentence(make(project, "setup", PATH=path))


def test_a_named_python_that_does_not_work_is_told_by_name(project: Path) -> None:
    assert "found nothing that works as /nowhere/python." in sentence(make(project, "setup", "PYTHON=/nowhere/python"))


def test_the_newest_suitable_python_is_taken(project: Path, tmp_path: Path) -> None:
    mark = 'case $1 in -c) echo {0};; *) echo "chosen {0}"; exit 0;; esac'
    scripts = {"python3": mark.format("3.14"), "python3.11": mark.format("3.11"), "python3.12": mark.format("3.12")}
    path = tools(tmp_path / "bin", **scripts)
    assert make(project, "setup", PATH=path).stdout == "chosen 3.12\n"


def test_a_python_without_its_venv_module_gets_one_sentence(project: Path, tmp_path: Path) -> None:
    # Debian's python3 without python3-venv: the modules are not there.
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import importlib.util as u\nf = u.find_spec\n"
        "u.find_spec = lambda n, *a: None if n in ('venv', 'ensurepip') else f(n, *a)\n",
        encoding="utf-8",
    )
    failed = make(project, "setup", PYTHON=sys.executable, PYTHONPATH=str(site))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert sentence(failed) == (
        f"Python {version} has no venv module; install it (Debian, Ubuntu: apt install python{version}-venv)."
    )


def test_a_folder_that_cant_be_written_gets_one_sentence(project: Path) -> None:
    (project / ".setup").write_text("", encoding="utf-8")
    assert sentence(make(project, "setup", PYTHON=sys.executable)) == (
        f"{project}/.setup can't be written: File exists. Sayso needs a folder that you may write to."
    )


def test_setup_installs_once_and_then_only_what_changed(project: Path) -> None:
    first = make(project, "setup", PYTHON=sys.executable)
    assert first.returncode == 0, first.stderr
    assert "Installing requirements.txt" in first.stderr
    assert (project / ".venv/bin/sayso").exists()
    again = make(project, "setup", PYTHON=sys.executable)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    (project / "requirements.txt").write_text("# something else\n", encoding="utf-8")
    assert "Installing requirements.txt" in make(project, "setup").stderr
    assert make(project, "setup").stderr == ""
    assert make(project, "clean").returncode == 0
    assert not (project / ".venv").exists()


def test_a_setup_that_was_interrupted_is_repaired_by_the_next(project: Path) -> None:
    assert make(project, "setup", PYTHON=sys.executable).returncode == 0
    (project / ".venv/bin/sayso").unlink()
    assert make(project, "setup").returncode == 0
    assert (project / ".venv/bin/sayso").exists()
    # What `kill -9` in the middle of pip leaves: the mark that something is being installed, and half of it.
    (project / ".venv/sayso-setup.unfinished").touch()
    (project / ".venv/pyvenv.cfg").unlink()
    repaired = make(project, "setup")
    assert repaired.returncode == 0, repaired.stderr
    assert "making it anew" in repaired.stderr
    assert (project / ".venv/pyvenv.cfg").exists()
    assert not (project / ".venv/sayso-setup.unfinished").exists()


def test_a_project_that_was_moved_is_set_up_anew(project: Path) -> None:
    assert make(project, "setup", PYTHON=sys.executable).returncode == 0
    moved = project.rename(project.parent / "elsewhere")
    assert "making it anew" in make(moved, "setup").stderr
    assert str(moved) in (moved / ".venv/pyvenv.cfg").read_text(encoding="utf-8")


def test_two_setups_at_once_wait_for_each_other(project: Path) -> None:
    command = ["make", "setup"]
    environment = clean({"PYTHON": sys.executable})
    both = [
        subprocess.Popen(command, cwd=project, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [setup.communicate(timeout=300)[1] for setup in both]
    assert [setup.returncode for setup in both] == [0, 0], said
    assert (project / ".venv/bin/sayso").exists()
    assert not (project / ".venv/sayso-setup.unfinished").exists()


def test_ctrl_c_ends_the_demo_without_noise_from_make(project: Path) -> None:
    assert make(project, "setup", PYTHON=sys.executable).returncode == 0
    demo = subprocess.Popen(
        [sys.executable, "-c", LISTENING, "make", "demo", "ARGS=--port 1"],
        cwd=project,
        env=clean(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert demo.stdout
    assert demo.stdout.readline() == "ready ['demo', '--port', '1']\n"
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.communicate(timeout=60)[0] == "stopped everything\n"


def test_make_alone_lists_every_command(project: Path) -> None:
    listed = make(project).stdout
    for command in ("setup", "demo", "test", "bench", "soak", "lint", "format", "lock", "clean", "help"):
        assert re.search(rf"^make {command} +\S", listed, re.MULTILINE), command


def test_ci_runs_exactly_make_test() -> None:
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    commands = [line for line in lines if line and not line.startswith("#")]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make test"]
    assert os.access(ROOT / ".ci/run", os.X_OK)


def browser(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "deploy/setup/browser.sh"],
        cwd=folder,
        env=clean(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_named_browser_is_the_one_that_is_used(project: Path, tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", mychrome="echo Chromium 1")
    found = browser(project, CHROMIUM=f"{path}/mychrome")
    assert (found.returncode, found.stdout) == (0, f"{path}/mychrome\n")


def test_a_named_browser_that_does_not_start_is_told(project: Path) -> None:
    missing = browser(project, CHROMIUM="/nowhere/chromium")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == (
        "CHROMIUM is /nowhere/chromium, which does not start; name the path of a Chromium or Chrome.\n"
    )


def test_a_stub_that_only_says_how_to_install_a_browser_is_passed_over(project: Path, tmp_path: Path) -> None:
    scripts = {"chromium": "echo snap install chromium; exit 1", "google-chrome": "echo Google Chrome 1"}
    path = tools(tmp_path / "bin", **scripts)
    assert browser(project, PATH=path).stdout == f"{path}/google-chrome\n"
