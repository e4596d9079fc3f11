"""Secrets are hidden in every form in which commands usually print them."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import urllib.parse
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.local.masks import Mask, Secrets, of_server

NASTY = "p4$$'w\"o\\rd/+ä `x` <&> 100%"


@pytest.mark.parametrize(
    "form",
    [
        NASTY,
        json.dumps({"a": NASTY}),
        json.dumps({"a": NASTY}, ensure_ascii=False),
        json.dumps([NASTY]).replace("/", "\\/"),
        shlex.quote(NASTY),
        repr({"a": NASTY}),
        urllib.parse.quote(NASTY),
        urllib.parse.quote(NASTY, safe=""),
        urllib.parse.quote_plus(NASTY),
        urllib.parse.quote(NASTY, safe="").lower(),
        escape(NASTY),
    ],
)
def test_a_quoted_secret_is_hidden_whole(form: str) -> None:
    hidden = Secrets([NASTY]).hide(f"a {form} b")
    assert "***" in hidden
    assert not [piece for piece in ("rd", "100", "x", "w") if piece in hidden]


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_what_shells_print_of_a_secret_is_hidden(shell: str) -> None:
    script = 'set -x; : "$A"; set +x; export -p | grep " A="; ' + ("printf '%q\\n' \"$A\"" if shell == "bash" else "")
    secret = "p4$$'w\"o\\rd/+ `x` 100%"
    run = subprocess.run(
        [shell, "-c", script], env={"A": secret, "PATH": "/usr/bin:/bin"}, capture_output=True, check=True
    )
    for line in (run.stdout + run.stderr).decode().splitlines():
        if "rd" in line:
            assert "rd" not in Secrets([secret]).hide(line), line


@settings(deadline=None, max_examples=150)  # the machine may be busy
@given(
    st.binary(max_size=10), st.text(min_size=8, max_size=70).filter(lambda t: len(t.strip()) >= 8),
    st.binary(max_size=10), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]),
)  # fmt: skip
def test_a_secret_in_base64_is_hidden_wherever_it_stands(
    before: bytes, secret: str, after: bytes, encode: object
) -> None:
    whole = before + secret.encode() + after
    text: bytes = encode(whole)  # type: ignore[operator]
    hidden = Secrets([secret]).hide(text.decode())
    assert "***" in hidden
    shown = len(hidden.replace("***", ""))
    assert shown <= -(-len(before) * 4 // 3) + -(-len(after) * 4 // 3) + 8  # only what its neighbours share


KEY = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(f"{n:02}" + "MIIEvQ/+aB" * 6 for n in range(20)) + "\n-----END-----"


@pytest.mark.parametrize("wide", [64, 76, 4000])
def test_a_long_secret_in_wrapped_base64_is_hidden(wide: int) -> None:
    text = base64.b64encode(KEY.encode()).decode()
    wrapped = "\n".join(text[n : n + wide] for n in range(0, len(text), wide))
    hidden = Secrets([KEY]).hide(f"key:\n{wrapped}\nend")
    assert len(hidden) < 40, hidden
    mask, shown = Mask(Secrets([KEY])), b""
    for n in range(0, len(wrapped), 333):
        shown += mask.feed(wrapped[n : n + 333].encode())
    assert len(shown + mask.feed(b"", last=True)) < 20


def test_every_line_of_a_key_is_hidden_alone() -> None:
    for line in KEY.splitlines():
        assert Secrets([KEY]).hide(f"x{line}x") == "x***x"


@settings(deadline=None)  # the machine may be busy
@given(st.text(min_size=4, max_size=12).filter(lambda t: len(t.strip()) >= 4), st.lists(st.integers(1, 7), max_size=40))
def test_forms_that_arrive_in_pieces_are_hidden_as_if_whole(secret: str, sizes: list[int]) -> None:
    secret = secret.encode(errors="ignore").decode()
    secrets = Secrets([secret])
    text = f"{secret}|{json.dumps(secret)}|{base64.b64encode(secret.encode()).decode()}|{secret[:3]}".encode()
    mask, shown, at = Mask(secrets), b"", 0
    for size in sizes:
        shown, at = shown + mask.feed(text[at : at + size]), at + size
    shown += mask.feed(text[at:]) + mask.feed(b"", last=True)
    assert shown.decode() == secrets.hide(text.decode())


def test_the_servers_own_secrets_are_known_by_their_names() -> None:
    environment = {"SLACK_BOT_TOKEN": "xoxb-1234567", "PATH": "/usr/bin:/bin", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnF",
                   "KEY_FILE": "short", "DB_PASSWORD": "no", "HOME": "/home/x", "LANG": "en_US.UTF-8"}  # fmt: skip
    assert set(of_server(environment)) == {"xoxb-1234567", "wJalrXUtnF"}
