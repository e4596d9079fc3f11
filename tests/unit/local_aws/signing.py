"""Requests to the endpoint, signed by botocore as its clients do, and then changed as a test wants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY_ID, SECRET = "AKIDLOCALTEST", "a-secret-of-the-tests-that-is-long-enough"
TARGET = "CodePipeline_20150709"


@dataclass
class Call:
    """One request before it is sent."""

    operation: str
    given: Mapping[str, Any] = field(default_factory=dict)
    url: str = "http://127.0.0.1/aws/"
    key_id: str = KEY_ID
    secret: str = SECRET
    service: str = "codepipeline"
    target: str = TARGET
    headers: Mapping[str, str] = field(default_factory=dict)

    def signed(self) -> httpx.Request:
        """Sign it, with the time of now."""
        body = json.dumps(self.given).encode()
        headers = {
            "content-type": "application/x-amz-json-1.1", "host": httpx.URL(self.url).netloc.decode(),
            "x-amz-target": f"{self.target}.{self.operation}", **self.headers,
        }  # fmt: skip
        request = AWSRequest("POST", self.url, headers=headers, data=body)
        SigV4Auth(Credentials(self.key_id, self.secret), self.service, "us-east-1").add_auth(request)
        return httpx.Request("POST", self.url, headers=dict(request.headers.items()), content=body)


def code(answer: httpx.Response) -> str:
    """Give the error code of an answer, having seen that both places say the same."""
    told = answer.json()
    assert set(told) == {"__type", "message"} and told["message"]
    assert answer.headers["x-amzn-errortype"] == told["__type"]
    return str(told["__type"])
