"""What is said to whoever asks a fleet that isn't there any more.

It must not import anything of this package.
"""

OVER = "this fleet has ended: its `with` block is over"


class Ended(RuntimeError):
    """The fleet is not there any more, or never was in this process."""
