"""Deploy actions of S3: uploads an artifact, file by file or as one zip file."""

from __future__ import annotations

import mimetypes
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.core.errors import SaysoError
from bot.core.model import LogTail, Rollout
from integrations.local.actions import AfterCrash, Attempt, ErrorCode, Outcome, Progress, Result
from integrations.local.files import within
from integrations.local.s3 import NoS3, S3Settings, Thread, open_client, saying
from integrations.local.source import failed, write_log

_ACL = ("private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read",
        "bucket-owner-full-control")  # fmt: skip


class S3DeployRunner:
    """Carries out `Deploy/S3` (User Guide, "Amazon S3 deploy action reference").

    After a crash the same files are uploaded again to the same keys; only `{datetime}` in an ObjectKey then names
    another moment. `clock` gives that moment.
    """

    after_crash = AfterCrash.RERUN

    def __init__(self, settings: S3Settings, *, clock: Callable[[], datetime]) -> None:
        self._settings, self._clock = settings, clock

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:  # noqa: ARG002 - see the class
        """Upload; what is wrong is a failed result with a sentence."""
        thread = Thread()
        try:
            bucket, key, extract, extra = self._wanted(attempt)
            folder = next(iter(attempt.inputs.values()))
            await attempt.report(Progress(detail=f"uploading to s3://{bucket}/{key}"))
            if extract:
                files = dict(_files(folder, f"{key.strip('/')}/" if key.strip("/") else ""))
            else:
                files = {key: await thread.run(lambda: _pack(folder, attempt.folder / "packed.zip", thread))}
            return await thread.run(lambda: self._upload(attempt, thread, bucket, files, extra))
        except NoS3 as error:
            return failed(attempt, str(error), error.code)
        except SaysoError as error:
            return failed(attempt, str(error))
        except OSError as error:
            sentence = f"A file could not be read or packed: {error.strerror or error}."
            return failed(attempt, sentence, ErrorCode.SYSTEM_UNAVAILABLE)

    def _wanted(self, attempt: Attempt) -> tuple[str, str, bool, dict[str, str]]:
        """Read the configuration: bucket, key or prefix, whether file by file, and what S3 is told besides."""
        asked = attempt.configuration
        bucket, extract, key = asked.get("BucketName", ""), asked.get("Extract", "").lower(), asked.get("ObjectKey", "")
        if not bucket:
            raise NoS3("Its configuration has no BucketName.")
        if extract not in {"true", "false"}:
            raise NoS3("Its configuration needs Extract: true to upload each file, false for one zip file.")
        if extract == "false" and not key:
            raise NoS3("With Extract = false it needs an ObjectKey: what the zip file is called.")
        if not attempt.inputs:
            raise NoS3("It has no input artifact to upload.")
        if (acl := asked.get("CannedACL")) and acl not in _ACL:
            raise NoS3(f"{acl} is no CannedACL. There are: {', '.join(_ACL)}.")
        extra = {"ACL": acl, "CacheControl": asked.get("CacheControl")}
        if asked.get("KMSEncryptionKeyARN"):
            extra |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": asked["KMSEncryptionKeyARN"]}
        told = {name: value for name, value in extra.items() if value}
        return bucket, self._key(key, attempt), extract == "true", told

    def _key(self, key: str, attempt: Attempt) -> str:
        """Fill in what S3 deploys know besides variables: `{datetime}` (UTC) and `{uuid}`, which a rerun keeps."""
        moment = self._clock().astimezone(UTC).strftime("%Y-%m-%d_%H-%M-%S")
        return key.replace("{datetime}", moment).replace("{uuid}", uuid.uuid5(uuid.NAMESPACE_URL, attempt.id).hex)

    def _upload(
        self, attempt: Attempt, thread: Thread, bucket: str, files: Mapping[str, Path], extra: Mapping[str, str]
    ) -> Result:
        if not files:
            raise NoS3("Its input artifact has no files to upload.")
        client = open_client(self._settings, attempt.declaration.region)
        for key, path in sorted(files.items()):
            thread.check()
            kind = {"ContentType": guessed} if (guessed := mimetypes.guess_type(key)[0]) else {}
            saying(
                f"s3://{bucket}/{key}",
                lambda path=path, key=key, kind=kind: _put(client, bucket, key, path, {**extra, **kind}),  # type: ignore[misc]
            )
            write_log(attempt, f"s3://{bucket}/{key}: {path.stat().st_size:,} bytes")
        one = len(files) == 1
        said = f"s3://{bucket}/{next(iter(files))}" if one else f"{len(files):,} files to s3://{bucket}"
        return Result(
            outcome=Outcome.SUCCEEDED,
            detail=f"uploaded {said}",
            rollout=Rollout(done=len(files), total=len(files), step="Upload", target=bucket),
            log=LogTail(lines=tuple(f"s3://{bucket}/{key}"[:500] for key in sorted(files)[:40])),
        )


def _put(client: Any, bucket: str, key: str, path: Path, extra: Mapping[str, str]) -> None:
    from boto3.exceptions import S3UploadFailedError  # noqa: PLC0415

    try:
        client.upload_file(str(path), bucket, key, ExtraArgs=dict(extra))
    except S3UploadFailedError as error:  # boto3 hides the reason in its cause
        reason = error.__cause__ or error.__context__
        if isinstance(reason, Exception):
            raise reason from None
        raise NoS3(f"S3 did not take s3://{bucket}/{key}: {error}") from error


def _files(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    """Give the files of an artifact by key; links that lead out of it are left out, as nothing there was stored."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and within(folder, path):
            yield f"{prefix}{path.relative_to(folder).as_posix()}", path


def _pack(folder: Path, into: Path, thread: Thread) -> Path:
    """Pack an artifact into a zip file whose bytes only depend on its content."""
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, path in _files(folder, ""):
            thread.check()
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100755 if path.stat().st_mode & 0o100 else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            with path.open("rb") as read, archive.open(entry, "w", force_zip64=True) as packed:
                while block := read.read(1 << 20):
                    packed.write(block)
    return into
