"""AWS's errors become sentences that a person can act on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore import exceptions as boto

from bot.core.errors import BackendUnavailable
from integrations.aws.refusals import AwsRefused, NotLetIn, Throttled, near, ours
from integrations.aws.target import Place

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PLACE = Place("eu-west-1")
ROLE = Place("eu-west-1", "arn:aws:iam::111122223333:role/deployer", "x-1")


def refused(code: str, message: str = "", *, status: int = 400, called: str = "GetPipeline", date: str = "") -> Any:
    about = {"HTTPStatusCode": status, "HTTPHeaders": {"date": date} if date else {}}
    return boto.ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": about}, called)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (refused("ThrottlingException"), Throttled, "slow down"),
        (refused("SomethingElse", status=429), Throttled, "slow down"),
        (refused("InternalFailure", status=500), BackendUnavailable, "trouble on its side"),
        (refused("Whatever", status=503), BackendUnavailable, "trouble on its side"),
        (refused("ExpiredTokenException"), NotLetIn, "have expired. Renew them"),
        (refused("UnrecognizedClientException", status=403), NotLetIn, "does not know the access key"),
        (refused("InvalidSignatureException", "does not match", status=403), NotLetIn, "signature is wrong"),
        (refused("InvalidSignatureException", "Signature expired: x", status=403), NotLetIn, "5 minutes off"),
        (refused("StageNotRetryableException", "no"), AwsRefused, "refused GetPipeline: no"),
        (boto.NoCredentialsError(), NotLetIn, "no AWS credentials"),
        (boto.ProfileNotFound(profile="dev"), NotLetIn, "dev"),
        (boto.CredentialRetrievalError(provider="x", error_msg="broken"), NotLetIn, "can't be fetched"),
        (boto.EndpointConnectionError(endpoint_url="https://x"), BackendUnavailable, "can't be reached"),
        (boto.ReadTimeoutError(endpoint_url="https://x"), BackendUnavailable, "in time"),
        (boto.ConnectionClosedError(endpoint_url="https://x"), BackendUnavailable, "can't be reached"),
        (boto.ParamValidationError(report="bad"), Exception, "bad"),
    ],
)  # fmt: skip
def test_each_error_has_its_sentence(error: Exception, kind: type[Exception], words: str) -> None:
    said = ours(error, "codepipeline", "GetPipeline", PLACE, NOW)
    assert isinstance(said, kind)
    assert words in str(said)


def test_the_names_of_service_and_region_are_said() -> None:
    said = str(ours(refused("InternalFailure", status=500), "logs", "GetLogEvents", PLACE, NOW))
    assert "CloudWatch Logs in eu-west-1" in said


@pytest.mark.parametrize(("off", "words"), [(7, "420 seconds ahead"), (-7, "420 seconds behind")])
def test_a_wrong_clock_is_told_by_the_date_of_the_answer(off: int, words: str) -> None:
    date = format_datetime(NOW - timedelta(minutes=off), usegmt=True)
    error = refused("InvalidSignatureException", "The request signature does not match.", status=403, date=date)
    assert words in str(ours(error, "codepipeline", "GetPipeline", PLACE, NOW))


def test_a_denial_without_details_names_what_was_asked() -> None:
    said = ours(refused("AccessDeniedException", called="BatchGetBuilds"), "codebuild", "BatchGetBuilds", PLACE, NOW)
    assert "codebuild:BatchGetBuilds" in str(said)


def test_a_role_that_cant_be_taken_names_the_role_and_its_trust_policy() -> None:
    message = (
        "User: arn:aws:iam::1:user/sayso is not authorized to perform: sts:AssumeRole on resource: "
        "arn:aws:iam::111122223333:role/deployer"
    )
    said = str(ours(refused("AccessDenied", message, called="AssumeRole"), "codepipeline", "GetPipeline", ROLE, NOW))
    assert "arn:aws:iam::1:user/sayso take the role arn:aws:iam::111122223333:role/deployer" in said
    assert "trust policy" in said


def test_codes_are_kept_without_their_ending() -> None:
    said = ours(refused("StageNotRetryableException"), "codepipeline", "RetryStageExecution", PLACE, NOW)
    assert isinstance(said, AwsRefused)
    assert said.code == "StageNotRetryable"


def test_no_secret_is_ever_repeated() -> None:
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    errors = [refused("InvalidSignatureException", f"… {secret}"), refused("ExpiredToken", secret)]
    assert not any(secret in str(ours(error, "sts", "AssumeRole", ROLE, NOW)) for error in errors)


def test_the_nearest_names_are_offered() -> None:
    assert near("chekout", ["checkout", "billing"]) == "Did you mean checkout?"
    assert near("zzz", ["checkout", "billing"]) == "There are: checkout, billing."
    assert near("zzz", []) == "There are none."
