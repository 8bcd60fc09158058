"""The day that every template hears of.

It must not import anything of this package.
"""

from datetime import date

TODAY = date(2026, 1, 31)
"""Always the same, so that a prompt, and the text that follows from it, can be repeated."""
