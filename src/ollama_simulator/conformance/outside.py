"""Files from outside the package that bring scenarios, flaws, balancers or reporters.

A file is a Python module that imports what it needs from this package and registers by defining.
Its scenarios get the file's name as their group.

It must not import the command line.
"""

import importlib.util
import sys
from pathlib import Path


class BadFile(Exception):
    """A file can't be loaded. The text says which, and why."""


def load(path: Path) -> None:
    """Load a file. Raises `BadFile`."""
    if not path.is_file():
        raise BadFile(f"{path}: there is no such file")
    name = path.stem
    if not name.isidentifier():
        raise BadFile(f"{path}: its name must be a Python name, as scenarios are called after it")
    if name in sys.modules or name in sys.stdlib_module_names:
        raise BadFile(f"{path}: there is a module {name!r} already; give the file another name")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadFile(f"{path}: it must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        line = error.lineno if isinstance(error, SyntaxError) else _line(error, path)
        raise BadFile(f"{path}:{line}: {type(error).__name__}: {error}") from error


def _line(error: BaseException, path: Path) -> int:
    trace = error.__traceback__
    line = 0
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).resolve() == path.resolve():
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
