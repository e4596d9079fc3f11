"""Calls a Lambda handler's file once, in a process of its own. Only standard library: any Python runs it.

Arguments: the handler's file, its function, and a file for the answer; the event comes as JSON on standard input.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from pathlib import Path


class Context:
    """What AWS hands a handler beside the event (Lambda Developer Guide, "Lambda context object in Python")."""

    def __init__(self, name: str, request: str, deadline: float) -> None:
        self.function_name = name
        self.function_version = "$LATEST"
        self.invoked_function_arn = f"arn:aws:lambda:local:000000000000:function:{name}"
        self.memory_limit_in_mb = "0"
        self.aws_request_id = request
        self.log_group_name = f"/aws/lambda/{name}"
        self.log_stream_name = request
        self.identity = None
        self.client_context = None
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Tell how long the handler may still take."""
        return max(0, int((self._deadline - time.time()) * 1000))


def main() -> None:
    """Load the file, call the function, write down what it gives."""
    file, function, answer = sys.argv[1:4]
    path = Path(file).resolve()
    event = json.load(sys.stdin)
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, str(path))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    if not callable(getattr(module, function, None)):
        raise SystemExit(f"{path.name} has no function {function}.")
    job = event["CodePipeline.job"]
    name = job["data"]["actionConfiguration"]["configuration"]["FunctionName"]
    context = Context(name, job["id"], float(os.environ["SAYSO_DEADLINE"]))
    try:
        found = {"returned": getattr(module, function)(event, context)}
    except Exception as error:
        found = {"raised": f"{type(error).__name__}: {error}"[:1000]}
        Path(answer).write_text(json.dumps(found))
        raise
    Path(answer).write_text(json.dumps(found, default=str))


if __name__ == "__main__":
    main()
