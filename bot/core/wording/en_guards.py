"""English about what keeps a change from going on: conditions that are overridden, and ways in that are held."""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    # overriding a condition
    "help.override": "Let a release go on although a condition of its stage failed.",
    "override.why": "Why may it pass? Everybody sees the reason.",
    "override.why.fix": "Say it after --, as in: /release override checkout prod -- checked by hand.",
    "override.production": "{label} was for production, so name it: /release override {place} -- why.",
    "nothing.held": "No condition holds a release there.",
    "conflict.not_held": "No condition holds {label}: {status}.",
    "condition.before_entry": "entry condition",
    "condition.on_success": "success condition",
    "slack.accepted.override": "🔓 {what} goes on to {environment} although a condition failed.",
    "slack.override": "Override",
    "slack.override.title": "Override condition",
    "slack.override.reason": "Why may it pass?",
    "card.override": "Override condition",
    "card.condition": "🔒 Only the {condition} of {stage} holds it. Who may override that: {who}.",
    "note.override": "🔓 {who} lets {stage} pass although its {condition} failed{why}",
    "cli.event.override_requested": "{by} asked to let {stage} pass although its {condition} failed: {reason}",
}
