"""S3 as a source and as a place to deploy to, against a real S3 server."""

from __future__ import annotations

import io
import stat
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from integrations.local.actions import Outcome
from integrations.local.s3 import S3Settings
from integrations.local.s3_deploy import S3DeployRunner
from integrations.local.s3_source import S3SourceRunner
from integrations.local.unpack import BadArchive, Bounds, unpack
from tests.support.provider_bench import Bench


def packed(files: dict[str, str], links: dict[str, str] | None = None) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        for name, target in (links or {}).items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, target)
    return data.getvalue()


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"shop-{uuid4().hex}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def source(url: str, **more: Any) -> S3SourceRunner:
    return S3SourceRunner(S3Settings.model_validate({"endpoint_url": url}), **more)


def deploy(url: str) -> S3DeployRunner:
    moment = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    return S3DeployRunner(S3Settings.model_validate({"endpoint_url": url}), clock=lambda: moment)


async def test_a_zip_file_is_unpacked_and_pinned_to_its_version(
    s3: Any, s3_url: str, bucket: str, bench: Bench
) -> None:
    version = s3.put_object(Bucket=bucket, Key="a/app.zip", Body=packed({"src/app.py": "print(1)"}))["VersionId"]
    attempt = bench.attempt("Source", "S3", {"S3Bucket": bucket, "S3ObjectKey": "a/app.zip"}, outputs=("Tree",))
    result = await source(s3_url).perform(attempt, interrupted=False)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert (Path(result.outputs["Tree"]) / "src/app.py").read_text() == "print(1)"
    assert result.revision is not None
    assert result.revision.id == version
    assert result.variables["VersionId"] == version
    assert result.variables["BucketName"] == bucket
    assert result.variables["ObjectKey"] == "a/app.zip"
    assert result.variables["ETag"]


async def test_an_older_version_may_be_asked_for(s3: Any, s3_url: str, bucket: str, bench: Bench) -> None:
    first = s3.put_object(Bucket=bucket, Key="notes.txt", Body=b"first")["VersionId"]
    s3.put_object(Bucket=bucket, Key="notes.txt", Body=b"second")
    attempt = bench.attempt(
        "Source", "S3", {"S3Bucket": bucket, "S3ObjectKey": "notes.txt"}, outputs=("Tree",), asked=first
    )
    result = await source(s3_url).perform(attempt, interrupted=False)
    assert (Path(result.outputs["Tree"]) / "notes.txt").read_text() == "first"


async def test_another_key_may_be_asked_for_where_the_pipeline_allows_it(
    s3: Any, s3_url: str, bucket: str, bench: Bench
) -> None:
    s3.put_object(Bucket=bucket, Key="other.txt", Body=b"other")
    configuration = {"S3Bucket": bucket, "S3ObjectKey": "notes.txt", "AllowOverrideForS3ObjectKey": "true"}
    attempt = bench.attempt("Source", "S3", configuration, outputs=("Tree",), asked="other.txt")
    result = await source(s3_url).perform(attempt, interrupted=False)
    assert (Path(result.outputs["Tree"]) / "other.txt").read_text() == "other"


async def test_what_is_not_there_is_said(s3: Any, s3_url: str, bucket: str, bench: Bench) -> None:
    attempt = bench.attempt("Source", "S3", {"S3Bucket": bucket, "S3ObjectKey": "gone.zip"})
    result = await source(s3_url).perform(attempt, interrupted=False)
    assert result.outcome is Outcome.FAILED
    assert result.error == "RevisionUnavailable"
    assert result.detail == f"S3 does not have s3://{bucket}/gone.zip. Upload it, or correct the pipeline."
    attempt = bench.attempt("Source", "S3", {"S3Bucket": f"no-{bucket}", "S3ObjectKey": "gone.zip"})
    result = await source(s3_url).perform(attempt, interrupted=False)
    assert "no such bucket" in result.detail


async def test_an_s3_that_does_not_answer_is_said(keys: None, bench: Bench) -> None:
    attempt = bench.attempt("Source", "S3", {"S3Bucket": "shop", "S3ObjectKey": "app.zip"})
    result = await source("http://127.0.0.1:1").perform(attempt, interrupted=False)
    assert result.outcome is Outcome.FAILED
    assert "S3 does not answer" in result.detail
    assert result.error == "SystemUnavailable"
    assert "endpoint_url" in result.detail


async def test_an_object_that_is_too_large_is_refused(s3: Any, s3_url: str, bucket: str, bench: Bench) -> None:
    s3.put_object(Bucket=bucket, Key="big", Body=b"x" * 101)
    attempt = bench.attempt("Source", "S3", {"S3Bucket": bucket, "S3ObjectKey": "big"})
    result = await source(s3_url, largest=100).perform(attempt, interrupted=False)
    assert "at most 100 are fetched" in result.detail


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "..\\evil", "C:/evil"])
def test_nothing_is_unpacked_outside(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(packed({name: "evil"}))
    with pytest.raises(BadArchive, match="leads out of it"):
        unpack(archive, tmp_path / "deep" / "into", Bounds())
    assert not [path for path in tmp_path.rglob("*evil*") if path.is_file()]


@pytest.mark.parametrize(
    "links", [{"l": "/etc"}, {"l": "../.."}, {"d": ".", "e": "d/d/.."}, {"l": "loop/x", "loop": "../into2"}]
)
def test_no_link_leads_outside(tmp_path: Path, links: dict[str, str]) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(packed({"f": "x"}, links))
    with pytest.raises(BadArchive, match="leads out of it"):
        unpack(archive, tmp_path / "into", Bounds())


def test_links_inside_stay_links(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(packed({"lib/a.so.1": "x"}, {"lib/a.so": "a.so.1"}))
    assert unpack(archive, tmp_path / "into", Bounds()) == 2
    assert (tmp_path / "into/lib/a.so").readlink() == Path("a.so.1")


def test_no_archive_gives_more_than_a_bound(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(packed({"a": "x" * 60, "b": "x" * 60}))
    with pytest.raises(BadArchive, match="more bytes"):
        unpack(archive, tmp_path / "one", Bounds(size=100))
    with pytest.raises(BadArchive, match="at most 1 are unpacked"):
        unpack(archive, tmp_path / "two", Bounds(entries=1))


def test_a_broken_archive_is_said(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(packed({"a": "x" * 500})[:-30])
    with pytest.raises(BadArchive, match="no zip file"):
        unpack(archive, tmp_path / "into", Bounds())


async def test_each_file_is_uploaded_below_the_prefix(s3: Any, s3_url: str, bucket: str, bench: Bench) -> None:
    tree = bench.tree("in", {"index.html": "<p>", "css/site.css": "p {}"})
    configuration = {"BucketName": bucket, "Extract": "true", "ObjectKey": "site/v1", "CacheControl": "max-age=60"}
    result = await deploy(s3_url).perform(
        bench.attempt("Deploy", "S3", configuration, inputs={"Package": tree}), interrupted=False
    )
    assert result.outcome is Outcome.SUCCEEDED, result
    assert {each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]} == {
        "site/v1/index.html",
        "site/v1/css/site.css",
    }
    head = s3.head_object(Bucket=bucket, Key="site/v1/index.html")
    assert (head["ContentType"], head["CacheControl"]) == ("text/html", "max-age=60")
    assert result.rollout is not None
    assert (result.rollout.done, result.rollout.total) == (2, 2)


async def test_one_zip_file_is_uploaded_under_its_key(s3: Any, s3_url: str, bucket: str, bench: Bench) -> None:
    tree = bench.tree("in", {"run.sh": "true"})
    (tree / "run.sh").chmod(0o755)
    configuration = {"BucketName": bucket, "Extract": "false", "ObjectKey": "builds/{datetime}.zip"}
    attempt = bench.attempt("Deploy", "S3", configuration, inputs={"Package": tree})
    result = await deploy(s3_url).perform(attempt, interrupted=False)
    assert result.outcome is Outcome.SUCCEEDED, result
    body = s3.get_object(Bucket=bucket, Key="builds/2026-03-04_05-06-07.zip")["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.namelist() == ["run.sh"]
        assert archive.getinfo("run.sh").external_attr >> 16 & 0o111


@pytest.mark.parametrize(
    ("configuration", "sentence"),
    [
        ({}, "no BucketName"),
        ({"BucketName": "b"}, "needs Extract"),
        ({"BucketName": "b", "Extract": "false"}, "needs an ObjectKey"),
        ({"BucketName": "b", "Extract": "true", "CannedACL": "everybody"}, "is no CannedACL"),
    ],
)
async def test_what_a_deployment_lacks_is_said(
    bench: Bench, s3_url: str, configuration: dict[str, str], sentence: str
) -> None:
    attempt = bench.attempt("Deploy", "S3", configuration, inputs={"Package": bench.tree("in", {"a": "b"})})
    result = await deploy(s3_url).perform(attempt, interrupted=False)
    assert sentence in result.detail


async def test_a_bucket_that_is_not_there_fails_the_deployment(s3_url: str, keys: None, bench: Bench) -> None:
    configuration = {"BucketName": "nobody-has-this", "Extract": "true"}
    attempt = bench.attempt("Deploy", "S3", configuration, inputs={"Package": bench.tree("in", {"a": "b"})})
    result = await deploy(s3_url).perform(attempt, interrupted=False)
    assert result.outcome is Outcome.FAILED
    assert "no such bucket" in result.detail
