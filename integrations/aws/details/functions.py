"""Reads what a Lambda function or a pipeline's own commands have logged: pure.

Shapes: API model of CloudWatch Logs, "FilteredLogEvent"; the action's configuration as in the Action reference of
CodePipeline, "AWS Lambda invoke action reference".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from integrations.aws.answers import Answer, result
from integrations.aws.details.cloudformation import configuration
from integrations.aws.details.lines import LogStream, tail, text_of
from integrations.aws.observing import Detail

_REQUEST = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def log_group(row: Answer) -> str | None:
    """Give the log group of the function that the action invokes, unless it has set another."""
    name = configuration(row).get("FunctionName", "")
    return f"/aws/lambda/{name.rpartition(':')[2]}" if name else None


def milliseconds(moment: datetime) -> int:
    """Write a moment as CloudWatch Logs does."""
    return int(moment.timestamp() * 1000)


def read_log(events: Sequence[Answer], row: Answer, region: str, group: str) -> Detail:
    """Keep the last lines of the invocation: of its own stream if the function told its request, else of that time."""
    request = str(result(row).get("externalExecutionId", ""))
    streams = [each["logStreamName"] for each in events if request and request in each.get("message", "")]
    if _REQUEST.fullmatch(request) and streams:
        events = [each for each in events if each["logStreamName"] == streams[-1]]
    if not events:
        return Detail()
    key = LogStream(region, group, events[-1]["logStreamName"]).key
    return Detail(log=tail(text_of(events), key))


def log_stream(row: Answer) -> LogStream | None:
    """Give the log of CodePipeline's own commands: `arn:aws:logs:REGION:ACCOUNT:log-group:GROUP:log-stream:STREAM`."""
    match str(result(row).get("logStreamARN", "")).split(":"):
        case ["arn", _, "logs", region, _, "log-group", group, "log-stream", stream]:
            return LogStream(region, group, stream)
    return None
