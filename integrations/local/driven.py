"""An attempt whose work a driver process does: started once, found again after a restart, followed, ended."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from bot.core.errors import BadFile, SaysoError
from integrations.local.actions import Attempt, ErrorCode, Outcome, Progress, Result
from integrations.local.ending import end, of_attempt
from integrations.local.files import remove
from integrations.local.host import Host
from integrations.local.logs import Log
from integrations.local.processes import MARK, Detached, Lost, python, write_durably

TAIL_EVERY = 0.5
"""Seconds between two looks at the log's last lines that are told to people."""
GRACE = 5.0
"""Seconds between TERM and KILL."""


class Story(Protocol):
    """What a runner makes of its driver's journal while it is followed."""

    def read(self, event: Mapping[str, Any]) -> Progress | None:
        """Take one event of the journal; gives what is to be told at once."""
        ...

    def look(self) -> Progress | None:
        """Look around (blocking, in a thread), about twice a second; gives what is to be told."""
        ...


class Driven:
    """The files of one attempt in its folder, and the driver process they belong to."""

    def __init__(self, attempt: Attempt, host: Host, secrets: Iterable[str]) -> None:
        self.attempt = attempt
        self.folder = attempt.folder / "driver"
        self.process: Detached | None = None
        self._host, self._secrets = host, tuple(secrets)
        self._journal_read = 0
        self.log: Log | None = None

    def earlier_result(self) -> Result | None:
        """Give the result if an earlier server got so far, and only died before it could keep it."""
        try:
            return Result.model_validate_json((self.folder / "result.json").read_text())
        except (OSError, ValueError):
            return None

    def find(self) -> bool:
        """Find the process that an earlier server started; tells whether there is one. Raises `Lost`."""
        self.process = Detached.again(self.folder / "process", self._host)
        if self.process is not None:
            self._open_log()
        return self.process is not None

    def start(self, module: str, plan: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        """Write the plan and start the driver; `environment` is the driver's own, the mark is added."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)  # a plan may hold secrets that a target needs
        (self.folder / "plan.json").write_text(json.dumps(plan))
        begins = self.attempt.log.stat().st_size if self.attempt.log.exists() else 0
        (self.folder / "log-begins").write_text(str(begins))
        self.process = Detached.start(
            self.folder / "process",
            python(module, str(self.folder / "plan.json")),
            host=self._host,
            cwd=self.folder,
            environment={**environment, MARK: self.attempt.id},
            output=self.folder / "raw.log",
        )
        self._open_log()

    def _open_log(self) -> None:
        begins = int((self.folder / "log-begins").read_text())
        # The plan says which secrets this attempt looked up: after a restart nobody else knows them.
        found = json.loads((self.folder / "plan.json").read_text()).get("secrets", [])
        raw = self.folder / "raw.log"
        self.log = Log(raw, self.attempt.log, [*self._secrets, *found], begins=begins, key=self.attempt.id)

    async def follow(self, story: Story) -> None:
        """Follow the driver to its end, from its beginning even if it began under an earlier server."""
        assert self.process is not None
        assert self.log is not None
        told, clock = Progress(), asyncio.get_running_loop().time
        next_look = clock()
        async with contextlib.aclosing(self.process.looks()) as looks:
            async for _ in looks:
                for event in await asyncio.to_thread(self._pump):
                    if (progress := story.read(event)) is not None:
                        hidden = self.log.hide(progress.detail) if progress.detail else progress.detail
                        await self.attempt.report(progress.model_copy(update={"detail": hidden}))
                if clock() >= next_look:
                    progress = await asyncio.to_thread(self._look, story)
                    if progress != told:
                        await self.attempt.report(progress)
                    told, next_look = progress, clock() + TAIL_EVERY
        for event in await asyncio.to_thread(self._pump, last=True):
            story.read(event)

    def remove_traces(self) -> None:
        """Remove all that may hold secrets as they are, once nobody needs it any more: only a result stays. Blocks."""
        for pattern in ("plan.json", "journal", "raw.log*", "kept", "exported", "value", "reserve", "step-*.sh"):
            for path in self.folder.glob(pattern):
                remove(path)

    def _pump(self, *, last: bool = False) -> list[dict[str, Any]]:
        assert self.log is not None
        self.log.pump(last=last)
        return self.events()

    def _look(self, story: Story) -> Progress:
        assert self.log is not None
        found = story.look() or Progress()
        phases = None if found.phases is None else self.log.hide_phases(found.phases)
        tests = self.log.hide_tests(found.tests)
        return found.model_copy(update={"log": self.log.tail(), "tests": tests, "phases": phases})

    def events(self) -> list[dict[str, Any]]:
        """Read what the journal has got since the last time. Blocks."""
        try:
            with (self.folder / "journal").open("rb") as journal:
                journal.seek(self._journal_read)
                data = journal.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._journal_read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]

    async def end(self, grace: float = GRACE) -> int:
        """End every process of the attempt; gives how many there were."""
        leader = self.process.identity if self.process is not None else None
        if leader is not None and (leader.host, leader.boot) != (self._host.name, self._host.boot):
            leader = None  # its session's number may be another one's here and now
        ended = await end(lambda: of_attempt(self.attempt.id, leader), grace)
        if self.process is not None:
            self.process.alive()  # buries it
        return ended

    async def cancelled(self, story: Story | None = None) -> None:
        """End the attempt's processes, unless it is only the server that leaves: then they go on without it.

        `story` hears the rest of the journal before that goes.
        """
        if self.attempt.leaving():
            if self.process is not None:
                self.process.leave()
            return
        await self.end()
        if self.log is not None:
            await asyncio.to_thread(self.log.pump, last=True)
        if story is not None:
            for event in await asyncio.to_thread(self.events):
                story.read(event)
        await asyncio.to_thread(self.remove_traces)

    @contextlib.asynccontextmanager
    async def ending(self) -> AsyncIterator[Result | None]:
        """Let only one make a result of what the driver left; gives the result if another one has.

        Several follow a driver where servers took it over from each other although none of them was dead.
        """
        with (self.folder / "ending").open("w") as lock:
            while not _locked(lock):  # noqa: ASYNC110 - nobody tells when it is free
                await asyncio.sleep(TAIL_EVERY / 10)
            yield await asyncio.to_thread(self.earlier_result)

    async def finish(self, result: Result) -> Result:
        """Keep the result before anything that it was made from may go."""
        if self.folder.exists():
            await asyncio.to_thread(write_durably, self.folder / "result.json", result.model_dump_json())
        return result

    async def failed(self, problem: SaysoError | OSError) -> Result:
        """Make a failed result of what could not be prepared; every mistake stands in the log, the first is told.

        Where another one has brought it to its end, and taken away what was looked for, that end counts.
        """
        if earlier := await asyncio.to_thread(self.earlier_result):
            return earlier
        code = ErrorCode.SYSTEM_UNAVAILABLE if isinstance(problem, OSError) else ErrorCode.CONFIGURATION
        if isinstance(problem, OSError):
            name = Path(str(problem.filename)).name if problem.filename else "the work folder"
            sentence = f"{name} can't be used: {problem.strerror or problem}."
            if problem.errno in {errno.ENOSPC, errno.EDQUOT}:
                sentence = f"The disk is full: {name} can't be written. Make room, then retry."
        else:
            sentence = str(problem)
        await asyncio.to_thread(self._note, sentence)
        if isinstance(problem, BadFile):
            more = len(problem.mistakes) - 1
            sentence = str(problem.mistakes[0]) + (f" ({more} more in the log)" if more else "")
        return Result(outcome=Outcome.FAILED, detail=sentence, error=code)

    def _note(self, text: str) -> None:
        with contextlib.suppress(OSError):  # such as a full disk, which may be just what is to be told
            self.attempt.log.parent.mkdir(parents=True, exist_ok=True)
            with self.attempt.log.open("a", errors="replace") as log:
                log.writelines(f"[Sayso] {line}\n" for line in text.splitlines())


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lost_result(lost: Lost, last_seen: str = "") -> Result:
    """Make the result of an attempt of which nobody can say how far it came."""
    seen = f" Last seen: {last_seen}." if last_seen else ""
    return Result(outcome=Outcome.INTERRUPTED, detail=f"Interrupted: {lost}{seen}")
