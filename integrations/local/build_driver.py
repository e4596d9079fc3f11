"""Runs a build's phases; its own process, so that it goes on without the server. Only standard library.

Reads a plan (JSON, written by `build_plan.py`), writes what happens as JSON lines; its output is the build's raw log.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import threading
import time
from pathlib import Path
from typing import Any

from integrations.local.build_cache import Cache, inside
from integrations.local.build_shell import Shell
from integrations.local.build_watch import Family, Watch, disk_is_full
from integrations.local.outlet import Outlet

RESERVE = 65_536
"""Bytes that are set aside so that, on a full disk, it can still be told."""


class Build:
    """The phases, by CodeBuild's rules (User Guide, "Build phase transitions" and "Build specification reference")."""

    def __init__(self, plan: dict[str, Any], folder: Path, outlet: Outlet) -> None:
        self.plan, self.folder, self.outlet = plan, folder, outlet
        self.source = Path(plan["source"])
        self.shell = Shell(plan, folder)
        self.journal = os.open(folder / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.telling = threading.RLock()
        self.current: dict[str, Any] = {}
        self.failure: dict[str, Any] | None = None
        self.family = Family(plan["mark"])
        (folder / "reserve").write_bytes(b"\0" * RESERVE)
        self.watch = Watch(plan["limits"], self.family, outlet, self.source, self.give_up)

    def tell(self, **event: Any) -> None:
        """Write down what happens."""
        with self.telling:
            os.write(self.journal, (json.dumps({"at": time.time(), **event}) + "\n").encode())

    def say(self, sentence: str) -> None:
        """Say it in the log, in order with the commands' own output."""
        sys.stdout.write(f"[Sayso] {sentence}\n")
        sys.stdout.flush()

    def give_up(self, broken: dict[str, Any]) -> None:
        """End everything because a limit was broken; nothing is told after that."""
        with self.telling:  # never given back: the other thread may be in the middle of a command
            (self.folder / "reserve").unlink(missing_ok=True)
            self.tell(verdict="limit", **self.current, **broken)
            self.family.end()
            self.outlet.close()
            os._exit(1)

    def run(self) -> int:
        """Run all phases, give 0 if every one succeeded.

        A failed install or pre_build ends the build. After a failed build phase, post_build still runs. `finally` runs
        whenever its phase began. With `on-failure: CONTINUE` the next phase runs, too; that build has still failed
        (AWS does not document its result; the safe reading).
        """
        hit = self.restore()
        stopped_in = ""
        for phase in self.plan["phases"]:
            name = phase["name"]
            if stopped_in and not (name == "POST_BUILD" and stopped_in == "BUILD"):
                continue
            failure = self.phase(phase)
            self.failure = self.failure or failure
            if failure and phase["on_failure"]["then"] != "CONTINUE":
                stopped_in = stopped_in or name
        texts = {text: self.shell.value(text) for text in self.plan["texts"]}
        self.tell(texts={text: value for text, value in texts.items() if value is not None})
        if self.failure is None:
            self.export()
            self.save(hit)
        self.shell.close()
        self.watch.stopped.set()
        self.tell(verdict="failed" if self.failure else "succeeded", **(self.failure or {}))
        return 1 if self.failure else 0

    def phase(self, phase: dict[str, Any]) -> dict[str, Any] | None:
        """Run a phase, again as often as its `on-failure: RETRY…` says; gives its failure."""
        name, rule = phase["name"], phase["on_failure"]
        tries = rule["times"] if rule["then"] == "RETRY" else 0
        self.tell(phase=name)
        while True:
            self.outlet.forget()
            failure = self.commands(name, phase["commands"])
            if failure:
                self.succeeding(0)
            failure_at_last = self.commands(name, phase["finally"])
            failure = failure or failure_at_last
            if failure is None:
                break
            self.succeeding(0)
            if tries <= 0 or not self.fits(rule["matching"], failure):
                break
            tries -= 1
            self.say(f"{name} failed and is run again; {tries} more tries are left")
            if self.failure is None:
                self.succeeding(1)
        self.say(f"{name} {'failed' if failure else 'succeeded'}")
        self.tell(phase=name, done=True, **({"failure": failure} if failure else {}))
        return failure

    def fits(self, pattern: str, failure: dict[str, Any]) -> bool:
        """Tell whether a retry's expression matches what the phase has printed last, or the failure's own sentence."""
        printed = self.outlet.recent().decode(errors="replace")
        return re.search(pattern, f"{printed}\nexit status {failure['code']}") is not None

    def succeeding(self, value: int) -> None:
        """Set what commands see as CODEBUILD_BUILD_SUCCEEDING."""
        self.plan["environment"]["CODEBUILD_BUILD_SUCCEEDING"] = str(value)
        if self.plan["one_shell"]:
            self.shell.run(f"export CODEBUILD_BUILD_SUCCEEDING={value}")

    def commands(self, phase: str, commands: list[str]) -> dict[str, Any] | None:
        """Run commands until one fails; gives the failure."""
        for command in commands:
            self.current = {"phase": phase, "command": command}
            self.tell(**self.current)
            self.say(f"{phase}: {command.strip()}")
            code = self.shell.run(command)
            if not self.plan["one_shell"]:
                self.shell.close()
            self.tell(phase=phase, command=command, code=code)
            if code != 0:
                self.say(f"{phase}: ended with exit code {code}")
                full = {"full": True} if disk_is_full(self.source) else {}
                return {"phase": phase, "command": command, "code": code, **full}
        return None

    def export(self) -> None:
        """Write the variables that the pipeline may read, each into a file of its name."""
        into = self.folder / "exported"
        into.mkdir(exist_ok=True)
        for name in self.plan["exported"]:
            self.shell.run(f'printf %s "${{{name}-}}" >{shlex.quote(str(into / name))}')

    def cache(self) -> Cache:
        """Open the project's cache."""
        plan = self.plan["cache"]
        return Cache(Path(plan["folder"]), plan["project"], plan["most"])

    def restore(self) -> bool:
        """Bring back what an earlier build kept; a cache that can't be read costs time, not the build."""
        plan = self.plan["cache"]
        if not plan:
            return False
        plan["key"] = self.shell.value(plan["key"]) or ""
        plan["fallbacks"] = [self.shell.value(key) or "" for key in plan["fallbacks"]]
        if plan["action"] == "save":
            return False
        try:
            found = self.cache().restore(self.source, plan["key"], plan["fallbacks"])
        except (OSError, ValueError) as problem:
            self.say(f"the cache could not be restored: {problem}")
            return False
        name = f" of the key {found[0]}" if found and found[0] else ""
        self.say(f"the cache{name} was restored" if found else "there is no cache yet")
        return found is not None and found[1] and bool(plan["key"])

    def save(self, hit: bool) -> None:
        """Keep what the next build may want; one that was found under just this key is not made again."""
        plan = self.plan["cache"]
        if not plan or plan["action"] == "restore" or hit:
            return
        paths = [self.shell.value(path) or path for path in plan["paths"]]
        for path in [path for path in paths if inside(path, self.source) is None]:
            self.say(
                f"the cache leaves out {path}: it lies outside of the source folder and stays on this machine anyway"
            )
        kept = tuple(name for path in paths if (name := inside(path, self.source)) is not None)
        if not kept:
            return
        try:
            count, size = self.cache().save(self.source, plan["key"], kept)
        except (OSError, ValueError) as problem:
            self.say(f"the cache could not be saved: {problem}")
            return
        if count:
            self.say(f"the cache was saved: {count:,} files, {size:,} bytes")
        else:
            self.say("the cache was not saved: " + ("it is too large" if size else "no file matches its paths"))


def main() -> None:
    """Run the build whose plan is the argument; the exit code is 0 if it succeeded."""
    path = Path(sys.argv[1])
    plan = json.loads(path.read_text())
    outlet = Outlet(path.parent / "raw.log", head=plan["log"]["head"], part=plan["log"]["part"])
    try:
        code = Build(plan, path.parent, outlet).run()
    finally:
        outlet.close()
    sys.exit(code)


if __name__ == "__main__":
    main()
