"""Invokes a Lambda function for one action; its own process, so that it goes on without the server.

Only standard library. Reads a plan (JSON, written by `lambda_function.py`), writes what happens as JSON lines; its
output is the raw log. The handler speaks to CodePipeline as it does on AWS: at an address of this process, which knows
two of its operations.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from integrations.local.outlet import Outlet, bounds

LARGEST = 1 << 20
OPERATIONS = ("PutJobSuccessResult", "PutJobFailureResult")


class Jobs(ThreadingHTTPServer):
    """CodePipeline's PutJobSuccessResult and PutJobFailureResult (JSON 1.1) for one job, on this machine only."""

    daemon_threads = True

    def __init__(self, job: str) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.job = job
        self.told: tuple[str, dict[str, Any]] | None = None
        self.lock = threading.Lock()


class Answer(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Jobs

    def do_POST(self) -> None:
        """Take a job's result."""
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        length = self.headers.get("Content-Length", "0")
        body = self.rfile.read(min(int(length) if length.isdigit() else 0, LARGEST))
        try:
            said = json.loads(body)
            job = said["jobId"]
        except (ValueError, KeyError, TypeError):
            self.reply(400, {"__type": "ValidationException", "message": "There is no jobId."})
            return
        if operation not in OPERATIONS:
            message = f"A function on this machine can only call {' and '.join(OPERATIONS)}."
            self.reply(400, {"__type": "UnknownOperationException", "message": message})
        elif job != self.server.job:
            self.reply(400, {"__type": "JobNotFoundException", "message": f"There is no job {job}."})
        else:
            with self.server.lock:
                again = self.server.told is not None
                self.server.told = self.server.told or (operation, said)
            if again:
                self.reply(400, {"__type": "InvalidJobStateException", "message": "Its result was told already."})
            else:
                self.reply(200, {})

    def reply(self, status: int, body: dict[str, Any]) -> None:
        """Send JSON."""
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the parent's name
        """Keep quiet: standard error is the function's log."""


def invoke(plan: dict[str, Any], folder: Path, token: str | None) -> dict[str, Any]:
    """Invoke the function once; gives a verdict: `ok`, `message`, `variables`, `token` (to go on with)."""
    jobs = Jobs(plan["job"])
    threading.Thread(target=jobs.serve_forever, daemon=True).start()
    data = {**plan["data"], **({"continuationToken": token} if token else {})}
    event = {"CodePipeline.job": {"id": plan["job"], "accountId": "000000000000", "data": data}}
    answer = folder / "answer.json"
    answer.unlink(missing_ok=True)
    environment = {
        **plan["environment"],
        "AWS_ENDPOINT_URL_CODEPIPELINE": f"http://127.0.0.1:{jobs.server_address[1]}",
        "SAYSO_DEADLINE": str(time.time() + plan["timeout"]),
    }
    try:
        process = subprocess.Popen(
            [*plan["python"], plan["file"], plan["function"], str(answer)],
            stdin=subprocess.PIPE, cwd=plan["cwd"], env=environment,
        )  # fmt: skip
    except OSError as error:
        return {"ok": False, "message": f"{plan['python'][0]} can't be run: {error.strerror}."}
    try:
        process.communicate(json.dumps(event).encode(), timeout=plan["timeout"])
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return {"ok": False, "message": f"It took longer than its {plan['timeout']} seconds."}
    with jobs.lock:
        told = jobs.told
    jobs.shutdown()
    return verdict(process.returncode, told, answer)


def verdict(code: int, told: tuple[str, dict[str, Any]] | None, answer: Path) -> dict[str, Any]:
    """Weigh what the handler told CodePipeline, then what it raised or returned."""
    try:
        found = json.loads(answer.read_text())
    except (OSError, ValueError):
        found = {}
    if told and told[0] == "PutJobFailureResult":
        details = told[1].get("failureDetails") or {}
        kind = str(details.get("type") or "")
        return {"ok": False, "message": str(details.get("message") or kind or "It says it failed."), "type": kind[:50]}
    if told:
        said = told[1]
        summary = str((said.get("executionDetails") or {}).get("summary") or "")
        variables, token = said.get("outputVariables") or {}, said.get("continuationToken")
        return {"ok": True, "variables": variables, "token": token, "message": summary}
    if "raised" in found:
        return {"ok": False, "message": found["raised"]}
    if code:
        return {"ok": False, "message": f"Its process ended with exit code {code}; its log says why."}
    returned = found.get("returned")
    variables = returned.get("outputVariables") if isinstance(returned, dict) else None
    return {"ok": True, "variables": variables or {}, "message": ""}


def main() -> None:
    """Invoke the function whose plan is the argument, again for as long as it asks for that."""
    path = Path(sys.argv[1])
    plan, folder = json.loads(path.read_text()), path.parent
    outlet = Outlet(folder / "raw.log", **bounds(plan["log_bytes"]))
    token: str | None = None
    began = time.monotonic()
    with (folder / "journal").open("a", buffering=1) as journal:
        while True:
            journal.write(json.dumps({"invoked": time.time()}) + "\n")
            said = invoke(plan, folder, token)
            token = said.get("token")
            if not token:
                break
            if time.monotonic() - began > plan["longest"]:
                said = {"ok": False, "message": f"It was not done after {plan['longest'] // 60} minutes."}
                break
            time.sleep(plan["pause"])
        journal.write(json.dumps({"verdict": said}) + "\n")
    outlet.close()
    os._exit(0 if said["ok"] else 1)


if __name__ == "__main__":
    main()
