"""Hides secret values in text, in every form in which commands usually print them, also when they arrive in pieces."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from urllib.parse import quote, quote_plus

STARS = b"***"
SHORTEST_SECRET = 4
"""Shorter values are not masked: stars at every such place would make a log unreadable and give the value away."""
WRAPPED = 60
"""Base64 of more characters than this may be printed in several lines (`base64` breaks after 76)."""
SECRET_NAMES = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|PRIVATE|ACCESS_KEY|DATABASE|_DSN$|KEY$", re.IGNORECASE
)
SHORTEST_OF_SERVER = 8
"""Values of the server's own variables are only guessed to be secrets, and so short words among them are not."""


class Secrets:
    """Secret values, and all the forms of them that are to be hidden. Immutable; shared by the masks of one attempt."""

    def __init__(self, values: Iterable[str]) -> None:
        """Take the values; of those with several lines, each long enough line is hidden, too."""
        plain: set[bytes] = set()
        encoded: set[bytes] = set()
        for value in dict.fromkeys(values):
            for part in {value.strip(), *(line.strip() for line in value.splitlines())}:
                if len(part) >= SHORTEST_SECRET:
                    plain.update(form.encode(errors="surrogateescape") for form in _written(part))
            for whole in {value, value.strip(), value.strip() + "\n"}:
                if len(whole.strip()) >= SHORTEST_SECRET:
                    encoded.update(_base64(whole.encode(errors="surrogateescape")))
        self.forms = sorted((form for form in plain | encoded if len(form) >= SHORTEST_SECRET), key=len, reverse=True)
        self._wrapped = {
            form: re.compile(rb"(?:\\n|\s){0,4}".join(re.escape(bytes([byte])) for byte in form))
            for form in encoded
            if len(form) > WRAPPED
        }
        # A wrapped form is at most this much longer than itself: a break after every 16 characters.
        room = (len(form) + (len(form) // 4 if form in self._wrapped else 0) for form in self.forms)
        self.longest = max(room, default=0)

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Give where secrets stand, in order; spans that overlap are one."""
        found: list[tuple[int, int]] = []
        for form in self.forms:
            at = data.find(form)
            while at >= 0:
                found.append((at, at + len(form)))
                at = data.find(form, at + 1)
        if self._wrapped:
            flat = re.sub(rb"\\n|\s", b"", data)
            for form, pattern in self._wrapped.items():
                if form in flat:
                    found += [match.span() for match in pattern.finditer(data)]
        return _merged(sorted(found))

    def begins(self, data: bytes) -> int:
        """Give from where on the end of the data may be the start of a secret; its length if nowhere."""
        first = max(0, len(data) - self.longest + 1)
        tail = data[first:]
        earliest = len(tail)
        for form in self.forms:
            at = tail.find(form[:1])
            while 0 <= at < earliest:
                if form.startswith(tail[at:]) or (
                    form in self._wrapped and form.startswith(re.sub(rb"\\n?|\s", b"", tail[at:]))
                ):
                    earliest = at
                    break
                at = tail.find(form[:1], at + 1)
        return first + earliest

    def hide(self, text: str) -> str:
        """Hide the values in one whole text."""
        if not text or not self.forms:
            return text
        return Mask(self).feed(text.encode(errors="surrogateescape"), last=True).decode(errors="replace")


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _written(value: str) -> Iterator[str]:
    """Give a value as it is and as JSON, shells, URLs, XML and Python write it inside their quotes."""
    yield value
    for ascii_only in (True, False):
        inner = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield inner
        yield inner.replace("/", "\\/")
    yield shlex.quote(value).removeprefix("'").removesuffix("'")
    yield value.replace("'", "'\\''")  # as `set -x` writes it
    yield re.sub(r'([\\"$`])', r"\\\1", value)  # inside double quotes
    yield re.sub(r"([^\w@%+=:,./-])", r"\\\1", value, flags=re.ASCII)  # as `printf %q` writes it
    yield repr(value)[1:-1]
    yield escape(value)
    yield escape(value, quote=False)
    for percent in (quote(value, safe="", errors="surrogateescape"), quote(value, errors="surrogateescape"),
                    quote_plus(value, errors="surrogateescape")):  # fmt: skip
        yield percent
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), percent)
    # Some tools leave `!'()*~` alone (JavaScript's encodeURIComponent).
    yield quote(value, safe="!'()*~", errors="surrogateescape")


def _base64(value: bytes) -> Iterator[bytes]:
    """Give what is always the same of a value in base64, wherever it stands in what is encoded.

    Three bytes make four characters, so that there are three ways; characters that its neighbours share are left out.
    """
    for before in range(3):
        first, last = -(-8 * before // 6), 8 * (before + len(value)) // 6
        for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * before + value + b"\0\0")[first:last]


def of_server(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Give the values of the server's own environment whose names say that they are secrets."""
    return tuple(
        value
        for name, value in environment.items()
        if SECRET_NAMES.search(name) and len(value) >= SHORTEST_OF_SERVER and not value.startswith("/")
    )


class Mask:
    """Hides secrets in one stream of bytes, also those that arrive in pieces."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._held = b""
        self._covered = 0

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """Take the next bytes, give those that are safe to show; keeps back what may be the start of a secret."""
        if not self._secrets.forms:
            return data
        data = self._held + data
        safe = len(data) if last else self._secrets.begins(data)
        shown, at = [], self._covered  # so much of what was kept back is already shown as stars
        for start, end in self._secrets.spans(data):
            if start >= safe:
                break
            if start >= at:
                shown += [data[at:start], STARS]
            at = max(at, end)
        self._held, self._covered = data[safe:], max(0, at - safe)
        return b"".join([*shown, data[at:safe]])
