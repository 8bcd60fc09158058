"""What somebody else wrote, so that a terminal, a page and an XML file can show it.

It must not import anything of this package.
"""

MOST = 4_000
"""Characters that are shown of one text."""


def plain(text: str) -> str:
    """The text in one line: what can't be printed is escaped, and of a very long one the middle is
    left out."""
    if len(text) > MOST:
        left_out = f" ... {len(text) - MOST} characters are left out ... "
        text = text[: MOST // 2] + left_out + text[-MOST // 2 :]
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )
