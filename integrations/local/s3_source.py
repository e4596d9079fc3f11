"""Source actions of S3: fetches one version of an object, and unpacks it if it is a zip file."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from bot.core.errors import SaysoError
from bot.core.model import LogTail, Revision
from integrations.local.actions import AfterCrash, Attempt, ErrorCode, Outcome, Progress, Result
from integrations.local.files import remove
from integrations.local.s3 import NoS3, S3Settings, Thread, open_client, saying
from integrations.local.source import LONGEST_VARIABLE, failed, write_log
from integrations.local.unpack import BLOCK, Bounds, is_zip, unpack

LARGEST = 7 << 30
"""Bytes of an object (CodePipeline's quota for S3 sources: 7 GB)."""


class S3SourceRunner:
    """Carries out `Source/S3` (User Guide, "Amazon S3 source action reference").

    An object that is no zip file becomes an artifact with that one file. A revision that is asked for is an object
    version; with `AllowOverrideForS3ObjectKey` it is another key.
    """

    after_crash = AfterCrash.RERUN

    def __init__(self, settings: S3Settings, *, largest: int = LARGEST, bounds: Bounds | None = None) -> None:
        self._settings, self._largest, self._bounds = settings, largest, bounds or Bounds()

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:  # noqa: ARG002 - fetching again is harmless
        """Fetch the object; what is wrong with it is a failed result with a sentence."""
        bucket, key = attempt.configuration.get("S3Bucket", ""), attempt.configuration.get("S3ObjectKey", "")
        version = attempt.revision.id if attempt.revision else None
        allowed = attempt.configuration.get("AllowOverrideForS3ObjectKey") == "true"
        if version and attempt.asked_type == "S3_OBJECT_KEY" and not allowed:
            return failed(attempt, "Another object was asked for, but AllowOverrideForS3ObjectKey is not true.")
        if version and allowed and attempt.asked_type in {"S3_OBJECT_KEY", None}:
            key, version = version, None
        if not bucket or not key:
            return failed(attempt, "Its configuration needs S3Bucket and S3ObjectKey.")
        await attempt.report(Progress(detail=f"fetching s3://{bucket}/{key}"))
        thread = Thread()
        try:
            return await thread.run(lambda: self._fetch(attempt, thread, bucket, key, version))
        except NoS3 as error:
            return failed(attempt, str(error), error.code)
        except SaysoError as error:
            return failed(attempt, str(error))
        except OSError as error:
            sentence = f"It could not be stored here: {error.strerror or error}."
            return failed(attempt, sentence, ErrorCode.SYSTEM_UNAVAILABLE)

    def _fetch(self, attempt: Attempt, thread: Thread, bucket: str, key: str, version: str | None) -> Result:
        client = open_client(self._settings, attempt.declaration.region)
        what = f"s3://{bucket}/{key}" + (f" in version {version}" if version else "")
        named = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
        got: dict[str, Any] = saying(what, lambda: client.get_object(**named))
        if got["ContentLength"] > self._largest:
            raise NoS3(f"{what} has {got['ContentLength']:,} bytes; at most {self._largest:,} are fetched.")
        file = attempt.folder / "object"
        saying(what, lambda: _store(got["Body"], file, thread))
        tree = attempt.folder / "tree"
        remove(tree)
        if is_zip(file):
            count = unpack(file, tree, self._bounds, thread.check)
        else:
            tree.mkdir()
            file.rename(tree / (PurePosixPath(key).name or "object"))
            count = 1
        file.unlink(missing_ok=True)
        etag = str(got.get("ETag", "")).strip('"')
        found = str(got.get("VersionId") or "")
        revision = found if found not in {"", "null"} else etag
        summary = str(got.get("Metadata", {}).get("codepipeline-artifact-revision-summary", "")) or f"{bucket}/{key}"
        line = f"s3://{bucket}/{key}: version {revision}, {got['ContentLength']:,} bytes, {count:,} files"
        write_log(attempt, line)
        variables = {"BucketName": bucket, "ObjectKey": key, "ETag": etag, "VersionId": found or "null"}
        outputs = attempt.declaration.output_artifacts
        return Result(
            outcome=Outcome.SUCCEEDED,
            detail=f"{key}, version {revision[:12]}",
            outputs={outputs[0].name: str(tree)} if outputs else {},
            variables={name: value[:LONGEST_VARIABLE] for name, value in variables.items()},
            revision=Revision(id=revision, summary=summary, ref=key),
            log=LogTail(lines=(line[:500],)),
        )


def _store(body: Any, file: Path, thread: Thread) -> None:
    with file.open("wb") as written:
        for block in body.iter_chunks(BLOCK):
            thread.check()
            written.write(block)
