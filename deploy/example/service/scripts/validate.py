"""Waits until the service at URL is healthy and tells the version in FOLDER: `validate.py URL FOLDER SECONDS`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

# The service is asked directly, whatever proxy this machine uses for the world outside.
OPEN = build_opener(ProxyHandler({})).open


def ask(url: str) -> dict[str, str]:
    """Get a JSON object; raises `OSError` or `ValueError`."""
    with OPEN(url, timeout=5) as answer:
        body = json.load(answer)
    if not isinstance(body, dict):
        raise ValueError(f"{url} does not answer with a JSON object")  # noqa: TRY004
    return body


def problem(url: str, expected: dict[str, str]) -> str:
    """Say what is not right yet; empty when all is."""
    try:
        if ask(f"{url}/healthz").get("status") != "ok":
            return f"{url}/healthz does not say ok"
        found = ask(f"{url}/version")
    except (OSError, ValueError) as error:
        return f"{url} does not answer: {error}"
    if found == expected:
        return ""
    says, should = (f"{it.get('version')} (commit {it.get('commit', '')[:8]})" for it in (found, expected))
    return f"{url}/version says {says}, not {should}"


def main(url: str, folder: Path, seconds: float) -> int:
    """Try until it is right or the time is up; gives the exit code."""
    commit = folder / "COMMIT"
    expected = {
        "version": (folder / "VERSION").read_text(encoding="utf-8").strip(),
        "commit": commit.read_text(encoding="utf-8").strip() if commit.exists() else "unknown",
    }
    deadline = time.monotonic() + seconds
    while wrong := problem(url, expected):
        if time.monotonic() > deadline:
            print(f"After {seconds:g} seconds: {wrong}")
            return 1
        time.sleep(0.2)
    print(f"{url} serves {expected['version']} and is healthy")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
