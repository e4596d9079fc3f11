"""The shell that a build's commands are given to, one after the other. Only standard library: the driver runs it."""

from __future__ import annotations

import os
import select
import shlex
import subprocess
from pathlib import Path
from typing import Any

# The shell reads from its standard input which file to run next, and answers with the exit code through a named pipe,
# so that no command inherits anything it could disturb. A command that ends the shell itself (`exit 1`, `set -e`) is
# only that command's failure: variables and folder are kept, and the next command gets a new shell with them.
LOOP = """
ulimit -c 0 2>/dev/null
{limit}
trap 'export -p >{kept}/variables; pwd >{kept}/folder' EXIT
if [ -f {kept}/variables ]; then . {kept}/variables; cd "$(cat {kept}/folder)"; fi
while IFS= read -r __step; do
  eval "$(cat "$__step")" </dev/null
  echo "$?" >{answers}
done
"""


class Shell:
    """One shell after the other that commands are given to."""

    def __init__(self, plan: dict[str, Any], folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self.kept, self.answers = folder / "kept", folder / "answers"
        self.kept.mkdir(exist_ok=True)
        os.mkfifo(self.answers, 0o600)
        # Both ways, so that it never reports an end while no shell has it open.
        self.pipe = os.open(self.answers, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.process: subprocess.Popen[bytes] | None = None
        self.steps = 0

    def run(self, command: str, *, again: bool = False) -> int:
        """Run one command, give its exit code."""
        if self.process is None or self.process.poll() is not None:
            kilobytes = self.plan["limits"]["address_space"]
            loop = LOOP.format(
                kept=shlex.quote(str(self.kept)),
                answers=shlex.quote(str(self.answers)),
                limit=f"ulimit -v {kilobytes}" if kilobytes else "",
            )
            self.process = subprocess.Popen(
                [self.plan["shell"], "-c", loop],
                stdin=subprocess.PIPE,
                cwd=self.plan["source"],
                env=self.plan["environment"],
            )
        self.steps += 1
        step = self.folder / f"step-{self.steps}.sh"
        step.write_text(command, errors="surrogateescape")
        stdin = self.process.stdin
        assert stdin is not None
        try:
            stdin.write(f"{step}\n".encode())
            stdin.flush()
        except BrokenPipeError:  # it ended just now, by a trap or a signal; it never began this command
            code = self.process.wait()
            if again:  # a new shell does not even start with what was kept
                return code or 1
            return self.run(command, again=True)
        return self._answer(self.process)

    def _answer(self, process: subprocess.Popen[bytes]) -> int:
        while True:
            ended = process.poll()
            if select.select([self.pipe], [], [], 0 if ended is not None else 0.02)[0]:
                return int(os.read(self.pipe, 100).split()[-1])
            if ended is not None:
                return ended if ended >= 0 else 128 - ended

    def value(self, text: str) -> str | None:
        """Put variables and `$(commands)` into a text as the shell does; `None` if that fails."""
        if "$" not in text and "`" not in text:
            return text
        into = self.folder / "value"
        into.unlink(missing_ok=True)
        written = f"cat >{shlex.quote(str(into))} <<__SAYSO__\n{text}\n__SAYSO__\n"
        if self.run(f"( {written})") != 0 or not into.exists():
            return None
        return into.read_text(errors="surrogateescape").removesuffix("\n")

    def close(self) -> None:
        """Let the shell end; what it kept is forgotten."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        for kept in self.kept.iterdir():
            kept.unlink()
