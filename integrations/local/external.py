"""What an action's attempt is called outside, once it has begun (CodePipeline's externalExecutionId)."""

from __future__ import annotations

import base64
import hashlib

from integrations.specs.pipeline import ActionDeclaration


def external_id(declared: ActionDeclaration, attempt: str) -> str:
    """Give the id of the build or deployment that an attempt is; empty for other actions."""
    match declared.action_type_id.provider:
        case "CodeBuild":
            return build_id(declared.configuration.get("ProjectName") or declared.name, attempt)
        case "CodeDeploy":
            return deployment_id(attempt)
    return ""


def build_id(project: str, attempt: str) -> str:
    """Give a build's id: its project and the attempt of the action that it is, as in CODEBUILD_BUILD_ID."""
    return f"{project}:{attempt}"


def deployment_id(attempt: str) -> str:
    """Give a deployment's id, in the shape that CodeDeploy's have, as in DEPLOYMENT_ID."""
    return "d-" + base64.b32encode(hashlib.sha256(attempt.encode()).digest()).decode()[:9]
