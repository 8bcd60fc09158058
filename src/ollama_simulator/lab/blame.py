"""A policy that went wrong, told as a user wants to hear it.

It must not import anything of this package.
"""

import traceback


class BadPolicy(Exception):
    """A policy that failed, or chose no server. The text says which policy, and where."""


def failed(policy: str, error: Exception) -> BadPolicy:
    """What is said of a policy that raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = f"{type(error).__name__}: {error}"
    return BadPolicy(f"{policy}: {said} ({last.filename}, line {last.lineno})")


def among(error: BaseException) -> BadPolicy | None:
    """The failure of a policy in what ended a trial; None if there is none."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(among, error.exceptions)), None)
    return error if isinstance(error, BadPolicy) else None
