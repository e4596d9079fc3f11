"""What every Alexa understands without a skill's model: its own name, ways to begin, and the built-in intents."""

from __future__ import annotations

from typing import Final

LAUNCH: Final = {
    "en": ("open", "launch", "start", "begin", "load", "run", "use", "talk to"),
    "de": ("öffne", "starte", "beginne", "lade", "benutze", "sprich mit"),
}
ASK: Final = {
    "en": ("ask", "tell"),
    "de": ("frage", "frag", "bitte", "sag", "sage"),
}
JOINTS: Final = {"en": ("to", "for", "about", "if", "whether", "that"), "de": ("nach", "ob", "zu", "dass", "um")}
"""Words between the invocation name and the wish; they may also belong to the wish."""
WITH: Final = {"en": ("using", "with", "on"), "de": ("mit", "über")}
"""The wish first, the invocation name after it."""
FILLERS: Final = {"en": ("please", "um", "uh"), "de": ("bitte", "äh", "ähm")}

BUILT_IN: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "en": {
        "AMAZON.YesIntent": (
            "yes", "yes please", "yeah", "yep", "sure", "ok", "okay", "correct", "yes do it", "do it", "go ahead",
        ),
        "AMAZON.NoIntent": ("no", "no thanks", "nope", "nah", "no way", "no don't"),
        "AMAZON.HelpIntent": ("help", "help me", "can you help me", "what can i say", "what can you do"),
        "AMAZON.StopIntent": ("stop", "off", "shut up", "quit"),
        "AMAZON.CancelIntent": ("cancel", "never mind", "forget it", "cancel that"),
        "AMAZON.RepeatIntent": ("repeat", "say that again", "repeat that", "what did you say"),
        "AMAZON.NavigateHomeIntent": ("go home", "home", "go to the home screen"),
    },
    "de": {
        "AMAZON.YesIntent": ("ja", "ja bitte", "jawohl", "klar", "ok", "okay", "richtig", "mach das"),
        "AMAZON.NoIntent": ("nein", "nein danke", "nee", "nö", "lieber nicht"),
        "AMAZON.HelpIntent": ("hilfe", "hilf mir", "was kann ich sagen", "was kannst du"),
        "AMAZON.StopIntent": ("stopp", "stop", "aus", "ende", "sei still"),
        "AMAZON.CancelIntent": ("abbrechen", "vergiss es", "doch nicht"),
        "AMAZON.RepeatIntent": ("wiederholen", "wiederhole", "sag das nochmal", "noch einmal", "was hast du gesagt"),
        "AMAZON.NavigateHomeIntent": ("geh nach hause", "startseite", "zum startbildschirm"),
    },
}  # fmt: skip
"""By language and intent."""
EXIT: Final = {"en": ("exit",), "de": ("beenden",)}
"""Ends the session without asking the skill."""

PROBLEM: Final = {
    "en": "There was a problem with the requested skill's response.",
    "de": "Bei der Antwort des Skills gab es ein Problem.",
}
LATE: Final = {
    "en": "The requested skill took too long to answer.",
    "de": "Der Skill hat zu lange nicht geantwortet.",
}
PIN: Final = {"en": "What's your voice PIN?", "de": "Wie lautet deine Stimm-PIN?"}
WRONG_PIN: Final = {
    "en": "That's not the PIN I have. Try again.",
    "de": "Das ist nicht die richtige PIN. Versuch es noch einmal.",
}


def language(locale: str) -> str:
    """Give the language that a locale's phrases are in; one that isn't known here is spoken to in English."""
    return locale[:2] if locale[:2] in BUILT_IN else "en"
