"""The playground's keys on disk, so that a server can be told once whom to trust."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.core.errors import Misconfigured
from integrations.playground.echo.amazon import SPEAKER, STORE
from integrations.playground.echo.certificates import Authority, Certified, read_certified

_SPEAKER, _STORE = "playground-alexa.pem", "playground-store.pem"


@dataclass(frozen=True, slots=True)
class Keys:
    """Who signs, and who serves the chain that says so."""

    speaker: Certified
    store: Certified


def open_keys(roots: Path, now: datetime) -> Keys:
    """Read the keys that lie beside the file of roots; where there is no such file yet, make all three.

    The keys are good for two weeks, and those that are over are made anew, which whoever trusts the old root must be
    told. `Misconfigured` if the file holds roots that are not the playground's own, or can't be read or written.
    """
    paths = roots.with_name(_SPEAKER), roots.with_name(_STORE)
    try:
        if roots.exists():
            if not all(each.exists() for each in paths):
                raise Misconfigured(
                    f"{roots} is not the playground's own: the keys that belong to it don't lie beside it.",
                    fix="Name a file that doesn't exist yet in ALEXA_TRUST_ROOTS; the playground makes it.",
                )
            keys = Keys(*(read_certified(each.read_bytes()) for each in paths))
            if min(each.certificates[0].not_valid_after_utc for each in (keys.speaker, keys.store)) > now:
                return keys
        return _make(roots, paths, now)
    except (OSError, ValueError) as error:
        raise Misconfigured(f"The playground's keys beside {roots} can't be used: {error}.") from error


def _make(roots: Path, paths: tuple[Path, Path], now: datetime) -> Keys:
    authority = Authority(now)
    keys = Keys(authority.issue([SPEAKER], rsa_key=True), authority.issue([STORE]))
    roots.parent.mkdir(parents=True, exist_ok=True)
    for path, own in zip(paths, (keys.speaker, keys.store), strict=True):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(own.key_pem + own.chain_pem)
    roots.write_bytes(authority.root_pem)
    return keys
