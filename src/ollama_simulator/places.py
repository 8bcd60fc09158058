"""Where everything stands in a TOML file: the line and the column of each place in its document.

`tomllib` doesn't tell, nor does any well-kept reader written for Python. So the words of the file
are gone through once more, only to see where keys and elements begin.

Rules of this file:

1. It is asked about a file that `tomllib` has read, so it needs no notion of what is wrong.
2. A place that isn't written there stands where the nearest one round it does.

It must not import anything of this package.
"""

import re
import tomllib
from bisect import bisect_right

import msgspec

Place = tuple[str | int, ...]
"""Keys and indices, from the document inwards: `("servers", 1, "port")`."""

_TOKEN = re.compile(
    r"""
    (?P<string> \"{3}(?:[^\\]|\\.)*?\"{3,5} | '{3}.*?'{3,5} | "(?:[^"\\\n]|\\.)*" | '[^'\n]*' )
    | (?P<comment> \#[^\n]* )
    | (?P<mark> [][{}=,.\n] )
    | (?P<word> [^][{}=,."'\#\s]+ )
    """,
    re.VERBOSE | re.DOTALL,
)


class Position(msgspec.Struct, frozen=True):
    """Line and column, from 1."""

    line: int
    column: int


class Places:
    """The places of a document."""

    def __init__(self, text: str) -> None:
        """Takes TOML that can be read."""
        text = text.replace("\r\n", "\n")
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self._offsets = _Walk(text).offsets

    def of(self, place: Place) -> Position:
        """Where a place stands, or the nearest one round it that is written somewhere."""
        while place and place not in self._offsets:
            place = place[:-1]
        offset = self._offsets.get(place, 0)
        line = bisect_right(self._lines, offset)
        return Position(line, offset - self._lines[line - 1] + 1)


def written(place: Place) -> str:
    """A place as people write it: `servers[1].port`."""
    words = ""
    for part in place:
        if isinstance(part, int):
            words += f"[{part}]"
        else:
            words += f".{part}" if words else part
    return words


class _Walk:
    """Goes through the words of a file from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self.offsets: dict[Place, int] = {}
        """Where each place is mentioned first."""
        found = (each for each in _TOKEN.finditer(text) if each.lastgroup != "comment")
        self._tokens = [(each[0], each.start()) for each in found] + [("\n", len(text))]
        self._at = 0
        self._elements: dict[Place, int] = {}
        """How many elements the arrays of tables have so far."""
        table: Place = ()
        while self._at < len(self._tokens):
            match self._word:
                case "\n":
                    self._at += 1
                case "[":
                    table = self._header()
                case _:
                    self._pair(table)

    @property
    def _word(self) -> str:
        return self._tokens[self._at][0]

    def _header(self) -> Place:
        """`[a.b]` or `[[a.b]]`. The table that follows."""
        self._at += 1
        of_array = self._word == "["
        self._at += of_array
        keys = self._keys()
        self._at += 1 + of_array
        table: Place = ()
        for number, (key, offset) in enumerate(keys, 1):
            table += (key,)
            self._note(table, offset)
            if of_array and number == len(keys):
                self._elements[table] = self._elements.get(table, 0) + 1
            if table in self._elements:
                table += (self._elements[table] - 1,)
                self._note(table, offset)
        return table

    def _pair(self, table: Place) -> None:
        """`a.b = value`."""
        for key, offset in self._keys():
            table += (key,)
            self._note(table, offset)
        self._at += 1  # the equals sign
        self._value(table)

    def _value(self, place: Place) -> None:
        match self._word:
            case "[":
                self._array(place)
            case "{":
                self._inline_table(place)
            case _:
                # Numbers and dates may have points and blanks in them.
                while self._word not in ("\n", ",", "]", "}"):
                    self._at += 1

    def _inline_table(self, place: Place) -> None:
        self._at += 1
        while self._word != "}":
            if self._word in "\n,":
                self._at += 1
            else:
                self._pair(place)
        self._at += 1

    def _array(self, place: Place) -> None:
        self._at += 1
        index = 0
        while self._word != "]":
            if self._word in "\n,":
                self._at += 1
                continue
            self._note((*place, index), self._tokens[self._at][1])
            self._value((*place, index))
            index += 1
        self._at += 1

    def _keys(self) -> list[tuple[str, int]]:
        """The keys of a dotted one, and where each begins."""
        keys = []
        while True:
            word, offset = self._tokens[self._at]
            keys.append((_key(word), offset))
            self._at += 1
            if self._word != ".":
                return keys
            self._at += 1

    def _note(self, place: Place, offset: int) -> None:
        self.offsets.setdefault(place, offset)


def _key(word: str) -> str:
    """What a key is called, without quotes and escapes."""
    return next(iter(tomllib.loads(f"{word} = 0"))) if word[0] in "\"'" else word
