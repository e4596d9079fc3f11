"""AWS's refusals as sentences that a person can act on: botocore's errors in, ours out; pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from botocore import exceptions as boto

from bot.core.errors import BackendError, BackendUnavailable
from bot.core.wording import say
from integrations.aws.target import Place

THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
     "TooManyRequestsException", "RequestLimitExceeded", "PriorRequestNotComplete", "SlowDown"}
)  # fmt: skip
"""Codes of too many calls (botocore, "standard" retry mode)."""
_AWAY = frozenset({"InternalFailure", "InternalError", "InternalServerError", "ServiceUnavailable",
                   "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException"})  # fmt: skip
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_UNKNOWN_KEY = frozenset({"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure",
                          "MissingAuthenticationToken", "MissingAuthenticationTokenException"})  # fmt: skip
_SIGNATURE = frozenset({"InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignatureException",
                        "RequestExpired", "RequestTimeTooSkewed"})  # fmt: skip
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorizedException"})
_DENIAL = re.compile(
    r"(?:User: (?P<who>\S+) is )?not authorized to perform: (?P<action>[\w-]+:\w+)(?: on resource: (?P<what>\S+))?"
)
_SKEW = timedelta(minutes=4)
"""AWS refuses at five; the answer's own date is rounded."""
LONGEST_SAID = 300
"""Characters of AWS's own words that are passed on."""


class Throttled(BackendUnavailable):
    """AWS asks us to slow down."""


class NotLetIn(BackendError):
    """AWS does not know us, or does not let us do this: nothing has happened, and somebody must mend it."""


class AwsRefused(BackendError):
    """AWS refused with a code of its own, as `StageNotRetryableException`: the verb knows what it means."""

    def __init__(self, code: str, sentence: str) -> None:
        """Keep the code without its `Exception`."""
        self.code = code.removesuffix("Exception")
        super().__init__(sentence)


def ours(  # noqa: PLR0911 - a table of refusals
    error: Exception, service: str, operation: str, place: Place, now: datetime
) -> BackendError:
    """Give our error for botocore's; `operation` is the one that was called, as `GetPipeline`."""
    if isinstance(error, boto.ClientError):
        # Credentials are fetched within a call: then it is STS that refuses, and not what was called.
        refused = error.operation_name or operation
        if refused != operation and refused.startswith("AssumeRole"):
            service = "sts"
        return _refused(error, service, refused, place, now)
    names = {"service": _name(service), "region": place.region}
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return NotLetIn(say("aws.no_credentials"), fix=say("aws.no_credentials.fix"))
    if isinstance(error, boto.ProfileNotFound | boto.ConfigNotFound):
        return NotLetIn(say("aws.bad_profile", error=_clip(str(error))))
    credentials = (boto.CredentialRetrievalError, boto.UnauthorizedSSOTokenError, boto.TokenRetrievalError,
                   boto.SSOTokenLoadError, boto.MetadataRetrievalError)  # fmt: skip
    if isinstance(error, credentials):
        return NotLetIn(say("aws.credentials_fail", error=_clip(str(error))), fix=say("aws.credentials_fail.fix"))
    if isinstance(error, boto.ReadTimeoutError | boto.ConnectTimeoutError):
        return BackendUnavailable(say("aws.slow", **names))
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
        return BackendUnavailable(say("aws.unreachable", **names))
    return BackendError(say("aws.refused", **names, operation=operation, error=_clip(str(error))))


def _refused(  # noqa: PLR0911 - a table of refusals
    error: boto.ClientError, service: str, operation: str, place: Place, now: datetime
) -> BackendError:
    code, said = str(error.response["Error"].get("Code", "")), str(error.response["Error"].get("Message", ""))
    about = error.response.get("ResponseMetadata", {})
    status = int(about.get("HTTPStatusCode", 0))
    names = {"service": _name(service), "region": place.region}
    if code in THROTTLED or status == 429:
        return Throttled(say("aws.throttled", **names))
    if code in _EXPIRED:
        return NotLetIn(say("aws.expired"), fix=say("aws.expired.fix"))
    if code in _DENIED:
        return _denied(said, f"{service}:{operation}", place)
    if code in _SIGNATURE:
        return _unsigned(said, about.get("HTTPHeaders", {}).get("date"), now)
    if code in _UNKNOWN_KEY:
        return NotLetIn(say("aws.unknown_key"), fix=say("aws.unknown_key.fix"))
    if code in _AWAY or status >= 500:
        return BackendUnavailable(say("aws.broken", **names))
    return AwsRefused(code, say("aws.refused", **names, operation=operation, error=_clip(said or code)))


def _denied(said: str, action: str, place: Place) -> NotLetIn:
    found = _DENIAL.search(said)
    who = (found and found["who"]) or place.role or say("aws.denied.us")
    action = found["action"] if found else action
    what = found["what"].rstrip(".,") if found and found["what"] else say("aws.denied.anything")
    if action == "sts:AssumeRole":
        return NotLetIn(say("aws.denied.role", who=who, role=place.role or what), fix=say("aws.denied.role.fix"))
    return NotLetIn(say("aws.denied", who=who, action=action, what=what), fix=say("aws.denied.fix", action=action))


def _unsigned(said: str, date: str | None, now: datetime) -> NotLetIn:
    """Tell a wrong clock from a wrong key: both give a signature that is not valid."""
    theirs = _moment(date)
    if theirs is not None and abs(now - theirs) > _SKEW:
        off = say("aws.clock.ahead" if now > theirs else "aws.clock.behind", n=round(abs(now - theirs).total_seconds()))
        return NotLetIn(say("aws.clock", off=off), fix=say("aws.clock.fix"))
    if "Signature expired" in said or "not yet current" in said:
        return NotLetIn(say("aws.clock", off=say("aws.clock.off")), fix=say("aws.clock.fix"))
    return NotLetIn(say("aws.bad_secret"), fix=say("aws.unknown_key.fix"))


def _moment(date: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(date).astimezone(UTC) if date else None
    except ValueError:
        return None


def near(name: str, known: Iterable[str]) -> str:
    """Name what was probably meant, or some of what there is."""
    names = list(known)
    if close := difflib.get_close_matches(name, names, n=3, cutoff=0.5):
        return say("aws.near", names=" or ".join(close))
    return say("aws.there_are", names=", ".join(names[:10])) if names else say("aws.there_are_none")


def _name(service: str) -> str:
    known = {"codepipeline": "CodePipeline", "codebuild": "CodeBuild", "codedeploy": "CodeDeploy",
             "logs": "CloudWatch Logs", "codecommit": "CodeCommit"}  # fmt: skip
    return known.get(service, service.upper())


def _clip(text: str) -> str:
    return text if len(text) <= LONGEST_SAID else text[: LONGEST_SAID - 1] + "…"
