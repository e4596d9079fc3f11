"""Reads events from an SQS queue by long poll; a message is deleted once its nudge is handed over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from bot.core.errors import BackendError
from bot.incidents import incident
from integrations.aws.clients import Clients
from integrations.aws.events.envelopes import NotAnEvent
from integrations.aws.events.hearing import Hearing
from integrations.aws.target import Place

log = logging.getLogger(__name__)

WAIT = 20
"""Seconds of one long poll: the most that SQS allows (API model, "ReceiveMessage")."""
AT_ONCE = 10
LONGEST_PAUSE = 60.0


class Queue:
    """One queue. Its trouble is said once, and its end once; releases go on by being looked at now and then."""

    def __init__(
        self,
        clients: Clients,
        url: str,
        region: str,
        hearing: Hearing,
        *,
        deaf: Callable[[], None] = lambda: None,
        wait: int = WAIT,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        """`deaf` is called when the queue can't be read."""
        self._clients, self._url, self._place, self._hearing = clients, url, Place(region), hearing
        self._deaf, self._wait, self._longest_pause = deaf, wait, longest_pause
        self._troubled = False

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            async for again in AsyncRetrying(
                retry=retry_if_exception_type(Exception),
                wait=wait_random_exponential(multiplier=0.5, max=self._longest_pause),
                before_sleep=self._note,
            ):
                with again:
                    await self._read()

    async def _read(self) -> None:
        answer = await self._clients.wait(
            self._place, "sqs", "ReceiveMessage", QueueUrl=self._url, MaxNumberOfMessages=AT_ONCE,
            WaitTimeSeconds=self._wait,
        )  # fmt: skip
        if self._troubled:
            self._troubled = False
            log.warning("the queue %s can be read again", self._url)
        messages: Sequence[Any] = answer.get("Messages", ())
        for message in messages:
            self._hear(message)
        if messages:
            entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)]
            gone = await self._clients.wait(  # beside the pace, which is for what AWS limits narrowly
                self._place, "sqs", "DeleteMessageBatch", QueueUrl=self._url, Entries=entries
            )
            if failed := gone.get("Failed"):  # they come again, and are known by then
                log.info("%d messages of %s could not be deleted: %s", len(failed), self._url, failed[0].get("Message"))

    def _hear(self, message: Any) -> None:
        """Hear one message; one that can't be used is logged and goes, since it would come again for ever."""
        try:
            self._hearing.hear(message.get("Body", ""))
        except NotAnEvent as error:
            incident(log, f"the queue {self._url} had {error}; message {message.get('MessageId')} is dropped", error)

    def _note(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if not self._troubled and error is not None:
            self._troubled = True
            if isinstance(error, BackendError):
                log.warning("the queue %s can't be read; runs are looked at more often instead: %s", self._url, error)
            else:
                incident(log, f"reading the queue {self._url}", error)
        self._deaf()
