"""What is wrong with a template.

It must not import anything of this package.
"""


class TemplateError(Exception):
    """A template that can't be read, or can't be run: Go's words for it."""
