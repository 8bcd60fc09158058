"""From the words of a template to what it consists of.

Source: the documentation of Go's text/template, and what the package says of mistakes.

Rules of this file:

1. A mistake is reported with the line of the last word that was looked at, as Go does.
2. A template within a template (`define`, `block`) is read by a parser of its own, which shares
   the words but none of the variables.

Longer than 300 lines because a grammar is read as a whole.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Collection

from ollama_simulator.engine.render.gotemplate import unquote
from ollama_simulator.engine.render.gotemplate.errors import TemplateError
from ollama_simulator.engine.render.gotemplate.lex import Kind, Word, words
from ollama_simulator.engine.render.gotemplate.nodes import (
    Action,
    Bool,
    Branch,
    BranchWord,
    Call,
    Chain,
    Command,
    Dot,
    End,
    Field,
    Identifier,
    Leave,
    Nil,
    Node,
    Number,
    Pipe,
    String,
    Text,
    Variable,
    shown,
)
from ollama_simulator.golang.gojson import quote

Trees = dict[str, tuple[Node, ...]]

_OPERANDS = frozenset(
    {
        Kind.BOOL,
        Kind.CHARACTER,
        Kind.DOT,
        Kind.FIELD,
        Kind.IDENTIFIER,
        Kind.NUMBER,
        Kind.RAW_STRING,
        Kind.STRING,
        Kind.VARIABLE,
        Kind.OPEN,
    }
)
_STRINGS = (Kind.STRING, Kind.RAW_STRING)
_LITERALS = (Bool, Dot, Nil, Number, String)


def parse(text: str, functions: Collection[str]) -> Trees:
    """The templates that a text defines, by name; its own is the empty one.

    Raises `TemplateError`.
    """
    trees: Trees = {}
    try:
        _Parser(_Words(text), functions, trees).whole()
    except RecursionError:
        raise TemplateError("template: :1: max expression depth exceeded") from None
    return trees


class _Words:
    """The words of a text, and how far one has read."""

    def __init__(self, text: str) -> None:
        self._words = words(text)
        self._next = 0
        self._seen = -1

    def next(self) -> Word:
        """The next word, which is read by this. The last one stays the next for ever."""
        word = self.peek()
        self._next = min(self._next + 1, len(self._words) - 1)
        return word

    def peek(self) -> Word:
        """The next word, which stays the next."""
        self._seen = max(self._seen, self._next)
        return self._words[self._next]

    def mark(self) -> int:
        """Where one is, to come back."""
        return self._next

    def back(self, mark: int) -> None:
        """Go back to a mark."""
        self._next = mark

    @property
    def line(self) -> int:
        """The line of the last word that was looked at."""
        return self._words[max(self._seen, 0)].line


class _Parser:
    """Reads one template. Each method reads one thing and stands behind it, or raises."""

    def __init__(self, source: _Words, functions: Collection[str], trees: Trees) -> None:
        self._words = source
        self._functions = functions
        self._trees = trees
        self._variables = ["$"]
        self._loops = 0
        self._action_line = 0

    # --- templates ------------------------------------------------------------------------

    def whole(self) -> None:
        """The text itself, with the definitions in it."""
        nodes: list[Node] = []
        while self._words.peek().kind is not Kind.EOF:
            mark = self._words.mark()
            if self._words.next().kind is Kind.LEFT and self._is_keyword(self._solid(), "define"):
                self._inner().definition()
                continue
            self._words.back(mark)
            node = self._piece()
            if isinstance(node, End):
                raise self._wrong(f"unexpected {shown(node)}")
            nodes.append(node)
        self._keep("", nodes)

    def definition(self) -> None:
        """What follows the word `define`."""
        name = self._string(self._expect("define clause", *_STRINGS))
        self._expect("define clause", Kind.RIGHT)
        self._keep(name, self._body("define clause"))

    def block(self, name: str) -> None:
        """The body of a block."""
        self._keep(name, self._body("block clause"))

    def _inner(self) -> "_Parser":
        return _Parser(self._words, self._functions, self._trees)

    def _body(self, context: str) -> list[Node]:
        nodes, end = self._list()
        if end.word != "end":
            raise self._wrong(f"unexpected {shown(end)} in {context}")
        return nodes

    def _keep(self, name: str, nodes: list[Node]) -> None:
        if name not in self._trees or _empty(self._trees[name]):
            self._trees[name] = tuple(nodes)
        elif not _empty(nodes):
            raise self._wrong(f"template: multiple definition of template {quote(name)}")

    # --- pieces ---------------------------------------------------------------------------

    def _list(self) -> tuple[list[Node], End]:
        """Pieces up to an `end` or `else`."""
        nodes: list[Node] = []
        while self._solid_ahead().kind is not Kind.EOF:
            node = self._piece()
            if isinstance(node, End):
                return nodes, node
            nodes.append(node)
        raise self._wrong("unexpected EOF")

    def _piece(self) -> Node:
        word = self._solid()
        match word.kind:
            case Kind.TEXT:
                return Text(word.at, word.text)
            case Kind.LEFT:
                self._action_line = word.line
                try:
                    return self._action()
                finally:
                    self._action_line = 0
        raise self._unexpected(word, "input")

    def _action(self) -> Node:
        mark = self._words.mark()
        word = self._solid()
        if word.kind is Kind.KEYWORD:
            match word.text:
                case "block" | "template":
                    return self._call(word.text)
                case "break" | "continue":
                    return self._leave(word)
                case "else":
                    return self._else()
                case "end":
                    return End(self._expect("end", Kind.RIGHT).at, "end")
                case "if" | "range" | "with" as branch:
                    return self._branch(branch)
        self._words.back(mark)
        return Action(self._words.peek().at, self._pipeline("command"))

    def _leave(self, word: Word) -> Node:
        if (end := self._solid()).kind is not Kind.RIGHT:
            raise self._unexpected(end, f"{{{{{word.text}}}}}")
        if not self._loops:
            raise self._wrong(f"{{{{{word.text}}}}} outside {{{{range}}}}")
        return Leave(word.at, word.text)

    def _else(self) -> Node:
        # `else if` and `else with` leave their second word, to be read as an action of its own.
        ahead = self._solid_ahead()
        if self._is_keyword(ahead, "if") or self._is_keyword(ahead, "with"):
            return End(ahead.at, "else")
        return End(self._expect("else", Kind.RIGHT).at, "else")

    def _branch(self, word: BranchWord) -> Node:
        scope = len(self._variables)
        pipe = self._pipeline(word)
        self._loops += word == "range"
        body, end = self._list()
        self._loops -= word == "range"
        otherwise: list[Node] | None = None
        if end.word == "else":
            if word != "range" and self._is_keyword(self._words.peek(), word):
                self._words.next()
                otherwise = [self._branch(word)]
            else:
                otherwise, end = self._list()
                if end.word != "end":
                    raise self._wrong(f"expected end; found {shown(end)}")
        del self._variables[scope:]
        rest = None if otherwise is None else tuple(otherwise)
        return Branch(pipe.at, word, pipe, tuple(body), rest)

    def _call(self, word: str) -> Node:
        context = f"{word} clause"
        named = self._solid()
        if named.kind not in _STRINGS:
            raise self._unexpected(named, context)
        name = self._string(named)
        pipe: Pipe | None = None
        mark = self._words.mark()
        if word == "block" or self._solid().kind is not Kind.RIGHT:
            self._words.back(mark)
            pipe = self._pipeline(context)
        if word == "block":
            self._inner().block(name)
        return Call(named.at, name, pipe)

    # --- pipelines ------------------------------------------------------------------------

    def _pipeline(self, context: str, end: Kind = Kind.RIGHT) -> Pipe:
        at = self._solid_ahead().at
        variables, assigns = self._declarations(context)
        commands: list[Command] = []
        while True:
            mark = self._words.mark()
            word = self._solid()
            if word.kind is end:
                break
            if word.kind not in _OPERANDS and not self._is_keyword(word, "nil"):
                raise self._unexpected(word, context)
            self._words.back(mark)
            commands.append(self._command())
        if not commands:
            raise self._wrong(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.words[0], _LITERALS):
                raise self._wrong(f"non executable command in pipeline stage {stage}")
        return Pipe(at, tuple(commands), tuple(variables), assigns)

    def _declarations(self, context: str) -> tuple[list[Variable], bool]:
        """The variables in front of `:=` or `=`, and whether they exist already."""
        found: list[Variable] = []
        while self._solid_ahead().kind is Kind.VARIABLE:
            mark = self._words.mark()
            variable = self._solid()
            # The word right after it is looked at first: that decides the line of a mistake.
            self._words.peek()
            following = self._solid()
            is_comma = following.kind is Kind.CHAR and following.text == ","
            if following.kind not in (Kind.ASSIGN, Kind.DECLARE) and not is_comma:
                self._words.back(mark)
                break
            found.append(Variable(variable.at, tuple(variable.text.split("."))))
            self._variables.append(variable.text)
            if not is_comma:
                return found, following.kind is Kind.ASSIGN
            if context != "range" or len(found) > 1:
                raise self._wrong(f"too many declarations in {context}")
            if self._solid_ahead().kind not in (Kind.VARIABLE, Kind.RIGHT, Kind.CLOSE):
                raise self._wrong("range can only initialize variables")
        return found, False

    def _command(self) -> Command:
        at = self._solid_ahead().at
        operands: list[Node] = []
        while True:
            self._solid_ahead()
            operand = self._operand()
            if operand is not None:
                operands.append(operand)
            mark = self._words.mark()
            word = self._words.next()
            if word.kind is Kind.SPACE:
                continue
            if word.kind in (Kind.RIGHT, Kind.CLOSE):
                self._words.back(mark)
            elif word.kind is not Kind.PIPE:
                raise self._unexpected(word, "operand")
            break
        if not operands:
            raise self._wrong("empty command")
        return Command(at, tuple(operands))

    def _operand(self) -> Node | None:
        node = self._term()
        if node is None or self._words.peek().kind is not Kind.FIELD:
            return node
        at = self._words.peek().at
        names: list[str] = []
        while self._words.peek().kind is Kind.FIELD:
            names.append(self._words.next().text[1:])
        match node:
            case Field(names=first):
                return Field(at, (*first, *names))
            case Variable(names=first):
                return Variable(at, (*first, *names))
            case Bool() | String() | Number() | Nil() | Dot():
                raise self._wrong(f"unexpected . after term {quote(shown(node))}")
        return Chain(at, node, tuple(names))

    def _term(self) -> Node | None:
        mark = self._words.mark()
        word = self._solid()
        match word.kind:
            case Kind.IDENTIFIER:
                if word.text not in self._functions:
                    raise self._wrong(f"function {quote(word.text)} not defined")
                return Identifier(word.at, word.text)
            case Kind.DOT:
                return Dot(word.at)
            case Kind.KEYWORD if word.text == "nil":
                return Nil(word.at)
            case Kind.VARIABLE:
                if word.text not in self._variables:
                    raise self._wrong(f"undefined variable {quote(word.text)}")
                return Variable(word.at, (word.text,))
            case Kind.FIELD:
                return Field(word.at, (word.text[1:],))
            case Kind.BOOL:
                return Bool(word.at, word.text == "true")
            case Kind.CHARACTER | Kind.NUMBER:
                return self._number(word)
            case Kind.OPEN:
                return self._pipeline("parenthesized pipeline", Kind.CLOSE)
            case Kind.STRING | Kind.RAW_STRING:
                return String(word.at, word.text, self._string(word))
        self._words.back(mark)
        return None

    def _number(self, word: Word) -> Number:
        read = unquote.character if word.kind is Kind.CHARACTER else unquote.number
        try:
            return Number(word.at, word.text, read(word.text))
        except ValueError as error:
            raise self._wrong(str(error)) from None

    def _string(self, word: Word) -> str:
        try:
            return unquote.string(word.text)
        except ValueError as error:
            raise self._wrong(str(error)) from None

    # --- words ----------------------------------------------------------------------------

    def _solid(self) -> Word:
        """The next word that is no blank."""
        while (word := self._words.next()).kind is Kind.SPACE:
            pass
        return word

    def _solid_ahead(self) -> Word:
        """The same, but it stays the next; the blanks before it are gone."""
        while self._words.peek().kind is Kind.SPACE:
            self._words.next()
        return self._words.peek()

    def _expect(self, context: str, *kinds: Kind) -> Word:
        word = self._solid()
        if word.kind not in kinds:
            raise self._unexpected(word, context)
        return word

    @staticmethod
    def _is_keyword(word: Word, text: str) -> bool:
        return word.kind is Kind.KEYWORD and word.text == text

    def _unexpected(self, word: Word, context: str) -> TemplateError:
        """The complaint about a word that may not stand there."""
        if word.kind is not Kind.ERROR:
            return self._wrong(f"unexpected {word} in {context}")
        began = ""
        if self._action_line not in (0, word.line):
            action = "" if word.text.endswith(" action") else " in action"
            began = f"{action} started at :{self._action_line}"
        return self._wrong(f"{word}{began}")

    def _wrong(self, message: str) -> TemplateError:
        """A complaint about the place that was looked at last."""
        return TemplateError(f"template: :{self._words.line}: {message}")


def _empty(nodes: "tuple[Node, ...] | list[Node]") -> bool:
    """Whether there is nothing but blanks."""
    return all(isinstance(node, Text) and not node.text.strip() for node in nodes)
