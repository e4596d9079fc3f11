"""Opens the verifier with all that it needs: roots to trust, and a client that fetches certificate chains."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime

import certifi

from skills.release_desk.chains import Chains, read_roots
from skills.release_desk.fetching import chain_client
from skills.release_desk.verify import Verifier


@asynccontextmanager
async def open_verifier(
    skills: Iterable[str],
    now: Callable[[], datetime],
    *,
    relay_secret: str | None = None,
    roots_pem: str | None = None,
    store: tuple[str, int] | None = None,
) -> AsyncIterator[Verifier]:
    """Open it for these skills' ids.

    `roots_pem` replaces the roots that everybody trusts, both for Alexa's certificate and for where it lies; `store`
    is dialled in place of Amazon's, and is not taken without roots of its own. Raises `ValueError` if `roots_pem` has
    no certificate.
    """
    if store and roots_pem is None:
        raise ValueError("a store of one's own needs roots of its own")
    roots = read_roots(roots_pem.encode() if roots_pem is not None else certifi.contents().encode())
    if not roots:
        raise ValueError("no certificate")
    async with chain_client(roots_pem, store) as client:
        yield Verifier(skills=skills, now=now, chains=Chains(roots, client, now), relay_secret=relay_secret)
