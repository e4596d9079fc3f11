"""Alexa's Proactive Events API: a message alert to the people who asked for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
from pydantic import BaseModel, Field, SecretStr, ValidationError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from bot.core.errors import SaysoError
from bot.core.model import Frozen

SCOPE = "alexa::proactive_events"
SENT = frozenset({httpx.codes.ACCEPTED, httpx.codes.OK, httpx.codes.CONFLICT})
"""A conflict: an event with this reference was taken before."""
VALID = timedelta(hours=1)
"""How long an alert is worth hearing (Proactive Events API: 5 minutes to 24 hours)."""
_AGAIN = frozenset({429, 432})
"""Too many; 432 is what skills with many users have met."""
_TRIES = 4
_EARLY = 60.0
"""Seconds before its end at which a token is not used any more."""


class NotSent(SaysoError):
    """Alexa did not take the notification."""


class _Later(NotSent):
    """Alexa does not answer just now; trying again may help."""


class NotWanted(NotSent):
    """This account takes no notifications of the skill any more."""


class Account(Frozen):
    """The skill's own credentials, and where to use them."""

    client_id: str
    client_secret: SecretStr
    api_url: str
    """As `https://api.amazonalexa.com` (Europe: `https://api.eu.amazonalexa.com`)."""
    token_url: str
    """Login with Amazon's, as `https://api.amazon.com/auth/o2/token`."""
    live: bool
    """False: the skill's development stage."""


class _Token(BaseModel):
    access_token: str = Field(min_length=1)
    expires_in: float


class ProactiveEvents:
    """Sends alerts; keeps the token that it was given last."""

    def __init__(self, client: httpx.AsyncClient, account: Account, *, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._account = account
        self._clock = clock
        self._token = ""
        self._good_until = 0.0
        stage = "" if account.live else "stages/development"
        self._url = f"{account.api_url.rstrip('/')}/v1/proactiveEvents/{stage}"

    async def alert(self, user: str, *, who: str, locale: str, reference: str) -> None:
        """Tell a user that there is a message from `who`, once for each `reference`.

        `user` is the account's id. Tries a few times; then `NotSent`, or `NotWanted` if it never will be taken.
        """
        body = self._alert(user, who, locale, reference)
        again = AsyncRetrying(
            retry=retry_if_exception_type(_Later),
            stop=stop_after_attempt(_TRIES),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            reraise=True,
        )
        async for attempt in again:
            with attempt:
                await self._send(body)

    async def _send(self, body: dict[str, Any]) -> None:
        answer = await self._post(self._url, json=body, headers={"Authorization": f"Bearer {await self._bearer()}"})
        if answer.status_code in SENT:
            return
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._good_until = 0.0
            raise _Later(f"Alexa refused the token: HTTP {answer.status_code}.")
        if answer.status_code in _AGAIN or answer.is_server_error:
            raise _Later(f"Alexa answered HTTP {answer.status_code}.")
        if answer.status_code == httpx.codes.FORBIDDEN:
            raise NotWanted
        raise NotSent(f"Alexa answered HTTP {answer.status_code}.")

    async def _bearer(self) -> str:
        """Give a token that is good for a while (Login with Amazon, client credentials)."""
        if time.monotonic() < self._good_until:
            return self._token
        form = {
            "grant_type": "client_credentials",
            "client_id": self._account.client_id,
            "client_secret": self._account.client_secret.get_secret_value(),
            "scope": SCOPE,
        }
        answer = await self._post(self._account.token_url, data=form)
        if answer.status_code in _AGAIN or answer.is_server_error:
            raise _Later(f"Login with Amazon answered HTTP {answer.status_code}.")
        try:
            token = _Token.model_validate_json(answer.content)
        except ValidationError:
            problem = f"Login with Amazon gave no token: HTTP {answer.status_code}."
            raise NotSent(problem, fix="ALEXA_CLIENT_ID and ALEXA_CLIENT_SECRET must be the skill's own.") from None
        self._token, self._good_until = token.access_token, time.monotonic() + max(0.0, token.expires_in - _EARLY)
        return self._token

    async def _post(self, url: str, **more: Any) -> httpx.Response:
        try:
            return await self._client.post(url, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _Later(f"Alexa does not answer: {type(error).__name__}.") from error

    def _alert(self, user: str, who: str, locale: str, reference: str) -> dict[str, Any]:
        """Write an AMAZON.MessageAlert.Activated event (Alexa, "Proactive Events API", schema of MessageAlert)."""
        now = self._clock()
        return {
            "timestamp": _time(now),
            "referenceId": reference,
            "expiryTime": _time(now + VALID),
            "event": {
                "name": "AMAZON.MessageAlert.Activated",
                "payload": {
                    "state": {"status": "UNREAD", "freshness": "NEW"},
                    "messageGroup": {"creator": {"name": who}, "count": 1},
                },
            },
            "localizedAttributes": [{"locale": locale}],
            "relevantAudience": {"type": "Unicast", "payload": {"user": user}},
        }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
