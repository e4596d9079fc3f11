"""Reads what Docker Hub, Quay and Artifactory send when an image was pushed: pure."""

from __future__ import annotations

from typing import Any

from bot.core.model import Frozen
from integrations.local.triggers.git_events import NotAnEvent


class ImagePushed(Frozen):
    """An image that has a tag now."""

    repository: str
    """As `team/shop`."""
    tag: str
    digest: str = ""
    """As `sha256:…`, where the registry tells it."""
    by: str = ""


def read_pushes(kind: str, body: Any) -> tuple[ImagePushed, ...]:
    """Read a delivery; nothing if it tells of something else. Raises `NotAnEvent` for another shape."""
    try:
        match kind:
            case "dockerhub":  # docs.docker.com, "Docker Hub webhooks"
                push = body["push_data"]
                found = [(body["repository"]["repo_name"], push["tag"], "", push.get("pusher") or "")]
            case "quay":  # docs.quay.io, "Repository notifications": Push to repository
                found = [(body["repository"], tag, "", "") for tag in body["updated_tags"]]
            case _:  # jfrog.com, "Webhooks": docker pushed
                if (body["domain"], body["event_type"]) != ("docker", "pushed"):
                    return ()
                data = body["data"]
                digest = str(data.get("sha256") or "")
                name = data["image_name"]
                found = [(name, data["tag"], f"sha256:{digest}" if digest else "", "")]
        return tuple(ImagePushed(repository=name, tag=tag, digest=digest, by=by) for name, tag, digest, by in found)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NotAnEvent(f"The body is not what {kind} sends for a pushed image.") from error
