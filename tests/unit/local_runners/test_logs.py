"""What a log shows: no secret, whatever the chunks; the last lines as a person would see them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.local.logs import Log
from integrations.local.masks import Mask, Secrets


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(st.text("abcX", min_size=4, max_size=7), min_size=1, max_size=4),
    st.text("abcX", max_size=60),
    st.lists(st.integers(1, 9), max_size=30),
)
def test_masking_does_not_depend_on_how_the_output_arrives(secrets: list[str], text: str, sizes: list[int]) -> None:
    whole = Secrets(secrets).hide(text)
    assert not any(secret in whole for secret in secrets)
    mask, at, shown = Mask(Secrets(secrets)), 0, b""
    for size in sizes:
        shown += mask.feed(text[at : at + size].encode())
        at += size
    shown += mask.feed(text[at:].encode()) + mask.feed(b"", last=True)
    assert shown.decode() == whole


def test_each_line_of_a_secret_is_hidden_and_short_values_are_not() -> None:
    mask = Secrets(["-----BEGIN\nMIIEvQ\nxy", "ab", ""])
    assert mask.hide("got MIIEvQ and xy and ab") == "got *** and xy and ab"


def test_secrets_that_overlap_leave_nothing_of_either() -> None:
    assert Secrets(["abcX", "bcXYZ"]).hide("-abcXYZ-") == "-***-"


def test_the_tail_shows_plain_lines(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_bytes(
        b"start\n\x1b[31mred\x1b[0m\n10%\r50%\r100%\n\xff\xfe\x00binary\n" + b"x" * 5000 + b"\n" + b"y" * 3_000_000
    )
    log = Log(raw, tmp_path / "log", [], begins=0, key="k")
    log.pump(last=True)
    lines = log.tail().lines
    assert lines[:4] == ("start", "red", "100%", "\N{REPLACEMENT CHARACTER}" * 2 + "binary")
    assert len(lines) == 6
    assert all(len(line) <= 500 for line in lines)
    (tmp_path / "log").read_text(encoding="utf-8")


def test_only_the_last_forty_lines_are_kept(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_text("".join(f"{n}\n" for n in range(100)))
    log = Log(raw, tmp_path / "log", [], begins=0, key="k")
    log.pump(last=True)
    assert log.tail().lines == tuple(str(n) for n in range(60, 100))


def test_following_again_gives_the_same_log_not_a_doubled_one(tmp_path: Path) -> None:
    raw, log = tmp_path / "raw", tmp_path / "log"
    log.write_text("before\n")
    raw.write_text("one\ntw")
    Log(raw, log, [], begins=7, key="k").pump()
    raw.write_text("one\ntwo\n")
    again = Log(raw, log, [], begins=7, key="k")
    again.pump()
    assert again.pump() is False
    again.pump(last=True)
    assert log.read_text() == "before\none\ntwo\n"
