"""Attempts as the engine makes them, and a tiny container registry that is a real server."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bot.core.model import Revision
from integrations.local.actions import Attempt, Progress
from integrations.specs.pipeline import ActionDeclaration


@dataclass
class Bench:
    """Makes attempts as the engine does, and keeps what they told."""

    tmp: Path
    id: str
    told: list[Progress] = field(default_factory=list)

    def attempt(
        self,
        category: str,
        provider: str,
        configuration: Mapping[str, str] | None = None,
        *,
        inputs: Mapping[str, Path] | None = None,
        outputs: tuple[str, ...] = (),
        asked: str | None = None,
        **declared: Any,
    ) -> Attempt:
        async def report(progress: Progress) -> None:
            self.told.append(progress)

        declaration = ActionDeclaration.model_validate(
            {
                "name": "Step",
                "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
                "inputArtifacts": [{"name": name} for name in inputs or {}],
                "outputArtifacts": [{"name": name} for name in outputs],
                "region": "eu-central-1",
                **declared,
            }
        )
        folder = self.tmp / "work"
        folder.mkdir(exist_ok=True)
        return Attempt(
            id=f"{self.id}#1", execution_id="run-1", pipeline="shop", stage="Only", declaration=declaration,
            configuration=configuration or {}, inputs=inputs or {}, folder=folder, log=self.tmp / "log.txt",
            base=self.tmp, environment={"SAYSO_RUN": "run-1"}, revision=Revision(id=asked) if asked else None,
            report=report,
        )  # fmt: skip

    @property
    def log(self) -> str:
        return (self.tmp / "log.txt").read_text()

    def tree(self, name: str, files: Mapping[str, str]) -> Path:
        root = self.tmp / name
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return root


MANIFEST = json.dumps({"schemaVersion": 2, "layers": []}).encode()
DIGEST = "sha256:" + hashlib.sha256(MANIFEST).hexdigest()


class TinyRegistry(ThreadingHTTPServer):
    """Has `team/shop:1.0` (and by its digest); `login` asks for a token, `silent` doesn't say the digest.

    `opened` is the user and password, as `robot:pass`.
    """

    daemon_threads = True

    def __init__(self, *, login: bool = False, silent: bool = False, opened: str = "robot:pass") -> None:
        super().__init__(("127.0.0.1", 0), _Registry)
        self.login, self.silent = login, silent
        self.asked: list[str] = []
        self.secret = f"Basic {base64.b64encode(opened.encode()).decode()}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Registry(BaseHTTPRequestHandler):
    server: TinyRegistry

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        said = self.headers.get("Authorization", "")
        if self.path.startswith("/token?"):
            good = said == self.server.secret
            self.reply(200 if good else 401, b'{"token": "good"}', body=True)
        elif self.server.login and said != "Bearer good":
            challenge = (
                f'Bearer realm="http://{self.server.host}/token",service="tiny",scope="repository:team/shop:pull"'
            )
            self.reply(401, b"", body=body, extra={"WWW-Authenticate": challenge})
        elif self.path in {"/v2/team/shop/manifests/1.0", f"/v2/team/shop/manifests/{DIGEST}"}:
            self.reply(200, MANIFEST, body=body, extra={} if self.server.silent else {"Docker-Content-Digest": DIGEST})
        else:
            self.reply(404, b"{}", body=body)

    def reply(self, status: int, data: bytes, *, body: bool, extra: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(extra or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""
