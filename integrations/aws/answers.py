"""Reads the parts of CodePipeline's answers: revisions, gates, who did something; pure, never raises on odd answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.core.model import Decision, Gate, Revision
from bot.core.wording import say

Answer = Mapping[str, Any]
"""A structure of CodePipeline's API model, as boto3 gives it."""

APPROVAL_WAITS = timedelta(days=7)
"""Of a manual approval that says nothing else (User Guide, "Manage approval actions in CodePipeline")."""
LONGEST_SUMMARY = 512
"""Characters of an approval's summary (API model, "ApprovalSummary")."""
_OURS = re.compile(r"(?P<by>\S+) in Sayso(?:: (?P<comment>.*))?", re.DOTALL)
_NOT_A_REASON = re.compile(r"[^a-zA-Z0-9!@ ().*?-]+")


def summary_of(decision: Decision) -> str:
    """Write who decided and why, so that `decision_of` can read it again."""
    comment = f": {' '.join(decision.comment.split())}" if decision.comment.strip() else ""
    return f"{decision.by} in Sayso{comment}"[:LONGEST_SUMMARY]


def plain_reason(text: str) -> str:
    """Write a transition's reason in the characters and length that are allowed (API model, "DisabledReason")."""
    return " ".join(_NOT_A_REASON.sub(" ", text).split())[:300].strip() or "closed"


def who(arn: str | None) -> str:
    """Name who an ARN is: `arn:aws:sts::1:assumed-role/Admin/jane` is jane."""
    return (arn or "").rpartition("/")[2].rpartition(":")[2]


def result(row: Answer) -> Answer:
    """Give the executionResult of an action or rule execution."""
    found: Answer = row.get("output", {}).get("executionResult", {})
    return found


def said(row: Answer) -> str:
    """Give what an action or rule tells of itself, in one line; of a failed one its error."""
    told = result(row)
    failed = row.get("status") in {"Failed", "Abandoned"}
    text = (failed and told.get("errorDetails", {}).get("message")) or told.get("externalExecutionSummary") or ""
    lines = plain_summary(text).strip().splitlines()
    return lines[0][:300] if lines else ""


def plain_summary(text: str) -> str:
    """Give a source's summary as its commit message: connections wrap it in JSON."""
    if text.startswith("{"):
        try:
            wrapped = json.loads(text)
        except ValueError:
            return text
        if isinstance(wrapped, dict) and isinstance(wrapped.get("CommitMessage"), str):
            return str(wrapped["CommitMessage"])
    return text


def first_line(text: str) -> str:
    """Give the first line of a text, or nothing."""
    return next(iter(plain_summary(text).strip().splitlines()), "")


def source_actions(declaration: Answer) -> Sequence[Answer]:
    """Give the source actions of a pipeline's declaration, in order."""
    return [
        action
        for stage in declaration.get("stages", ())
        for action in stage.get("actions", ())
        if action["actionTypeId"]["category"] == "Source"
    ]


def revision_of(declaration: Answer, execution: Answer, rows: Sequence[Answer], source: str | None) -> Revision | None:
    """Put together what is known of what is shipped; `execution` is a PipelineExecution or its summary.

    `rows` are the action executions among which its source actions are; `source` names the one that counts.
    """
    actions = source_actions(declaration)
    chosen = next((each for each in actions if each["name"] == source), actions[0] if actions else None)
    if chosen is None:
        return None
    fetched = [row for row in rows if row["actionName"] == chosen["name"] and row["status"] == "Succeeded"]
    row = max(fetched, key=lambda each: each["startTime"], default=None)
    told: Answer = row.get("output", {}).get("outputVariables", {}) if row else {}
    outputs = {each["name"] for each in chosen.get("outputArtifacts", ())}
    shown: Answer = next((each for each in execution.get("artifactRevisions", ()) if each.get("name") in outputs), {})
    listed = execution.get("sourceRevisions", ())
    shown = shown or next((each for each in listed if each.get("actionName") == chosen["name"]), {})
    found = shown.get("revisionId") or next((told[key] for key in _IDS if told.get(key)), None)
    if not found:
        return None
    resolved = (row or {}).get("input", {}).get("resolvedConfiguration", {})
    configuration = {**chosen.get("configuration", {}), **resolved}
    message = told.get("CommitMessage") or shown.get("revisionSummary") or ""
    url = shown.get("revisionUrl") or told.get("CommitUrl") or (result(row) if row else {}).get("externalExecutionUrl")
    return Revision(
        id=found, summary=first_line(message)[:300],
        author=next((told[key] for key in ("AuthorDisplayName", "AuthorId", "AuthorEmail") if told.get(key)), ""),
        url=url if url and url.startswith("https://") else None,
        ref=next((each for each in (told.get("BranchName"), *map(configuration.get, _REFS)) if each), None),
    )  # fmt: skip


_IDS = ("CommitId", "ImageDigest", "VersionId")
"""A source's output variable that is its revision (User Guide, "Variables available for pipeline actions")."""
_REFS = ("BranchName", "Branch", "ImageTag", "S3ObjectKey")


def gate_of(row: Answer, declared: Answer) -> Gate:
    """Give the gate that an approval's execution is; its token is that execution's id, which every attempt has anew."""
    asked = row.get("input", {}).get("resolvedConfiguration") or declared.get("configuration", {})
    link = asked.get("ExternalEntityLink", "")
    return Gate(
        token=row["actionExecutionId"], message=asked.get("CustomData", ""),
        link=link if link.startswith(("https://", "http://")) else None,
        expires=expiry(row, declared), decision=decision_of(row, declared),
    )  # fmt: skip


def expiry(row: Answer, declared: Answer) -> datetime:
    """Tell until when an approval waits."""
    minutes = declared.get("timeoutInMinutes")
    moment: datetime = row["startTime"] + (timedelta(minutes=minutes) if minutes else APPROVAL_WAITS)
    return moment


def expired(row: Answer, declared: Answer) -> bool:
    """Tell whether an approval failed because nobody answered."""
    over: datetime = row["lastUpdateTime"]
    return row["status"] == "Failed" and over >= expiry(row, declared) - timedelta(minutes=1)


def decision_of(row: Answer, declared: Answer) -> Decision | None:
    """Read who answered an approval, through Sayso or elsewhere; None while it waits, and if nobody did."""
    if row["status"] not in {"Succeeded", "Failed"} or expired(row, declared):
        return None
    text = result(row).get("externalExecutionSummary", "")
    ours = _OURS.fullmatch(text)
    return Decision(
        approved=row["status"] == "Succeeded",
        by=ours["by"] if ours else who(row.get("updatedBy")) or say("aws.somebody"),
        comment=(ours["comment"] or "") if ours else text,
        at=row["lastUpdateTime"],
    )


def approval_said(row: Answer, declared: Answer) -> str:
    """Say in one line how an approval ended."""
    if expired(row, declared):
        return say("aws.gate.expired")
    decision = decision_of(row, declared)
    if decision is None:
        return ""
    comment = f": {decision.comment}" if decision.comment else "."
    return say("aws.gate.approved" if decision.approved else "aws.gate.rejected", by=decision.by) + comment
