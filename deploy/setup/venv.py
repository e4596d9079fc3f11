"""Makes `.venv` and keeps it as the requirement files say; run by setup.sh, does nothing if all is as it should be."""
# ruff: noqa: INP001 - a script beside others, not a package

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STATE = VENV / "sayso-setup.json"
"""What was installed; a venv without it was made by hand and is taken as it is."""
UNFINISHED = VENV / "sayso-setup.unfinished"
"""Stands while something is being installed; if it is still there at the start, somebody pulled the plug."""


class CannotSetUp(Exception):
    """The setup can't go on; the message is the sentence for the person."""


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other setup works on the same folder."""
    folder = ROOT / ".setup"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another setup is at work here; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(sentence: str) -> None:
    """Tell the person what takes its time."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def digest(path: Path) -> str:
    """Give a file's fingerprint."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def project() -> str:
    """Give what decides how the project itself is installed: its metadata and the packages that there are."""
    packages = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
    return f"{digest(ROOT / 'pyproject.toml')} {' '.join(packages)}"


def venv_version() -> str | None:
    """Give the version of the venv's Python, or None if it is no whole venv."""
    if UNFINISHED.exists() or not PYTHON.exists():
        return None
    code = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([str(PYTHON), "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def recorded() -> dict[str, str]:
    """Give what was installed into the venv."""
    try:
        state = json.loads(STATE.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def usable() -> bool:
    """Tell whether the venv can be kept: whole, made for this folder, of a suitable and the wanted Python."""
    version = venv_version()
    wanted = {f"{sys.version_info[0]}.{sys.version_info[1]}"} if os.environ.get("PYTHON") else {"3.11", "3.12", "3.13"}
    return version in wanted and recorded().get("root", str(ROOT)) == str(ROOT)


def make_venv() -> None:
    """Make the venv anew, empty but for pip."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise CannotSetUp(
            f"Python {version} has no venv module; install it (Debian, Ubuntu: apt install python{version}-venv)."
        )
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    elif VENV.exists():
        say(".venv is unfinished or belongs to another Python or folder; making it anew.")
        shutil.rmtree(VENV)
    VENV.mkdir()
    UNFINISHED.touch()
    # From inside the old venv its own Python is gone by now; the one that it was made from is not.
    python = getattr(sys, "_base_executable", sys.executable)
    run([python, "-m", "venv", str(VENV)], f"Python {version} could not make .venv; its own message is above.")


def run(command: list[str], failure: str) -> None:
    """Run a command, its output to stderr; raises `CannotSetUp` with `failure`."""
    if subprocess.run(command, stdout=sys.stderr, cwd=ROOT, check=False).returncode:
        raise CannotSetUp(failure)


def pip(*arguments: str, failure: str) -> None:
    """Install with the venv's pip."""
    run([str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "-qq", *arguments], failure)


def set_up(files: list[str]) -> None:
    """Bring `.venv` to what these requirement files and pyproject.toml say; raises `CannotSetUp`."""
    if not usable():
        make_venv()
    before = recorded()
    after = {**before, "root": str(ROOT), **{name: digest(ROOT / name) for name in files}, "project": project()}
    if after == before and (VENV / "bin" / "sayso").exists():
        return
    UNFINISHED.touch()
    for name in files:
        if after[name] != before.get(name):
            say(f"Installing {name} into .venv; this takes a minute, and only happens when it changed.")
            failure = f"{name} could not be installed; pip's own message is above. Mend that and run the command again."
            pip("--require-hashes", "--requirement", name, failure=failure)
    failure = "Sayso itself could not be installed; pip's own message is above."
    pip("--no-deps", "--no-build-isolation", "--editable", ".", failure=failure)
    STATE.write_text(json.dumps(after, indent=2), encoding="utf-8")
    UNFINISHED.unlink()


def main() -> None:
    """Set up, and say in one sentence if that can't be done."""
    try:
        with alone():
            set_up(["requirements-dev.txt"] if sys.argv[1:] == ["dev"] else ["requirements.txt"])
    except CannotSetUp as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(
            f"{error.filename or ROOT} can't be written: {error.strerror}. Sayso needs a folder that you may write to."
        )
    except KeyboardInterrupt:
        sys.exit("Interrupted; run the same command again and it starts afresh.")


if __name__ == "__main__":
    main()
