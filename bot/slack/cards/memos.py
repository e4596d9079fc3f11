"""Draws what is asked or told beside releases: whether it was they who spoke, locks, and held environments."""

from __future__ import annotations

from bot.core.memos import HoldNotice, LockNotice, Memo, Question
from bot.core.wording import say
from bot.slack.buttons import tap_id, tap_value
from bot.slack.cards.markup import bold, prose, section, words
from bot.slack.content import Block, SlackContent
from bot.slack.said import actions, context, plain, when


def draw(memo: Memo) -> SlackContent:
    """Draw a memo; its text alone says all that its blocks do, but for the buttons."""
    match memo:
        case Question():
            return _question(memo)
        case LockNotice():
            line = say(f"memo.lock.{memo.what}", who=bold(memo.name), when=when(memo.until), n=memo.tries)
            return SlackContent(line, [section(line)])
        case HoldNotice():
            line = _held(memo)
            return SlackContent(line, [section(line)])


def _held(notice: HoldNotice) -> str:
    hold = notice.hold
    place = {"environment": bold(hold.environment), "service": bold(notice.service), "who": words(notice.name)}
    if notice.refused is not None:
        return say("memo.hold.refused", why=prose(notice.refused, 500), **place)
    why = f": {words(hold.reason, 500)}" if hold.reason else ""
    line = say("memo.hold.closed" if hold.closed else "memo.hold.open", why=why, **place)
    return line if hold.done else f"{line} · {say('memo.hold.unconfirmed')}"


def _question(asked: Question) -> SlackContent:
    heard = say("memo.ask", heard=_quoted(asked.heard))
    wish = say(f"memo.do.{asked.verb}", label=bold(asked.label), environment=bold(asked.environment))
    if asked.outcome:
        became = say(f"memo.{asked.outcome}", became=bold(asked.became) or bold(asked.label), why=prose(asked.why, 500))
        return SlackContent(became, [section(heard), section(became)])
    lines = [wish, say("memo.revision", revision=words(asked.revision, 200))] if asked.revision else [wish]
    blocks = [
        section(heard),
        section("\n".join(lines)),
        actions(*(_number(asked, number) for number in asked.choices)),
        context(say("memo.press", when=when(asked.expires))),
    ]
    text = say("memo.text", choices=", ".join(map(str, asked.choices)))
    return SlackContent(text, blocks)


def _number(asked: Question, number: int) -> Block:
    return {
        "type": "button",
        "action_id": tap_id(number),
        "text": plain(str(number), 75),
        "value": tap_value(asked.plan, number),
    }


def _quoted(text: str) -> str:
    return f"“{words(text, 300)}”"
