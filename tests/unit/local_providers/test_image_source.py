"""A tag is pinned to its digest by asking a real (tiny) registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.local.actions import Outcome
from integrations.local.image_source import ImageSourceRunner
from integrations.local.registry import RegistrySettings
from tests.support.provider_bench import DIGEST, Bench, TinyRegistry


def runner(registry: TinyRegistry, **more: Any) -> ImageSourceRunner:
    settings = RegistrySettings.model_validate({"url": f"http://{registry.host}", **more})
    return ImageSourceRunner({"tiny": settings}, {"ROBOT": "robot", "PASS": "pass"})


async def test_a_tag_is_pinned_to_its_digest(registry: TinyRegistry, bench: Bench) -> None:
    attempt = bench.attempt("Source", "ECR", {"RepositoryName": "team/shop", "ImageTag": "1.0"}, outputs=("Image",))
    result = await runner(registry, id="123").perform(attempt, interrupted=False)
    assert result.outcome is Outcome.SUCCEEDED, result
    uri = f"{registry.host}/team/shop@{DIGEST}"
    assert result.variables == {
        "ImageDigest": DIGEST, "ImageTag": "1.0", "ImageURI": uri, "RegistryId": "123", "RepositoryName": "team/shop",
    }  # fmt: skip
    told = json.loads((Path(result.outputs["Image"]) / "imageDetail.json").read_text())
    assert told["ImageURI"] == uri
    assert told["ImageTags"] == ["1.0"]
    assert result.revision is not None
    assert result.revision.id == DIGEST


@pytest.mark.parametrize("registry", [{"silent": True}], indirect=True)
async def test_a_registry_that_does_not_say_the_digest_gives_the_manifest(registry: TinyRegistry, bench: Bench) -> None:
    attempt = bench.attempt("Source", "Image", {"ImageUri": f"{registry.host}/team/shop:1.0"}, outputs=("Image",))
    result = await runner(registry).perform(attempt, interrupted=False)
    assert result.variables["ImageDigest"] == DIGEST
    assert "GET /v2/team/shop/manifests/1.0" in registry.asked


@pytest.mark.parametrize("registry", [{"login": True}], indirect=True)
async def test_a_registry_that_wants_a_token_gets_one(registry: TinyRegistry, bench: Bench) -> None:
    attempt = bench.attempt("Source", "ECR", {"RepositoryName": "team/shop", "ImageTag": "1.0"}, outputs=("Image",))
    known = runner(registry, user_env="ROBOT", password_env="PASS")
    assert (await known.perform(attempt, interrupted=False)).outcome is Outcome.SUCCEEDED
    stranger = await runner(registry).perform(attempt, interrupted=False)
    assert stranger.detail.endswith("Give user_env and password_env of this registry in the catalogue.")
    forgotten = await runner(registry, password_env="NOT_SET").perform(attempt, interrupted=False)
    assert "NOT_SET" in forgotten.detail


async def test_a_digest_may_be_asked_for(registry: TinyRegistry, bench: Bench) -> None:
    attempt = bench.attempt("Source", "ECR", {"RepositoryName": "team/shop"}, outputs=("Image",), asked=DIGEST)
    result = await runner(registry).perform(attempt, interrupted=False)
    assert result.variables["ImageDigest"] == DIGEST


@pytest.fixture
def ecr(s3_url: str, keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """ECR's own API, as boto3 finds it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", s3_url)


@pytest.mark.parametrize("registry", [{"login": True, "opened": "AWS:123456789012-auth-token"}], indirect=True)
async def test_ecr_gives_the_token_for_its_registry(registry: TinyRegistry, bench: Bench, ecr: None) -> None:
    attempt = bench.attempt("Source", "ECR", {"RepositoryName": "team/shop", "ImageTag": "1.0"}, outputs=("Image",))
    result = await runner(registry, ecr=True).perform(attempt, interrupted=False)
    assert (result.outcome, result.variables.get("ImageDigest")) == (Outcome.SUCCEEDED, DIGEST), result.detail


@pytest.mark.parametrize(
    ("configuration", "host"),
    [
        ({"RepositoryName": "shop"}, "123456789012.dkr.ecr.eu-central-1.amazonaws.com"),
        ({"RepositoryName": "shop", "RegistryId": "210987654321"}, "210987654321.dkr.ecr.eu-central-1.amazonaws.com"),
        ({"ImageUri": "210987654321.dkr.ecr.ap-x-1.amazonaws.com/shop"}, "210987654321.dkr.ecr.ap-x-1.amazonaws.com"),
    ],
)
async def test_a_pipeline_of_ecr_needs_no_registry_in_the_catalogue(
    bench: Bench, ecr: None, monkeypatch: pytest.MonkeyPatch, configuration: dict[str, str], host: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # nobody out there is asked
    attempt = bench.attempt("Source", "ECR", configuration)
    result = await ImageSourceRunner({}, {}).perform(attempt, interrupted=False)
    assert result.detail.startswith(f"The registry {host} does not answer: ")
    assert result.error == "SystemUnavailable"


async def test_an_ecr_that_gives_no_token_is_said(bench: Bench, monkeypatch: pytest.MonkeyPatch, keys: None) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    result = await ImageSourceRunner({}, {}).perform(
        bench.attempt("Source", "ECR", {"RepositoryName": "shop"}), interrupted=False
    )
    assert (result.detail.startswith("ECR gives no token: "), result.error) == (True, "SystemUnavailable")


@pytest.mark.parametrize(
    ("configuration", "sentence"),
    [
        ({}, "no RepositoryName"),
        ({"RepositoryName": "team/shop", "ImageTag": "2.0"}, "has no team/shop:2.0"),
        ({"RepositoryName": "Team/../shop"}, "can't be the name"),
        ({"RepositoryName": "team/shop", "ImageTag": "a b"}, "neither a tag nor a digest"),
        ({"RepositoryName": "team/shop", "Registry": "other"}, "no registry called other. It has: tiny."),
    ],
)
async def test_what_is_wrong_is_said(
    registry: TinyRegistry, bench: Bench, configuration: dict[str, str], sentence: str
) -> None:
    result = await runner(registry).perform(bench.attempt("Source", "ECR", configuration), interrupted=False)
    assert result.outcome is Outcome.FAILED
    assert sentence in result.detail
    assert result.error == ("RevisionUnavailable" if "has no team/shop" in sentence else "ConfigurationError")


async def test_a_registry_that_is_away_is_said(bench: Bench) -> None:
    attempt = bench.attempt("Source", "ECR", {"RepositoryName": "team/shop"})
    away = ImageSourceRunner({"x": RegistrySettings.model_validate({"url": "http://127.0.0.1:1"})}, {})
    result = await away.perform(attempt, interrupted=False)
    assert ("does not answer" in result.detail, result.error) == (True, "SystemUnavailable")
    other = bench.attempt("Source", "Image", {"RepositoryName": "team/shop"})
    assert "Nobody says which registry" in (await ImageSourceRunner({}, {}).perform(other, interrupted=False)).detail
