"""Deploys to one target after the other; its own process, so that it goes on without the server. Only standard library.

Reads a plan (JSON, written by `deploy_plan.py`), writes what happens as JSON lines; its output is the raw log.
What a target keeps of its deployments lies in its folder `.sayso`.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from integrations.local.install import Broken, install
from integrations.local.outlet import Outlet
from integrations.local.taps import Taps

KEPT_BUNDLES = 5
"""As CodeDeploy's agent keeps by default (`max_revisions`)."""
GRACE = 3.0
RESERVE = 65_536
"""Bytes that are set aside so that, on a full disk, it can still be told."""


class Stopped(Exception):
    """Somebody ended the deployment."""


class Deployment:
    """The lifecycle of an in-place deployment (User Guide, "Lifecycle event hook run order", without load balancer)."""

    def __init__(self, plan: dict[str, Any], folder: Path, taps: Taps) -> None:
        self.plan, self.taps = plan, taps
        self.reserve = folder / "reserve"
        self.reserve.write_bytes(b"\0" * RESERVE)
        self.journal = (folder / "journal").open("a", buffering=1)
        self.done = 0
        self.at: dict[str, Any] = {"target": "", "step": ""}

    def tell(self, **event: Any) -> None:
        """Write down what happens."""
        counts = {"done": self.done, "total": len(self.plan["targets"])}
        self.journal.write(json.dumps({"time": time.time(), **counts, **self.at, **event}) + "\n")

    def say(self, sentence: str) -> None:
        """Say it in the log, in order with the scripts' own output."""
        sys.stdout.write(f"[Sayso] {self.at['target']}: {sentence}\n")
        sys.stdout.flush()

    def run(self) -> int:
        """Deploy to all targets, until one fails; gives 0 if none did."""
        try:
            self.tell(targets=[target["name"] for target in self.plan["targets"]])
            for target in self.plan["targets"]:
                self.at = {"target": target["name"], "step": ""}
                self.deploy(target)
                self.done += 1
        except Broken as broken:
            self.say(f"{self.at['step']}: {broken}")
            detail = f"{self.at['target']}: {self.at['step']}: {broken}"
            self.tell(verdict="failed", detail=detail, code=broken.code, script=broken.script, message=str(broken))
            return 1
        except OSError as error:
            self.reserve.unlink(missing_ok=True)
            name = Path(str(error.filename)).name if error.filename else self.at["target"]
            self.say(f"{self.at['step']}: {error}")
            sentence = f"{name} can't be used: {error.strerror or error}"
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                sentence = f"the disk is full: {name} can't be written. Make room, then retry"
            detail = f"{self.at['target']}: {self.at['step']}: {sentence}"
            self.tell(verdict="failed", detail=detail, code="UnknownError", script="", message=sentence)
            return 1
        except Stopped:
            self.say(f"{self.at['step']}: stopped")
            self.tell(verdict="stopped")
            return 1
        self.tell(verdict="succeeded")
        return 0

    def deploy(self, target: dict[str, Any]) -> None:
        """Take one target through the lifecycle."""
        root = Path(target["folder"])
        kept = root / ".sayso"
        self.step("ApplicationStop")
        kept.mkdir(parents=True, exist_ok=True)
        with (kept / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Broken("another deployment to this target is under way") from None
            if self.plan["left_out"]:
                self.say(f"without a load balancer there is no {', '.join(self.plan['left_out'])}")
            self.stop_previous(target, kept)
            self.step("DownloadBundle")
            bundle = kept / self.plan["deployment"] / "bundle"
            shutil.rmtree(bundle.parent, ignore_errors=True)
            shutil.copytree(self.plan["bundle"], bundle, symlinks=True)
            for folder, _, names in os.walk(bundle):  # what it was copied from may be read-only
                Path(folder).chmod(0o755)
                for file in (Path(folder, name) for name in names):
                    if not file.is_symlink():
                        file.chmod(file.stat().st_mode | 0o600)
            self.hooks("BeforeInstall", target, bundle)
            self.step("Install")
            for sentence in install(self.plan, bundle, root):
                self.say(sentence)
            for event in ("AfterInstall", "ApplicationStart", "ValidateService"):
                self.hooks(event, target, bundle)
            last = {"deployment": self.plan["deployment"], "hooks": self.plan["hooks"]["ApplicationStop"]}
            (kept / "last.new").write_text(json.dumps(last))
            (kept / "last.new").replace(kept / "last.json")
            bundles = sorted(kept.glob("d-*"), key=lambda path: path.stat().st_mtime, reverse=True)
            for old in bundles[KEPT_BUNDLES:]:
                if old != bundle.parent:
                    shutil.rmtree(old, ignore_errors=True)

    def step(self, event: str) -> None:
        """Begin a lifecycle event."""
        self.at["step"] = event
        self.tell()

    def stop_previous(self, target: dict[str, Any], kept: Path) -> None:
        """Run ApplicationStop of the last revision that was deployed well; the first time there is none."""
        try:
            last = json.loads((kept / "last.json").read_text())
        except FileNotFoundError:
            return
        except ValueError:
            raise Broken("what the target keeps of its last deployment (.sayso/last.json) can't be read") from None
        self.hooks("ApplicationStop", target, kept / last["deployment"] / "bundle", last["hooks"])

    def hooks(
        self, event: str, target: dict[str, Any], bundle: Path, scripts: list[dict[str, Any]] | None = None
    ) -> None:
        """Run an event's scripts in their order, within its time."""
        scripts = self.plan["hooks"][event] if scripts is None else scripts
        ends = time.monotonic() + self.plan["longest"]
        for number, script in enumerate(scripts, 1):
            self.at["step"] = event
            mark = f"{self.plan['attempt']}/{target['name']}/{event}/{number}"
            self.tell(script=script["location"], hook=mark)
            left = ends - time.monotonic()
            self.script(event, script, target, bundle, mark, min(script["timeout"] or left, left))

    def script(  # noqa: PLR0917 - a script is run with all of them
        self, event: str, script: dict[str, Any], target: dict[str, Any], bundle: Path, mark: str, seconds: float
    ) -> None:
        """Run one script to its end; what it started in the background goes on: that is the deployment."""
        path = bundle / script["location"]

        def failed(code: str, what: str) -> Broken:
            return Broken(f"`{script['location']}` {what}", code=code, script=script["location"])

        environment = {**target["environment"], "LIFECYCLE_EVENT": event, "SAYSO_HOOK": mark}
        if not path.is_file():
            raise failed("ScriptMissing", "is not in the bundle (any more)")
        self.say(f"{event}: {script['location']}")
        path.chmod(path.stat().st_mode | 0o555)
        printed = self.taps.open()
        options: dict[str, Any] = {"cwd": bundle, "stdin": subprocess.DEVNULL, "start_new_session": True,
                                   "stdout": printed, "stderr": printed}  # fmt: skip
        options |= self.user(script["runas"], environment)
        try:
            try:
                process = subprocess.Popen([str(path)], env=environment, **options)
            except OSError as error:
                if error.errno != 8:  # it has no `#!` line: the shell reads it, as CodeDeploy does
                    raise
                process = subprocess.Popen(["/bin/sh", str(path)], env=environment, **options)
        except OSError as error:
            raise failed("ScriptNotExecutable", f"can't be run: {error.strerror}") from error
        finally:
            os.close(printed)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            end(process)
            raise failed("ScriptTimedOut", f"took longer than {seconds:.0f} seconds and was ended") from None
        except Stopped:
            end(process)
            raise
        finally:
            self.taps.drain()
        if code != 0:
            shown = code if code > 0 else 128 - code
            raise failed("ScriptFailed", f"ended with exit code {shown}")

    def user(self, name: str | None, environment: dict[str, str]) -> dict[str, Any]:
        """Find how to run as somebody else; only root can, others run it as they are and say so."""
        if name is None or pwd.getpwuid(os.geteuid()).pw_name == name:
            return {}
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise Broken(f"this machine has no user {name} to run it as") from None
        if os.geteuid() != 0:
            self.say(f"only root could run it as {name}; it runs as the user that Sayso runs as")
            return {}
        environment |= {"HOME": entry.pw_dir, "USER": name, "LOGNAME": name}
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(name, entry.pw_gid)}


def end(process: subprocess.Popen[bytes]) -> None:
    """End a script and what is still in its group: TERM, then KILL."""
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, 1.0)):
        try:
            os.killpg(process.pid, number)
            process.wait(patience)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    try:  # the script is gone; of its group nobody may stay behind either
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def stop(number: int, frame: FrameType | None) -> None:
    """Take TERM: once, so that ending the script is not disturbed."""
    del frame
    signal.signal(number, signal.SIG_IGN)
    raise Stopped


def main() -> None:
    """Carry out the plan that is the argument; the exit code is 0 if every target has the new revision."""
    path = Path(sys.argv[1])
    signal.signal(signal.SIGTERM, stop)
    plan = json.loads(path.read_text())
    outlet = Outlet(path.parent / "raw.log", head=plan["log"]["head"], part=plan["log"]["part"])
    taps = Taps(path.parent)
    try:
        code = Deployment(plan, path.parent, taps).run()
    finally:
        taps.close()
        outlet.close()
    sys.exit(code)


if __name__ == "__main__":
    main()
