"""Signs in to ECR as `aws ecr get-login-password` does, through boto3: an extra that only who uses ECR needs."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from integrations.local.registry import DeniedImage, NoImage, SilentRegistry

HOST = re.compile(r"\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
"""ECR's own hosts; the group is the region."""
_DENIED = ("AccessDenied", "UnrecognizedClient", "InvalidSignature", "ExpiredToken", "InvalidClientToken")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What opens a private registry for twelve hours."""

    url: str
    """Of the caller's own account, as `https://123456789012.dkr.ecr.eu-west-1.amazonaws.com`."""
    user: str
    password: str


def sign_in(region: str | None) -> SignedIn:
    """Ask for a token; who we are is found as boto3 does. Blocks. Raises `NoImage`."""
    try:
        import boto3  # noqa: PLC0415 -- an extra
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise NoImage("ECR needs boto3, which is not installed.", fix='Install "sayso[aws]".') from error
    config = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
    rights = "Give keys or a role that may do ecr:GetAuthorizationToken, as boto3 finds them."
    try:
        client = boto3.session.Session().client("ecr", region_name=region, config=config)
        told = client.get_authorization_token()["authorizationData"][0]
        user, _, password = base64.b64decode(told["authorizationToken"]).decode().partition(":")
    except NoCredentialsError as error:
        raise DeniedImage("There are no keys for ECR.", fix=rights) from error
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code.startswith(_DENIED):
            raise DeniedImage(f"ECR gives us no token ({code}).", fix=rights) from error
        raise SilentRegistry(f"ECR gives no token: {code or error}.") from error
    except (BotoCoreError, ValueError, LookupError, binascii.Error) as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise SilentRegistry(f"ECR gives no token: {why}.", fix="Check the region and the network.") from error
    return SignedIn(str(told["proxyEndpoint"]), user, password)
