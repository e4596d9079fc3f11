"""Source actions of container images: pins a tag to its digest, without fetching the image."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Mapping

from bot.core.model import LogTail, Revision
from integrations.local.actions import AfterCrash, Attempt, Outcome, Progress, Result
from integrations.local.ecr import HOST, sign_in
from integrations.local.registry import Image, NoImage, Registry, RegistrySettings
from integrations.local.source import LONGEST_VARIABLE, failed, write_log

_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?|localhost(?::\d+)?|[\w-]+:\d+")


class ImageSourceRunner:
    """Carries out `Source/ECR` (User Guide, "Amazon ECR source action reference") and `Source/Image` of any registry.

    Which registry: the one that `Registry` (or `RegistryId`) names in the catalogue's `registries`; else the host that
    the repository's name begins with; else the only one there is; without any `Source/ECR` means ECR itself.
    """

    after_crash = AfterCrash.RERUN

    def __init__(self, registries: Mapping[str, RegistrySettings], of_server: Mapping[str, str]) -> None:
        self._registries, self._of_server = registries, of_server

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:  # noqa: ARG002 - asking again is harmless
        """Resolve the tag; what is wrong with it is a failed result with a sentence."""
        try:
            name, settings, repository, tag = self._wanted(attempt)
            await attempt.report(Progress(detail=f"asking {name} for {repository}:{tag}"))
            login = None
            if settings is None or settings.ecr or (not settings.password_env and HOST.fullmatch(settings.host)):
                own = HOST.fullmatch(settings.host) if settings else None
                token = await asyncio.to_thread(sign_in, own[1] if own else attempt.declaration.region)
                login = (token.user, token.password)
                settings = settings or _in_ecr(token.url, attempt.configuration.get("RegistryId"))
            image = await Registry(settings, self._of_server, login=login).resolve(repository, tag)
        except NoImage as error:
            return failed(attempt, str(error), error.code)
        account = HOST.fullmatch(settings.host)
        registry_id = settings.id or (settings.host[:12] if account else name)
        # User Guide, "Amazon ECR source action reference", output artifacts: imageDetail.json. What only ECR knows
        # (size, time of the push) is left out.
        detail = {"ImageDigest": image.digest, "Version": "1.0", "RegistryId": registry_id,
                  "RepositoryName": image.repository, "ImageURI": image.uri, "ImageTags": [image.tag]}  # fmt: skip
        tree = attempt.folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        (tree / "imageDetail.json").write_text(json.dumps(detail, indent=2) + "\n")
        line = f"{image.repository}:{image.tag} is {image.uri}"
        write_log(attempt, line)
        return _result(attempt, image, registry_id, line, str(tree))

    def _wanted(self, attempt: Attempt) -> tuple[str, RegistrySettings | None, str, str]:
        """Find the registry (None: our own one in ECR), the repository in it, and the tag or digest."""
        asked = attempt.configuration
        repository = asked.get("RepositoryName") or asked.get("ImageUri", "")
        if not repository:
            raise NoImage("Its configuration has no RepositoryName.")
        repository = repository.removeprefix("docker://")
        repository, at, digest = repository.partition("@")
        head, slash, rest = repository.rpartition("/")
        rest, _, tag = rest.partition(":")
        repository = f"{head}{slash}{rest}"
        tag = (attempt.revision.id if attempt.revision else "") or asked.get("ImageTag") or (digest if at else tag)
        tag = tag or "latest"
        named = asked.get("Registry") or asked.get("RegistryId")
        host, _, inside = repository.partition("/")
        if named:
            if named not in self._registries and named == asked.get("RegistryId") and re.fullmatch(r"\d{12}", named):
                return "ECR", None, repository, tag
            if named not in self._registries:
                known = ", ".join(sorted(self._registries)) or "none"
                raise NoImage(f"The catalogue has no registry called {named}.", fix=f"It has: {known}.")
            return named, self._registries[named], repository, tag
        if inside and _HOST.fullmatch(host):
            found = next(((name, each) for name, each in self._registries.items() if each.host == host), None)
            name, settings = found or (host, RegistrySettings.model_validate({"url": f"https://{host}"}))
            return name, settings, inside, tag
        if len(self._registries) == 1:
            name, settings = next(iter(self._registries.items()))
            return name, settings, repository, tag
        if not self._registries and attempt.declaration.action_type_id.provider == "ECR":
            return "ECR", None, repository, tag
        raise NoImage(
            f"Nobody says which registry has {repository}.",
            fix='Write registries.NAME = { url = "https://…" } in the catalogue, and Registry = NAME in the action.',
        )


def _in_ecr(own: str, account: str | None) -> RegistrySettings:
    """Give the registry of an account in ECR; `own` is the address of the caller's."""
    url = re.sub(r"//\d{12}\.", f"//{account}.", own) if account else own
    return RegistrySettings.model_validate({"url": url})


def _result(attempt: Attempt, image: Image, registry_id: str, line: str, tree: str) -> Result:
    variables = {
        "ImageDigest": image.digest,
        "ImageTag": image.tag,
        "ImageURI": image.uri,
        "RegistryId": registry_id,
        "RepositoryName": image.repository,
    }
    outputs = attempt.declaration.output_artifacts
    return Result(
        outcome=Outcome.SUCCEEDED,
        detail=f"{image.tag} is {image.digest[:19]}",
        outputs={outputs[0].name: tree} if outputs else {},
        variables={name: value[:LONGEST_VARIABLE] for name, value in variables.items()},
        revision=Revision(id=image.digest, summary=f"{image.repository}:{image.tag}", ref=image.tag),
        log=LogTail(lines=(line[:500],)),
    )
