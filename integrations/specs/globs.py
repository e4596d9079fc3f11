"""Path patterns as buildspec files write them: `*` within a folder, `**` through folders, `?`, `[abc]`."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern that is matched against a whole relative path with forward slashes.

    A pattern that names a folder also matches everything below it, as CodeBuild has it.
    """
    # `**/**/` means no more than `**/`, but takes the longer to match.
    pattern = re.sub(r"(\*\*/)+", "**/", pattern.removeprefix("./").rstrip("/"))
    written, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**/", at):
            written, at = written + r"(?:[^/]+/)*", at + 3
        elif pattern.startswith("**", at):
            written, at = written + ".*", at + 2
        elif char == "*":
            written, at = written + "[^/]*", at + 1
        elif char == "?":
            written, at = written + "[^/]", at + 1
        elif char == "[" and (end := pattern.find("]", at + 2)) > 0:
            inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", pattern[at + 1 : end].removeprefix("!"))
            written += f"(?!/)[{'^' if pattern[at + 1] == '!' else ''}{inside}]"
            at = end + 1
        else:
            written, at = written + re.escape(char), at + 1
    try:
        return re.compile(f"{written}(?:/.*)?", re.DOTALL)
    except re.error:  # such as [z-a]: then it only means itself
        return re.compile(re.escape(pattern))


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether a relative path matches one of the patterns."""
    return any(pattern in {".", "./", "/"} or compiled(pattern).fullmatch(path) for pattern in patterns)
