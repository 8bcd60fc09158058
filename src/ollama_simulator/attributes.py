"""What the fields of a class are for: the strings that stand under them in its source.

Python keeps no docstrings of fields, so the source is read. Schemas and references show them.

It must not import anything of this package.
"""

import ast
import functools
import inspect
import textwrap


def described(kind: type) -> dict[str, str]:
    """The descriptions of a class's fields and of those that it inherits, each in one line."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        found |= _own(each)
    return found


@functools.cache
def _own(kind: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(kind))
    except (OSError, TypeError):  # made at run time, or written in C
        return {}
    body = ast.parse(source).body[0]
    found = {}
    if isinstance(body, ast.ClassDef):
        for field, words in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(words, ast.Expr)
                and isinstance(words.value, ast.Constant)
                and isinstance(words.value.value, str)
            ):
                found[field.target.id] = " ".join(words.value.value.split())
    return found
