"""Reads what GitHub, GitLab and Bitbucket send: pure, from their JSON to a push or a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.core.errors import BadInput
from integrations.specs.triggers import PullRequest, Push

Event = Push | PullRequest
NOBODY = "0" * 40
"""The commit of a branch that is not there (any more)."""
MOST_LISTED = {"github": 2048, "gitlab": 20}
"""Commits that a host lists at most in one push; of the others nobody knows the files."""


class NotAnEvent(BadInput):
    """The body is not what this host sends."""


def event_name(kind: str, headers: Mapping[str, str]) -> str:
    """Give the host's own name of the event; `headers` by small name."""
    return headers.get({"github": "x-github-event", "gitlab": "x-gitlab-event", "bitbucket": "x-event-key"}[kind], "")


def read_event(kind: str, name: str, body: Any) -> tuple[Event, ...]:  # noqa: PLR0911 -- one line per kind
    """Read a delivery; gives nothing for events that start nothing (a ping, a comment, a deleted branch).

    Raises `NotAnEvent` if the body has not the shape that the host documents.
    """
    try:
        match kind, name:
            case "github", "push":
                return _some(_github_push(body))
            case "github", "pull_request":
                return _some(_github_pull(body))
            case "gitlab", "Push Hook" | "Tag Push Hook":
                return _some(_gitlab_push(body))
            case "gitlab", "Merge Request Hook":
                return _some(_gitlab_merge(body))
            case "bitbucket", "repo:push":
                return tuple(_bitbucket_push(body))
            case "bitbucket", _ if name.startswith("pullrequest:"):
                return _some(_bitbucket_pull(name, body))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NotAnEvent(f"The body is not what {kind} sends for {name[:60]!r}.") from error
    return ()


def _logins(kind: str, accounts: Iterable[object], mail: object = None) -> tuple[str, ...]:
    """Name who did it, as the host itself vouches for: account before e-mail address.

    Names that people choose for themselves and that others may bear, too, are left out: a commit's author, a display
    name, Bitbucket's nickname.
    """
    found = [f"{kind}:{account}" for account in accounts if account and isinstance(account, str)]
    if isinstance(mail, str) and "@" in mail and " " not in mail.strip():  # GitLab: `[REDACTED]`
        found.append(mail.strip())
    return tuple(dict.fromkeys(found))


def _text(value: object) -> str:
    return str(value) if isinstance(value, int | str) else ""


def _commit(value: object) -> str:
    return value if isinstance(value, str) and value != NOBODY else ""


def _some(event: Event | None) -> tuple[Event, ...]:
    return (event,) if event else ()


def _github_push(body: Any) -> Push | None:
    ref, head = body["ref"], body.get("head_commit")
    if body.get("deleted") or not head or not ref.startswith(("refs/heads/", "refs/tags/")):
        return None
    pusher, sender = body.get("pusher") or {}, body.get("sender") or {}
    return Push(
        repository=body["repository"]["full_name"],
        name=ref.split("/", 2)[2],
        tag=ref.startswith("refs/tags/"),
        commit=head["id"],
        by=pusher.get("name") or "",
        logins=_logins("github", (sender.get("login") or pusher.get("name"),), pusher.get("email")),
        account=_text(sender.get("id")),
        before=_commit(body.get("before")),
        # A new or a forced branch lists commits that say little about what is different now.
        files=None if body.get("created") or body.get("forced") else _files(body["commits"], "github"),
    )


def _github_pull(body: Any) -> PullRequest | None:
    pull, action = body["pull_request"], body["action"]
    events = {"opened": "OPEN", "reopened": "OPEN", "synchronize": "UPDATED", "closed": "CLOSED"}
    if action not in events or (action == "closed" and not pull.get("merged")):
        return None
    return PullRequest.model_validate(
        {
            "event": events[action],
            "repository": body["repository"]["full_name"],
            "number": pull["number"],
            "source": pull["head"]["ref"],
            "target": pull["base"]["ref"],
            "commit": pull["head"]["sha"],
            "by": (body.get("sender") or {}).get("login") or "",
            "logins": _logins("github", ((body.get("sender") or {}).get("login"),)),
            "account": _text((body.get("sender") or {}).get("id")),
            "reopened": action == "reopened",
        }
    )


def _gitlab_push(body: Any) -> Push | None:
    ref, commit = body["ref"], body.get("checkout_sha")
    if body["after"] == NOBODY or not commit:
        return None
    commits = body.get("commits") or []
    whole = body["before"] != NOBODY and body.get("total_commits_count", 0) == len(commits)
    return Push(
        repository=body["project"]["path_with_namespace"],
        name=ref.split("/", 2)[2],
        tag=ref.startswith("refs/tags/"),
        commit=commit,
        by=body.get("user_name") or body.get("user_username") or "",
        logins=_logins("gitlab", (body.get("user_username"),), body.get("user_email")),
        account=_text(body.get("user_id")),
        before=_commit(body.get("before")),
        files=_files(commits, "gitlab") if whole else None,
    )


def _gitlab_merge(body: Any) -> PullRequest | None:
    merge = body["object_attributes"]
    action = merge.get("action")
    if action == "update" and not merge.get("oldrev"):
        return None  # only its title, labels or people changed
    user = body.get("user") or {}
    events = {"open": "OPEN", "reopen": "OPEN", "update": "UPDATED", "merge": "CLOSED"}
    if action not in events:
        return None
    return PullRequest.model_validate(
        {
            "event": events[action],
            "repository": body["project"]["path_with_namespace"],
            "number": merge["iid"],
            "source": merge["source_branch"],
            "target": merge["target_branch"],
            "commit": merge["last_commit"]["id"],
            "by": user.get("name") or "",
            "logins": _logins("gitlab", (user.get("username"),), user.get("email")),
            "account": _text(user.get("id")),
            "reopened": action == "reopen",
        }
    )


def _bitbucket_push(body: Any) -> Iterable[Push]:
    actor = body.get("actor") or {}
    for change in body["push"]["changes"]:
        new = change.get("new")
        if new is None or new.get("type") not in {"branch", "tag"}:
            continue
        yield Push(
            repository=body["repository"]["full_name"],
            name=new["name"],
            tag=new["type"] == "tag",
            commit=new["target"]["hash"],
            by=actor.get("display_name") or "",
            logins=_logins("bitbucket", (actor.get("account_id"), actor.get("uuid"))),
            account=_text(actor.get("account_id")),
            before=_commit(((change.get("old") or {}).get("target") or {}).get("hash")),
        )


def _bitbucket_pull(name: str, body: Any) -> PullRequest | None:
    events = {"created": "OPEN", "updated": "UPDATED", "fulfilled": "CLOSED"}
    event = events.get(name.partition(":")[2])
    if event is None:
        return None
    pull, actor = body["pullrequest"], body.get("actor") or {}
    return PullRequest.model_validate(
        {
            "event": event,
            "repository": body["repository"]["full_name"],
            "number": pull["id"],
            "source": pull["source"]["branch"]["name"],
            "target": pull["destination"]["branch"]["name"],
            "commit": pull["source"]["commit"]["hash"],
            "by": actor.get("display_name") or "",
            "logins": _logins("bitbucket", (actor.get("account_id"), actor.get("uuid"))),
            "account": _text(actor.get("account_id")),
        }
    )


def _files(commits: Any, kind: str) -> frozenset[str] | None:
    if len(commits) >= MOST_LISTED[kind]:
        return None
    found: set[str] = set()
    for commit in commits:
        for key in ("added", "modified", "removed"):
            found.update(str(path) for path in commit[key])
    return frozenset(found)
