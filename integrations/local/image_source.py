"""Source actions of container images: pins a tag to its digest, without fetching the image."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping

from bot.core.model import LogTail, Revision
from integrations.local.actions import AfterCrash, Attempt, Outcome, Progress, Result
from integrations.local.registry import Image, NoImage, Registry, RegistrySettings
from integrations.local.source import LONGEST_VARIABLE, failed, write_log

_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?|localhost(?::\d+)?|[\w-]+:\d+")


class ImageSourceRunner:
    """Carries out `Source/ECR` (User Guide, "Amazon ECR source action reference") and `Source/Image` of any registry.

    Which registry: the one that `Registry` (or `RegistryId`) names in the catalogue's `registries`; else the host that
    the repository's name begins with; else the only one there is.
    """

    after_crash = AfterCrash.RERUN

    def __init__(self, registries: Mapping[str, RegistrySettings], of_server: Mapping[str, str]) -> None:
        self._registries, self._of_server = registries, of_server

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:  # noqa: ARG002 - asking again is harmless
        """Resolve the tag; what is wrong with it is a failed result with a sentence."""
        try:
            name, settings, repository, tag = self._wanted(attempt)
            await attempt.report(Progress(detail=f"asking {name} for {repository}:{tag}"))
            image = await Registry(settings, self._of_server).resolve(repository, tag)
        except NoImage as error:
            return failed(attempt, str(error), error.code)
        registry_id = settings.id or name
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

    def _wanted(self, attempt: Attempt) -> tuple[str, RegistrySettings, str, str]:
        """Find the registry, the repository in it, and the tag or digest."""
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
        raise NoImage(
            f"Nobody says which registry has {repository}.",
            fix='Write registries.NAME = { url = "https://…" } in the catalogue, and Registry = NAME in the action.',
        )


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
