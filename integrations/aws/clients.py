"""The one door to boto3: a bounded pool of threads, clients by region and role, one pace, our errors."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from boto3.session import Session
from botocore import xform_name
from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from botocore.session import get_session
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential
from tenacity.stop import stop_base

from bot.core.errors import BackendUnavailable
from bot.core.wording import say
from integrations.aws.pace import Pace
from integrations.aws.refusals import NotLetIn, Throttled, near, ours
from integrations.aws.target import Place

log = logging.getLogger(__name__)

THREADS = 8
"""Calls at once."""
ANY_SERVICE = ""
"""As a key of `endpoints`: every service that has none of its own."""
_TRIES_THROTTLED, _TRIES_AWAY = 8, 3
_READ_TIMEOUT = 25
"""Seconds; a long poll of SQS answers after 20 at the latest."""
_SESSION_NAME = "sayso"


class _Enough(stop_base):
    """Be patient with throttling, which passes, and brief with an outage, which others must hear of soon."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        most = _TRIES_THROTTLED if isinstance(error, Throttled) else _TRIES_AWAY
        return retry_state.attempt_number >= most


class Clients:
    """Calls AWS. One for the whole backend, so that all calls share one pace.

    `session` gives who we are (boto3's own chain of credentials); `endpoints` maps a service, or `ANY_SERVICE`, to a
    URL in place of AWS's own, for tests and trials on one machine.
    """

    def __init__(
        self,
        *,
        session: Callable[[], Session],
        pace: Pace,
        clock: Callable[[], datetime],
        endpoints: Mapping[str, str] | None = None,
        threads: int = THREADS,
        backoff: float = 0.3,
    ) -> None:
        """`backoff` is the first pause before a repeated call, in seconds."""
        self.pace = pace
        self.called: set[str] = set()
        """Every operation that was called, in IAM's words: `codepipeline:GetPipeline`."""
        self.calls = 0
        """How many calls were made, for measuring."""
        self._new_session, self._endpoints, self._clock = session, endpoints or {}, clock
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="aws")
        self._threads, self._backoff = threads, backoff
        self._making = threading.Lock()
        self._sessions: dict[Place, Session] = {}
        self._clients: dict[tuple[Place, str, bool], Any] = {}

    async def call(
        self, place: Place, service: str, operation: str, /, *, urgent: bool = False, once: bool = False, **given: Any
    ) -> dict[str, Any]:
        """Call an operation by its name in the API, as `GetPipelineExecution`; gives the answer without its metadata.

        `urgent` does not wait for the pace: a person does. `once` is for what may not be repeated blindly; anything
        else is tried again. Raises `BackendUnavailable`, of which `Throttled`; `NotLetIn`; `AwsRefused` with AWS's
        own code.
        """
        action = f"{service}:{operation}"
        patient = AsyncRetrying(
            wait=wait_random_exponential(multiplier=self._backoff, max=5),
            retry=retry_if_exception_type(BackendUnavailable),
            stop=_Enough(),
            before_sleep=lambda state: self._note(action, state),
            reraise=True,
        )
        attempt = partial(self._attempt, place, service, operation, given, urgent=urgent, once=once)
        answer: dict[str, Any] = await (attempt() if once else patient(attempt))
        return answer

    async def pages(
        self, place: Place, service: str, operation: str, items: str, /, *, most: int = 1000, **given: Any
    ) -> list[dict[str, Any]]:
        """Call a paginated operation until its list `items` ends or has `most`; `given` is as for `call`."""
        found: list[dict[str, Any]] = []
        while True:
            answer = await self.call(place, service, operation, **given)
            found += answer.get(items, [])
            if not answer.get("nextToken") or len(found) >= most:
                return found[:most]
            given["nextToken"] = answer["nextToken"]

    async def wait(self, place: Place, service: str, operation: str, /, **given: Any) -> dict[str, Any]:
        """Call an operation that only answers when there is something, as a long poll: once, beside pool and pace.

        Cancelled, its call is left alone in a thread that keeps nobody from ending. Raises as `call`.
        """
        self.called.add(f"{service}:{operation}")
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[dict[str, Any]] = loop.create_future()

        def settle(answer: dict[str, Any] | None, error: Exception | None) -> None:
            if answered.done():
                return
            if error is not None:
                answered.set_exception(error)
            else:
                answered.set_result(answer or {})

        def run() -> None:
            answer, failed = None, None
            try:
                answer = self._call(place, service, operation, given, once=True)
            except Exception as error:  # noqa: BLE001 - whoever waits raises it
                failed = error
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, answer, failed)

        threading.Thread(target=run, name=f"waiting for {service}", daemon=True).start()
        try:
            return await answered
        except (BotoCoreError, ClientError) as error:
            raise ours(error, service, operation, place, self._clock()) from error

    async def close(self) -> None:
        """Let go of the threads and connections."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        for client in self._clients.values():
            client.close()

    async def _attempt(
        self, place: Place, service: str, operation: str, given: Mapping[str, Any], *, urgent: bool, once: bool
    ) -> dict[str, Any]:
        if urgent:
            self.pace.spend()
        else:
            await self.pace.take()
        self.called.add(f"{service}:{operation}")
        self.calls += 1
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, self._call, place, service, operation, given, once)
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, EndpointConnectionError) and (sentence := self._no_region(place, service)):
                raise NotLetIn(sentence) from error
            raise ours(error, service, operation, place, self._clock()) from error

    def _note(self, action: str, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Throttled):
            self.pace.slow_down(1.0)
        log.info("%s is tried again: %s", action, error)

    def _call(self, place: Place, service: str, operation: str, given: Mapping[str, Any], once: bool) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self._client(place, service, once), xform_name(operation))(**given)
        answer.pop("ResponseMetadata", None)
        return answer

    def _client(self, place: Place, service: str, once: bool) -> Any:
        with self._making:  # neither a session nor its making of clients is safe between threads
            key = (place, service, once)
            if key not in self._clients:
                tries = 1 if once else 2
                config = Config(
                    retries={"mode": "standard", "total_max_attempts": tries}, connect_timeout=5,
                    read_timeout=_READ_TIMEOUT, max_pool_connections=self._threads, user_agent_extra="sayso",
                )  # fmt: skip
                self._clients[key] = self._session(place).client(
                    service, region_name=place.region, endpoint_url=self._endpoint(service), config=config
                )
            return self._clients[key]

    def _no_region(self, place: Place, service: str) -> str:
        """Say that there is no such region, if the address of AWS itself can't be found; empty if there may be."""
        session = self._sessions.get(place)
        if session is None or self._endpoint(service) is not None:
            return ""
        known = [
            each for part in session.get_available_partitions()
            for each in session.get_available_regions("codepipeline", part)
        ]  # fmt: skip
        if place.region in known:
            return ""
        return say("aws.unreachable.region", region=place.region, near=near(place.region, known))

    def _endpoint(self, service: str) -> str | None:
        return self._endpoints.get(service, self._endpoints.get(ANY_SERVICE))

    def _session(self, place: Place) -> Session:
        if place not in self._sessions:
            session = self._new_session()
            self._sessions[place] = self._assumed(session, place) if place.role else session
        return self._sessions[place]

    def _assumed(self, session: Session, place: Place) -> Session:
        """Give a session whose credentials are the role's, and are fetched anew before they expire."""
        self.called.add("sts:AssumeRole")
        sts = session.client("sts", region_name=place.region, endpoint_url=self._endpoint("sts"))
        asked = {"RoleArn": place.role, "RoleSessionName": _SESSION_NAME}
        if place.external_id:
            asked["ExternalId"] = place.external_id

        def fetch() -> dict[str, str]:
            found = sts.assume_role(**asked)["Credentials"]
            return {
                "access_key": found["AccessKeyId"],
                "secret_key": found["SecretAccessKey"],
                "token": found["SessionToken"],
                "expiry_time": found["Expiration"].isoformat(),
            }

        botocore = get_session()
        botocore._credentials = DeferredRefreshableCredentials(  # noqa: SLF001 - botocore has no public way to set them
            refresh_using=fetch, method="sts-assume-role"
        )
        return Session(botocore_session=botocore)
