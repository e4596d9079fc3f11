"""Bearer tokens: whose word a request is."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from bot.core.errors import Misconfigured, Unauthenticated
from bot.core.model import Actor, Surface
from bot.core.shapes import CLI_AGENT
from bot.core.wording import say
from bot.settings import ApiToken


class Tokens:
    """The tokens as digests. Finding one takes the same time whichever it is."""

    def __init__(self, tokens: Iterable[ApiToken], people: Mapping[str, str], path: str = "sayso.toml") -> None:
        """Take people's names by key; a token of somebody else is `Misconfigured`."""
        self._people = people
        self._digests: list[tuple[bytes, str]] = []
        for each in tokens:
            if each.person not in people:
                raise Misconfigured(say("settings.api_tokens.person", person=each.person, path=path))
            self._digests.append((_digest(each.token.get_secret_value()), each.person))

    def actor(self, token: str, surface: Surface) -> Actor:
        """Tell whose token this is; raises `Unauthenticated`."""
        given, found = _digest(token), None
        for digest, person in self._digests:
            if hmac.compare_digest(digest, given):
                found = person
        if found is None:
            raise Unauthenticated(say("http.wrong_token"))
        return Actor(person=found, name=self._people[found], surface=surface)


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


_BEARER = HTTPBearer(
    auto_error=False, scheme_name="token", description="A token from `SAYSO_API_TOKENS`; it speaks for one person."
)


def authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Actor:
    """Give the person behind the request."""
    if credentials is None:
        raise Unauthenticated(say("http.no_token"), fix=say("http.no_token.fix"))
    cli = request.headers.get("user-agent", "").startswith(CLI_AGENT)
    tokens: Tokens = request.app.state.tokens
    return tokens.actor(credentials.credentials, Surface.CLI if cli else Surface.HTTP)


Person = Annotated[Actor, Depends(authenticated)]
