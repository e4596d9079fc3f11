"""Lets Alexa say "one moment" while the desk is busy (ASK, "Send the User a Progressive Response")."""

from __future__ import annotations

import asyncio
import logging

import httpx

from skills.release_desk.turn import Turn

AMAZON = frozenset(
    {"https://api.amazonalexa.com", "https://api.eu.amazonalexa.com", "https://api.fe.amazonalexa.com"},
)
"""Where Alexa takes directives. A request names its own; a token is sent nowhere else."""
SECONDS = 1.0
"""For the whole exchange: it must not outlast the answer that it bridges."""
_BRIDGED = frozenset({"LaunchRequest", "IntentRequest"})
_log = logging.getLogger(__name__)


class Progress:
    """Speaks to Alexa's directive service. What goes wrong there is only logged: the answer itself comes anyway."""

    def __init__(self, client: httpx.AsyncClient, endpoints: frozenset[str] = AMAZON) -> None:
        self._client = client
        self._endpoints = endpoints

    async def say(self, turn: Turn, speech: str) -> None:
        """Say something while this request is being answered, where Alexa takes that."""
        if turn.type not in _BRIDGED or turn.api_endpoint.rstrip("/") not in self._endpoints:
            return
        url = f"{turn.api_endpoint.rstrip('/')}/v1/directives"
        directive = {"type": "VoicePlayer.Speak", "speech": f"<speak>{speech}</speak>"}
        body = {"header": {"requestId": turn.id}, "directive": directive}
        bearer = {"Authorization": f"Bearer {turn.api_token.get_secret_value()}"}
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._client.post(url, json=body, headers=bearer)
            if not answer.is_success:
                _log.info("Alexa did not say the progress: HTTP %s", answer.status_code)
        except (httpx.HTTPError, TimeoutError) as error:
            _log.info("Alexa did not say the progress: %s", type(error).__name__)
