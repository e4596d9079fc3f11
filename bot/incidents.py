"""Numbers for what nobody expected: the person gets the number, the log line has it too."""

from __future__ import annotations

import logging
import secrets


def incident(logger: logging.Logger, where: str, error: BaseException) -> str:
    """Log an unexpected error with its traceback and give the number that finds it, as `inc-3f9a01`."""
    number = f"inc-{secrets.token_hex(3)}"
    logger.error("%s %s", number, where, exc_info=error)
    return number
