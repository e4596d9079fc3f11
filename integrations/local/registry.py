"""Asks a container registry which digest a tag means, through its HTTP API (OCI Distribution Specification, pull)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from pydantic import HttpUrl

from bot.core.errors import BadInput
from bot.core.model import Frozen
from integrations.local.actions import ErrorCode

# Every kind of manifest: a registry otherwise answers with a converted one, whose digest is another.
ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
LARGEST_MANIFEST = 4 << 20
"""Bytes (what the specification asks registries to take, at least)."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_PART = re.compile(r'(\w+)="([^"]*)"')


class RegistrySettings(Frozen):
    """What the catalogue says about a registry."""

    url: HttpUrl
    """As `https://registry.example.com`, without `/v2`."""
    id: str = ""
    """RegistryId, for the variable of that name (ECR: the account)."""
    user_env: str | None = None
    """Variable of the server's environment that has the user's name."""
    password_env: str | None = None
    """Variable of the server's environment that has the password or token; `AWS` is the user's name without one."""
    ecr: bool = False
    """It is ECR, or stands before it: AWS is asked for the token. ECR's own hosts need not say so."""

    @property
    def host(self) -> str:
        """Give what images' names begin with there, as `registry.example.com:5000`."""
        return urlsplit(str(self.url)).netloc.rpartition("@")[2]


class NoImage(BadInput):
    """The registry does not tell the image; the sentence says why."""

    code = ErrorCode.CONFIGURATION


class AbsentImage(NoImage):
    """The registry does not have it."""

    code = ErrorCode.REVISION_UNAVAILABLE


class DeniedImage(NoImage):
    """The registry does not let us at it."""

    code = ErrorCode.PERMISSION


class SilentRegistry(NoImage):
    """The registry does not answer, or breaks."""

    code = ErrorCode.SYSTEM_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Image:
    """A tag that was resolved."""

    repository: str
    tag: str
    digest: str
    uri: str
    """Pinned to the digest: `registry.example.com/shop@sha256:…`."""


class Registry:
    """One registry; `environment` has its credentials, unless `login` (user, password) is them."""

    def __init__(
        self,
        settings: RegistrySettings,
        environment: Mapping[str, str],
        *,
        login: tuple[str, str] | None = None,
        patience: float = 20,
    ) -> None:
        self._base = str(settings.url).rstrip("/")
        self.host = settings.host
        self._patience = patience
        names = [name for name in (settings.user_env, settings.password_env) if name]
        if missing := [name for name in names if not environment.get(name)]:
            raise NoImage(
                f"{' and '.join(missing)} for the registry {self.host} is not set.", fix="Set it where Sayso runs."
            )
        self._login = login or (
            (environment[settings.user_env] if settings.user_env else "AWS", environment[settings.password_env])
            if settings.password_env
            else None
        )

    async def resolve(self, repository: str, tag: str) -> Image:
        """Find the digest of a tag (a digest stays itself, but must be there). Raises `NoImage`."""
        if not _NAME.fullmatch(repository):
            raise NoImage(f"{repository[:100]!r} can't be the name of an image's repository.")
        if not _TAG.fullmatch(tag) and not DIGEST.fullmatch(tag):
            raise NoImage(f"{tag[:100]!r} is neither a tag nor a digest.")
        url = f"{self._base}/v2/{repository}/manifests/{tag}"
        try:
            async with httpx.AsyncClient(timeout=self._patience, follow_redirects=False) as client:
                digest = await self._digest(client, url, repository, tag)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise SilentRegistry(
                f"The registry {self.host} does not answer: {why}.", fix="Check `registries` in the catalogue."
            ) from error
        return Image(repository, tag, digest, f"{self.host}/{repository}@{digest}")

    async def _digest(self, client: httpx.AsyncClient, url: str, repository: str, tag: str) -> str:
        headers = {"Accept": ACCEPT}
        answer = await client.head(url, headers=headers)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            headers |= await self._authorization(client, answer.headers.get("WWW-Authenticate", ""), repository)
            answer = await client.head(url, headers=headers)
        found = answer.headers.get("Docker-Content-Digest", "")
        if answer.is_success and DIGEST.fullmatch(found):
            return str(found)
        if answer.is_success or answer.status_code == httpx.codes.METHOD_NOT_ALLOWED:
            return await self._own_digest(client, url, headers, repository, tag)
        raise self._refused(answer, repository, tag)

    async def _own_digest(
        self, client: httpx.AsyncClient, url: str, headers: Mapping[str, str], repository: str, tag: str
    ) -> str:
        """Take the digest of the manifest itself, where a registry doesn't say it (the header is optional)."""
        digest, size = hashlib.sha256(), 0
        async with client.stream("GET", url, headers=headers) as answer:
            if not answer.is_success:
                raise self._refused(answer, repository, tag)
            async for block in answer.aiter_bytes():
                size += len(block)
                if size > LARGEST_MANIFEST:
                    raise NoImage(f"The manifest of {repository}:{tag} is larger than {LARGEST_MANIFEST:,} bytes.")
                digest.update(block)
        return f"sha256:{digest.hexdigest()}"

    def _refused(self, answer: httpx.Response, repository: str, tag: str) -> NoImage:
        if answer.status_code == httpx.codes.NOT_FOUND:
            return AbsentImage(
                f"The registry {self.host} has no {repository}:{tag}.", fix="Push it, or correct the tag."
            )
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            fix = "Give user_env and password_env of this registry in the catalogue."
            return DeniedImage(f"The registry {self.host} does not let us at {repository}.", fix=fix)
        return SilentRegistry(f"The registry {self.host} answers {answer.status_code} for {repository}:{tag}.")

    async def _authorization(self, client: httpx.AsyncClient, challenge: str, repository: str) -> dict[str, str]:
        """Answer the registry's challenge: with the password itself, or with a token that its server gives for it."""
        scheme, _, rest = challenge.partition(" ")
        login = httpx.BasicAuth(*self._login) if self._login else None
        if scheme.lower() == "basic" and login:
            signed = next(login.auth_flow(httpx.Request("GET", self._base)))
            return {"Authorization": str(signed.headers["Authorization"])}
        said = dict(_PART.findall(rest))
        realm = said.get("realm", "")
        if scheme.lower() != "bearer" or not realm:
            return {}
        if self._login and self._base.startswith("https:") and not realm.startswith("https:"):
            raise NoImage(f"The registry {self.host} wants the password over an open line; it is not sent.")
        asked = {"scope": said.get("scope") or f"repository:{repository}:pull"}
        if "service" in said:
            asked["service"] = said["service"]
        answer = await client.get(realm, params=asked, auth=login or httpx.USE_CLIENT_DEFAULT)
        if not answer.is_success:
            raise self._refused(answer, repository, "")
        try:
            told = answer.json()
            token = told.get("token") or told["access_token"]
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise NoImage(f"The registry {self.host} gave no token.") from error
        return {"Authorization": f"Bearer {token}"}
