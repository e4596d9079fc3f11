"""Carries a command's raw output into the attempt's log: secrets masked, always UTF-8, the last lines at hand."""

from __future__ import annotations

import codecs
import copy
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from bot.core.model import FailedTest, LogTail, SlowTest, TestReport
from integrations.local.actions import BuildPhase
from integrations.local.masks import Mask, Secrets
from integrations.local.outlet import part_of

MOST_LINES = 40
LONGEST_LINE = 500
CHUNK = 1 << 20
MOST_AT_ONCE = 16 << 20
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Log:
    """The masked log of one attempt, fed from the raw output; its last lines are `tail`."""

    def __init__(self, raw: Path, log: Path, secrets: Iterable[str], *, begins: int, key: str) -> None:
        """Follow `raw` from its start into `log`, which is cut to its first `begins` bytes.

        Cutting makes following again after a restart give the same log, not a doubled one. Of a raw log with parts
        (`outlet.py`) the log gets the head, a sentence about what was dropped, and the tail.
        """
        self._raw, self._log, self._key = raw, log, key
        self._secrets = Secrets(secrets)
        self._mask = Mask(self._secrets)
        self._lock = threading.Lock()  # a cancelled follower's last look may still be under way
        self._read = 0
        self._number = 0
        self._after_head: tuple[Mask, codecs.IncrementalDecoder] | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._line = ""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            if file.tell() != begins:
                file.truncate(begins)

    def pump(self, *, last: bool = False) -> bool:
        """Carry over what is new; gives whether there was anything. Blocks: call it in a thread.

        At most 16 MB at a time, unless it is the last: what is written faster must not keep its follower from seeing
        anything else.
        """
        with self._lock, self._log.open("ab") as log:
            moved = self._carry(self._raw, log.write, everything=last) if self._number == 0 else 0
            while (last or moved < MOST_AT_ONCE) and (more := self._carry_part(everything=last)):
                moved += more
            if last:
                self._show(self._decoder.decode(self._mask.feed(b"", last=True), final=True), self._write_of(log))
                self._add_tail(log.write)
        return moved > 0

    def _carry(self, path: Path, write: Callable[[bytes], object], *, everything: bool) -> int:
        begun = self._read
        with path.open("rb") as raw:
            raw.seek(self._read)
            while (everything or self._read - begun < MOST_AT_ONCE) and (data := raw.read(CHUNK)):
                self._read += len(data)
                self._show(self._decoder.decode(self._mask.feed(data)), write)
        return self._read - begun

    def _parts(self) -> list[int]:
        prefix = f"{self._raw.name}."
        numbers = (path.name.removeprefix(prefix) for path in self._raw.parent.glob(f"{prefix}*"))
        return sorted(int(number) for number in numbers if number.isdigit())

    def _carry_part(self, *, everything: bool) -> int:
        """Go on in the parts, for the last lines only: what stays of them is written at the end."""
        later = [number for number in self._parts() if number > self._number]
        if self._number:
            try:
                if moved := self._carry(part_of(self._raw, self._number), _nowhere, everything=everything):
                    return moved
            except FileNotFoundError:
                pass  # it was dropped before it was read
        if not later:
            return 0
        if self._number == 0:
            with self._raw.open("rb") as raw:  # the head is whole as soon as there are parts, but may not be read yet
                if raw.seek(0, 2) > self._read:
                    return 0
        if self._number == 0:  # what is kept back here is still to be written, when it is known what follows it
            self._after_head = copy.deepcopy((self._mask, self._decoder)) if later[0] == 1 else None
        if later[-1] != self._number + 1:
            self._mask, self._line = Mask(self._secrets), ""
        self._number, self._read = later[-1], 0
        return 1

    def _write_of(self, log: IO[bytes]) -> Callable[[bytes], object]:
        return log.write if self._number == 0 else _nowhere

    def _add_tail(self, write: Callable[[bytes], object]) -> None:
        """Write the parts that were kept, behind a sentence about those that were not."""
        parts = self._parts()
        if not parts:
            return
        sizes = [part_of(self._raw, number).stat().st_size for number in parts]
        dropped = (parts[0] - 1) * sizes[0]
        begin = 0
        if self._after_head is not None and not dropped:
            mask, decoder = self._after_head
        else:
            mask, decoder = Mask(self._secrets), codecs.getincrementaldecoder("utf-8")("replace")
        if dropped:
            with part_of(self._raw, parts[0]).open("rb") as file:
                # A secret may be cut in two here: begin with a whole line, or far enough in it.
                start = file.read(max(65_536, 2 * self._secrets.longest))
            begin = (start.find(b"\n") + 1) or min(len(start), self._secrets.longest)
            write(f"\n[Sayso] {dropped + begin:,} bytes of this log were dropped here: it was too long\n".encode())
        for number in parts:
            with part_of(self._raw, number).open("rb") as file:
                file.seek(begin)
                begin = 0
                while data := file.read(CHUNK):
                    write(decoder.decode(mask.feed(data)).encode())
        write(decoder.decode(mask.feed(b"", last=True), final=True).encode())

    def say(self, sentence: str) -> None:
        """Add a line of our own at the end."""
        with self._log.open("ab") as log:
            self._show(f"{'' if not self._line else chr(10)}[Sayso] {self._secrets.hide(sentence)}\n", log.write)

    def hide(self, text: str) -> str:
        """Mask a sentence that quotes a command or its output."""
        return self._secrets.hide(text)

    def hide_tests(self, tests: TestReport | None) -> TestReport | None:
        """Mask what test reports say: names, messages and notes."""
        if tests is None:
            return None
        failures = tuple(FailedTest(name=self.hide(one.name), message=self.hide(one.message)) for one in tests.failures)
        slowest = tuple(SlowTest(name=self.hide(one.name), seconds=one.seconds) for one in tests.slowest)
        notes = tuple(map(self.hide, tests.notes))
        return tests.model_copy(update={"failures": failures, "slowest": slowest, "notes": notes})

    def hide_phases(self, phases: Iterable[BuildPhase]) -> tuple[BuildPhase, ...]:
        """Mask the commands that phase contexts quote."""
        return tuple(
            phase.model_copy(
                update={
                    "contexts": tuple(
                        one.model_copy(update={"message": self.hide(one.message)}) for one in phase.contexts
                    )
                }
            )
            for phase in phases
        )

    def tail(self) -> LogTail:
        """Give the last lines as a person would see them: no colours, of a progress bar only its last state."""
        lines = [*self._lines, *([self._line] if self._line else [])][-MOST_LINES:]
        return LogTail(lines=tuple(_plain(line) for line in lines), key=self._key)

    def _show(self, text: str, write: Callable[[bytes], object]) -> None:
        if not text:
            return
        write(text.encode())
        *lines, rest = (self._line + text).split("\n")
        self._lines.extend(line[-4 * LONGEST_LINE :] if "\r" in line else line[: 4 * LONGEST_LINE] for line in lines)
        # A line without an end must not grow without an end.
        self._line = rest[-65_536:]


def _nowhere(_data: bytes) -> None:
    """Take what is not to be written."""


def _plain(line: str) -> str:
    states = [state for state in ESCAPES.sub("", line).split("\r") if state.strip()]
    text = CONTROLS.sub("", states[-1] if states else "")
    return text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"
