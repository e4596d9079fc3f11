"""Speaks to S3, or to anything that speaks S3's language, through boto3 in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import HttpUrl

from bot.core.errors import BadInput
from bot.core.model import Frozen
from integrations.local.actions import ErrorCode

T = TypeVar("T")


class S3Settings(Frozen):
    """What the catalogue says about S3. Who we are is found as boto3 does: environment, profile, role."""

    endpoint_url: HttpUrl | None = None
    """Another address than AWS's own, such as a MinIO server's."""
    region: str | None = None


class NoS3(BadInput):
    """S3 does not give or take it; the sentence says why."""

    code = ErrorCode.CONFIGURATION


class DeniedByS3(NoS3):
    """S3 does not let us."""

    code = ErrorCode.PERMISSION


class AbsentInS3(NoS3):
    """S3 does not have it."""

    code = ErrorCode.REVISION_UNAVAILABLE


class SilentS3(NoS3):
    """S3 does not answer, or breaks."""

    code = ErrorCode.SYSTEM_UNAVAILABLE


class Halted(Exception):  # it never reaches a person
    """The action was cancelled while a thread worked for it."""


class Thread:
    """Work in a thread that can be told to stop."""

    def __init__(self) -> None:
        self._halt = threading.Event()

    def check(self) -> None:
        """Raise `Halted` if the work is to stop; called in the thread, now and then."""
        if self._halt.is_set():
            raise Halted

    async def run(self, work: Callable[[], T]) -> T:
        """Do the work; if the caller is cancelled, wait until the thread has really stopped."""
        task = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._halt.set()
            await asyncio.wait({task})
            task.cancelled() or task.exception()  # so that nobody warns of it
            raise


def open_client(settings: S3Settings, region: str | None) -> Any:
    """Make boto3's client; `region` is the action's own. Blocks (it reads boto3's data). Raises `NoS3`."""
    try:
        import boto3  # noqa: PLC0415 -- an extra: only who uses S3 needs it
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise NoS3("S3 actions need boto3, which is not installed.", fix='Install "sayso[aws]".') from error
    config = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 4})
    try:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=str(settings.endpoint_url) if settings.endpoint_url else None,
            region_name=region or settings.region,
            config=config,
        )
    except (BotoCoreError, ValueError) as error:
        raise NoS3(f"S3 can't be reached with these settings: {_flat(error)}.", fix=_FIX) from error


_FIX = "Set s3 = { endpoint_url, region } in the catalogue, and the keys as boto3 finds them."
_ABSENT = {"NoSuchKey", "404", "NotFound", "NoSuchVersion"}


def saying(what: str, work: Callable[[], T]) -> T:
    """Call S3 and turn what it refuses into a sentence about `what`, such as `the object a/b`. Raises `NoS3`."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError  # noqa: PLC0415

    try:
        return work()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code == "NoSuchBucket":
            raise NoS3(f"S3 has no such bucket for {what}.", fix="Correct it in the pipeline.") from error
        if code in _ABSENT:
            raise AbsentInS3(f"S3 does not have {what}.", fix="Upload it, or correct the pipeline.") from error
        if code in {"AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}:
            raise DeniedByS3(
                f"S3 does not let us at {what} ({code}).", fix="Check the keys and their rights."
            ) from error
        raise SilentS3(f"S3 refuses {what}: {_flat(error)}.") from error
    except NoCredentialsError as error:
        fix = "Give them as boto3 finds them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role."
        raise DeniedByS3("There are no keys for S3.", fix=fix) from error
    except (BotoCoreError, ValueError) as error:  # ValueError: such as a bucket's name that can't be one
        raise SilentS3(f"S3 does not answer for {what}: {_flat(error)}.", fix=_FIX) from error


def _flat(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")
