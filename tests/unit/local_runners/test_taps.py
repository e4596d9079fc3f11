"""What a script prints is carried on, and takes no room any more once it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("holes", [True, False])
def test_what_was_carried_on_is_given_back_to_the_disk(tmp_path: Path, holes: bool) -> None:
    script = f"""
import os, sys
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from integrations.local import taps
if not {holes}:
    taps._punch = lambda *_: False  # as on a file system that can't
made = taps.Taps(Path({str(tmp_path)!r}))
printed = made.open()
for n in range(400):
    os.write(printed, (b"%07d " % n).ljust(65_535, b".") + b"\\n")
    made.drain()
os.write(printed, b"the end\\n")
made.close()
sys.stderr.write(str(os.fstat(printed).st_blocks * 512))
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert [line[:7] for line in lines] == [*(f"{n:07}" for n in range(400)), "the end"]
    assert int(done.stderr) < 10_000_000
    assert not list(tmp_path.iterdir()), "nobody can read it in the folder"
