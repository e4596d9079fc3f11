"""Decides whether an event starts a pipeline, at which revision, and what is said about it: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from integrations.local.answers import AskedRevision
from integrations.local.providers import GIT
from integrations.local.source import BRANCH_KEYS, REPOSITORY_KEYS
from integrations.local.triggers.declared import GitHook, RegistryHook
from integrations.local.triggers.git_events import Event
from integrations.local.triggers.image_events import ImagePushed
from integrations.specs.pipeline import ActionDeclaration, PipelineDeclaration
from integrations.specs.triggers import Criteria, PullRequest, Push, triggers_of, wants

IMAGES = ("ECR", "Image")
LONGEST_WORDS = 300
MOST_NAMES = 5
SAID = {"OPEN": "opened", "UPDATED": "updated", "CLOSED": "merged"}
PRODUCTS = {"dockerhub": "Docker Hub", "quay": "Quay", "artifactory": "Artifactory"}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a pipeline starts."""

    type: str
    """CodePipeline's TriggerType."""
    words: str
    """What is said on the card: `a push to main by Ada`."""
    sources: tuple[AskedRevision, ...] = ()
    started_by: tuple[str, ...] = ()
    """As `Run.started_by`."""
    webhook: Mapping[str, str] = field(default_factory=dict)
    """What builds see of the event."""


def for_git(pipeline: PipelineDeclaration, file: str, hook: GitHook, event: Event) -> Reason | str:
    """Decide on a push or pull request; a text says why it starts nothing. Raises `BadFile` for broken triggers."""
    declared = {
        each.git_configuration.source_action_name: each.git_configuration
        for each in triggers_of(pipeline.triggers, file)
    }
    sources = [action for action in _sources(pipeline) if action.action_type_id.provider in GIT]
    if not sources:
        return "The pipeline has no source action that is a git repository."
    fitting = [action for action in sources if _same_repository(action, hook, event.repository)]
    if not fitting:
        return f"The pipeline is not made of {event.repository}."
    asked = []
    for action in fitting:
        branch = branch_of(action)
        if declared:
            configuration = declared.get(action.name)
            wanted = configuration is not None and wants(configuration, event, branch)
        else:  # User Guide: without a trigger a push to the action's own branch starts it, unless that is switched off
            off = action.configuration.get("DetectChanges") == "false"
            wanted = not off and isinstance(event, Push) and not event.tag and event.name == branch
        if wanted:
            asked.append(AskedRevision(action.name, "COMMIT_ID", event.commit))
    if not asked:
        return f"The pipeline's triggers don't want {_words(event)}."
    words = _words(event)[:LONGEST_WORDS]
    return Reason("WebhookV2", words, tuple(asked), event.logins[:MOST_NAMES], webhook_variables(event))


def webhook_variables(event: Event) -> dict[str, str]:
    """Give what a build sees of the event that started it; what the host did not tell is left out.

    CodeBuild User Guide, "Environment variables in build environments".
    """
    if isinstance(event, PullRequest):
        said = {"OPEN": "REOPENED" if event.reopened else "CREATED", "UPDATED": "UPDATED", "CLOSED": "MERGED"}
        values = {
            "EVENT": f"PULL_REQUEST_{said[event.event]}",
            "TRIGGER": f"pr/{event.number}",
            "BASE_REF": f"refs/heads/{event.target}",
            "HEAD_REF": f"refs/heads/{event.source}",
        }
    else:
        values = {
            "EVENT": "PUSH",
            "TRIGGER": f"{'tag' if event.tag else 'branch'}/{event.name}",
            "HEAD_REF": f"refs/{'tags' if event.tag else 'heads'}/{event.name}",
            "PREV_COMMIT": event.before,
        }
    values["ACTOR_ACCOUNT_ID"] = event.account
    return {f"CODEBUILD_WEBHOOK_{name}": value for name, value in values.items() if value}


def for_image(pipeline: PipelineDeclaration, hook: RegistryHook, event: ImagePushed) -> Reason | str:
    """Decide on a pushed image."""
    sources = [action for action in _sources(pipeline) if action.action_type_id.provider in IMAGES]
    own = [action for action in sources if _image(action)[0].endswith(event.repository)]
    if hook.repository and hook.repository != event.repository:
        return f"The trigger is for {hook.repository}, not for {event.repository}."
    if not hook.repository and sources and not own:
        return f"The pipeline is not made of {event.repository}."
    tags = hook.tags or tuple(tag for action in own if (tag := _image(action)[1]))
    if tags and not Criteria(includes=tags[:8]).admits(event.tag):
        return f"The trigger does not want the tag {event.tag}."
    by = f" by {event.by}" if event.by else ""
    words = f"{event.repository}:{event.tag} pushed to {PRODUCTS[hook.kind]}{by}"
    # A tag may be moved again before the run begins: it is pinned where the registry says its digest.
    asked = tuple(
        AskedRevision(action.name, "IMAGE_DIGEST", event.digest or event.tag)
        for action in (own or sources[:1] if hook.repository else own)
    )
    started_by = (f"dockerhub:{event.by}",) if event.by and hook.kind == "dockerhub" else ()
    return Reason("Webhook", words[:LONGEST_WORDS], asked, started_by)


def _sources(pipeline: PipelineDeclaration) -> Iterator[ActionDeclaration]:
    yield from pipeline.stages[0].actions


def polled(pipeline: PipelineDeclaration) -> list[ActionDeclaration]:
    """Give the source actions that are git repositories."""
    return [action for action in _sources(pipeline) if action.action_type_id.provider in GIT]


def branch_of(action: ActionDeclaration) -> str:
    """Give the branch that a source action names."""
    found = next((action.configuration[key] for key in BRANCH_KEYS if action.configuration.get(key)), "")
    return found.removeprefix("refs/heads/")


def _same_repository(action: ActionDeclaration, hook: GitHook, repository: str) -> bool:
    """Compare names without case, as the hosts do; a source that is a path or URL is trusted to be the hook's."""
    if hook.repository:
        return hook.repository.casefold() == repository.casefold()
    named = repository_of(action)
    if not named or "://" in named or named.startswith((".", "/", "~")) or "/" not in named:
        return True
    return named.casefold().removesuffix(".git").endswith(repository.casefold())


def repository_of(action: ActionDeclaration) -> str:
    """Give the repository as a source action names it."""
    provider, configuration = action.action_type_id.provider, action.configuration
    if provider == "GitHub":
        return f"{configuration.get('Owner', '')}/{configuration.get('Repo', '')}".strip("/")
    keys = REPOSITORY_KEYS.get(provider, REPOSITORY_KEYS["Git"])
    return next((configuration[key] for key in keys if configuration.get(key)), "")


def _image(action: ActionDeclaration) -> tuple[str, str]:
    named = action.configuration.get("RepositoryName") or action.configuration.get("ImageUri", "")
    head, slash, last = named.partition("@")[0].rpartition("/")
    name, _, tag = last.partition(":")
    return f"{head}{slash}{name}", action.configuration.get("ImageTag", "") or tag


def _words(event: Event) -> str:
    by = f" by {event.by}" if event.by else ""
    if isinstance(event, PullRequest):
        return f"pull request #{event.number} {SAID[event.event]}{by} ({event.source} → {event.target})"
    return f"the tag {event.name} pushed{by}" if event.tag else f"a push to {event.name}{by}"
