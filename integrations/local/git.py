"""Runs git so that it asks nobody, obeys no hook, and speaks no protocol that could run a program."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from integrations.local.actions import ErrorCode

PROTOCOLS = "file:git:http:https:ssh"  # not ext::, which runs any command

_CODES = (
    (re.compile(r"Permission denied|Authentication failed|could not read (?:Username|Password)|error: 40[13]\b"),
     ErrorCode.PERMISSION),
    (re.compile(r"[Nn]ot found|does not appear to be a git repository"), ErrorCode.CONFIGURATION),
    (re.compile(r"Could not resolve host|unable to (?:access|connect|look up)|Connection (?:refused|closed|reset)|"
                r"timed out|Broken pipe|early EOF|hung up|Could not read from remote|error: 5\d\d\b|No space left"),
     ErrorCode.SYSTEM_UNAVAILABLE),
)  # fmt: skip
"""In git's own English (`LC_ALL=C`): what its errors mean; all others lie in what it was asked for."""

_CLOSED = "fatal: Connection closed by the other side"


class GitFailed(Exception):
    """Git ended with an error; `reason` is its last line, without credentials, `code` what CodePipeline calls it."""

    def __init__(self, output: str) -> None:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        said = next(
            (line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "no word"
        )
        self.reason = clean_url(said.removeprefix("fatal: ").removeprefix("error: ")).rstrip(".") + "."
        self.code = next((code for said, code in _CODES if said.search(output)), ErrorCode.CONFIGURATION)
        self.locked = ".lock" in output or "cannot lock" in output
        super().__init__(self.reason)


class Git:
    """One bare repository in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def run(self, command: str, *args: str, tree: Path | None = None, index: Path | None = None,
                  inside: bool = True) -> str:  # fmt: skip
        """Run one git command and give its output (UTF-8, leniently); raises `GitFailed`.

        Cancelled, it ends git and whatever git started.
        """
        line = ["git", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "advice.detachedHead=false"]
        line += ["--git-dir", str(self.folder)] if inside else []
        line += ["--work-tree", str(tree)] if tree else []
        process = await asyncio.create_subprocess_exec(
            *line, command, *args, env=_environment(index), start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            cwd=str(tree) if tree else None,
        )  # fmt: skip
        try:
            out, err = await process.communicate()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
        if process.returncode == -signal.SIGPIPE and not err:
            raise GitFailed(_CLOSED)  # it wrote to a host that had gone, and dies of that without a word
        if process.returncode:
            raise GitFailed(err.decode("utf-8", "replace"))
        return out.decode("utf-8", "replace")


def _environment(index: Path | None) -> dict[str, str]:
    # GIT_DIR and the like are set when we run under somebody's git hook; they would point git at the wrong repository.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": PROTOCOLS, "LC_ALL": "C", "GIT_ASKPASS": "",
            "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")}  # fmt: skip
    if index:
        env["GIT_INDEX_FILE"] = str(index)
    return env


def clean_url(text: str) -> str:
    """Take user names and passwords out of URLs."""
    return re.sub(r"(\w+://)[^/@\s]+@", r"\1", text)


@asynccontextmanager
async def mirror_lock(mirror: Path) -> AsyncIterator[None]:
    """Let one attempt at a time work on a mirror, also among several processes."""
    with mirror.with_suffix(".lock").open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(0.05)
            else:
                break
        yield
