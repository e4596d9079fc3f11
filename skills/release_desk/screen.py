"""Shows a release on the phone's card and on an Echo Show: stages, tests, gate (pure).

Source: Alexa Presentation Language, "APL Document" (version 1.8, which every screen device renders). Nothing secret: a
card stays in the household's app.
"""

from __future__ import annotations

from typing import Any

from bot.core.model import Release, Status
from skills.release_desk.speech import reports, stages_of
from skills.release_desk.tongue import Tongue, readable, stage_name

PAGE = "release"
_COLOURS = {
    Status.RUNNING: "#60a5fa", Status.WAITING: "#fbbf24", Status.STOPPING: "#fbbf24", Status.SUCCEEDED: "#4ade80",
    Status.FAILED: "#f87171", Status.STOPPED: "#f87171", Status.UNKNOWN: "#f87171",
}  # fmt: skip
_GREY = "#9ca3af"
_MOST_MESSAGE = 200
_SIGNS = {
    Status.QUEUED: "○", Status.RUNNING: "◔", Status.WAITING: "◑", Status.STOPPING: "◔", Status.SUCCEEDED: "●",
    Status.FAILED: "✕", Status.STOPPED: "■", Status.SUPERSEDED: "»", Status.SKIPPED: "»", Status.UNKNOWN: "?",
}  # fmt: skip


def page(release: Release, tongue: Tongue) -> dict[str, Any]:
    """Give the data of the page: title, lines for the stages, tests and gate."""
    found = reports(release)
    total = sum(report.total for report in found)
    passed = sum(report.passed for report in found)
    lines = [
        {
            "sign": _SIGNS[stage.status],
            "colour": _COLOURS.get(stage.status, _GREY),
            "text": stage_name(stage.name),
            "status": _stage(stage.status, tongue),
        }
        for stage in stages_of(release)
    ]
    gate = release.run.open_gate if release.run and release.active else None
    place = tongue.place(release)
    return {
        "title": f"{place['label']} → {place['environment']}",
        "status": _status(release.status, tongue),
        "stages": lines,
        "tests": readable(tongue.say("alexa.screen.tests", passed=passed, n=total)) if found else "",
        "gate": gate[2].message[:_MOST_MESSAGE] if gate else "",
    }


def card_text(release: Release, tongue: Tongue) -> str:
    """Give a release as the lines of a card."""
    shown = page(release, tongue)
    stages = [f"{each['sign']} {each['text']}: {each['status']}" for each in shown["stages"]]
    return "\n".join(part for part in (shown["status"], *stages, shown["tests"], shown["gate"]) if part)


def document() -> dict[str, Any]:
    """Give the APL document that shows a `page`."""
    stage = {
        "type": "Container",
        "direction": "row",
        "items": [
            _text("${data.sign}", width="7vw", color="${data.colour}"),
            _text("${data.text}", width="35vw"),
            _text("${data.status}", width="50vw", color="${data.colour}"),
        ],
    }
    return {
        "type": "APL",
        "version": "1.8",
        "theme": "dark",
        "mainTemplate": {
            "parameters": ["payload"],
            "items": [
                {
                    "type": "Container",
                    "width": "100vw",
                    "height": "100vh",
                    "padding": "4vw",
                    "items": [
                        _text("${payload.release.title}", fontSize="8vh", fontWeight="bold"),
                        _text("${payload.release.status}"),
                        {
                            "type": "Sequence",
                            "grow": 1,
                            "data": "${payload.release.stages}",
                            "items": [stage],
                        },
                        _text("${payload.release.tests}"),
                        _text("${payload.release.gate}"),
                    ],
                }
            ],
        },
    }


def _text(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "Text", "text": text, "fontSize": "6vh", "paddingBottom": "1vh"} | style


def _stage(status: Status, tongue: Tongue) -> str:
    return readable(tongue.say("alexa.screen.queued")) if status is Status.QUEUED else _status(status, tongue)


def _status(status: Status, tongue: Tongue) -> str:
    return readable(tongue.say(f"status.{status}"))
