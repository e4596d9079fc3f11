"""English that Alexa says. For the ear: short, no hashes, no markup; values are escaped before they are put in."""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    # how it begins and ends
    "alexa.name": "Release Desk",
    "alexa.invocation": "release desk",
    "alexa.summary": "Ask how releases are going, and start, approve or stop them.",
    "alexa.description": "Release desk talks to your team's Sayso: it says how releases are going, and ships, approves, stops or rolls them back after reading back what it understood.",
    "alexa.testing": "It needs your team's own Sayso server. Open the skill and ask for the status.",
    "alexa.help": "You can say: deploy {service} to {environment}, what's the status, did the tests pass, what waits for me, approve it, stop the release, or roll back {service}. I read back everything before I change anything.",
    # what is missing, unknown or ambiguous
    "alexa.ask.service": "Which service?",
    "alexa.ask.environment": "Which environment?",
    "alexa.ask.build": "Which build?",
    # what was understood, before anything changes
    "alexa.sure": "Shall I?",
    # what was done
    # how releases stand
    # voices
    # trouble
    # the screen and the command line
    "alexa.cli.help": "The Alexa skill.",
    "alexa.cli.build": "Write the skill's package for Amazon: interaction models and manifest, with the catalogue's names.",
    "alexa.cli.out": "Where to put the package.",
    "alexa.cli.check": "Write nothing; fail if the package there is not what would be written.",
    "alexa.cli.built": "Wrote {n} file into {folder}.|Wrote {n} files into {folder}.",
    "alexa.cli.current": "{folder} is up to date.",
    "alexa.cli.stale": "{folder} is not up to date: {files}. Run: sayso alexa build",
    "alexa.cli.no_url": "SAYSO_PUBLIC_URL is not set, so the manifest names https://sayso.example/alexa.",
    "alexa.cli.https": "Alexa only calls addresses that begin with https://, and {url} does not.",
    "alexa.cli.https.fix": "Set SAYSO_PUBLIC_URL to the server's https address.",
    "alexa.limit.too_many": "has {n}, at most {most} are possible",
    "alexa.limit.too_long": "“{value}” is longer than {most} characters",
    "alexa.limit.too_large": "is {n} bytes, at most {most} are possible",
    "alexa.limit.twice": "“{value}” is said already at {other}",
    "alexa.limit.no_name": "has no name that can be spoken",
    "alexa.limit.no_name.fix": 'Add one in sayso.toml: spoken = ["…"].',
    "alexa.limit.sample": "“{value}” has something that can't be spoken; letters, spaces, periods, apostrophes and slots can",
    "alexa.limit.empty": "has nothing that could be said",
    "alexa.limit.slot": "“{value}” names a slot that the intent does not have",
    "alexa.incident": "Something unexpected went wrong on our side. It is noted as incident {incident}.",
}
