"""Conditions of tasks (`triggerPolicy.condition`): the part of CEL that compilers of pipelines write.

Literals, `inputs.parameter_values['p']`, `inputs.artifacts['a'].artifacts[0].metadata['k']` (`.uri`, `.name`),
comparisons, `in`, `!`, `&&`, `||`, and the functions of `FUNCTIONS`. Anything else is rejected when it is parsed; what
cannot be evaluated is an error as it is in the driver, never a False.
"""

import ast
import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from ....errors import RunError, UsageError

Evaluate = Callable[[Mapping[str, Any]], Any]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+|\d+)(?![\w.])
    |(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<name>[A-Za-z_]\w*)
    |(?P<mark>==|!=|<=|>=|&&|\|\||[<>!()\[\],.-]))""",
    re.VERBOSE,
)
_CONSTANTS = {"true": True, "false": False, "null": None}
_INPUTS = ("parameter_values", "artifacts")
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COMPARISONS = ("==", "!=", "in", *_ORDER)


class ConditionError(RunError):
    """A condition cannot be evaluated on what its task was given."""


class Condition:
    """A condition, parsed.

    Args:
        text: string. The CEL expression.

    Raises:
        UsageError: if it is none that can be evaluated here.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._evaluate = _Parser(text).parse()

    def holds(self, inputs: Mapping[str, Any]) -> bool:
        """Returns whether the task runs.

        Args:
            inputs: mapping with `parameter_values` and `artifacts`, as in the `ExecutorInput`.

        Raises:
            ConditionError: if the driver would fail on it.
        """
        try:
            value = self._evaluate({"inputs": inputs})
        except (KeyError, IndexError) as error:
            raise self._error(f"no such key: {error}") from None
        except (TypeError, ValueError) as error:
            raise self._error(str(error)) from None
        if not isinstance(value, bool):
            raise self._error(f"{value!r}")
        return value

    def _error(self, received: str) -> ConditionError:
        return ConditionError(
            f"Expected the condition `{self._text}` to come to true or false. Received: {received}. Correct the "
            "condition, or what the task that it looks at gives."
        )


class _Parser:
    """Recursive descent, each rule returning a function of the variables."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._tokenize()
        self._next = 0

    def parse(self) -> Evaluate:
        result = self._either()
        if self._peek():
            raise self._rejection(self._peek())
        return result

    def _tokenize(self) -> list[tuple[str, str]]:
        tokens, position = [], 0
        text = self._text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._rejection(text[position:].lstrip())
            tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            position = match.end()
        return tokens

    def _peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _take(self, *texts: str) -> str | None:
        """Takes the next token if it is one of `texts`; a string literal is none of them."""
        if self._next < len(self._tokens):
            kind, text = self._tokens[self._next]
            if kind in ("mark", "name") and text in texts:
                self._next += 1
                return text
        return None

    def _require(self, text: str) -> None:
        if not self._take(text):
            raise self._rejection(self._peek())

    def _rejection(self, received: str) -> UsageError:
        return UsageError(
            f"Expected the condition `{self._text}` to be one that can be evaluated here. "
            f"Received: {received or 'its end'!r} where it is not known. Compare parameters or metadata with "
            f"==, !=, <, <=, >, >=, in, joined by &&, || and !; functions: {', '.join(FUNCTIONS)}."
        )

    def _either(self) -> Evaluate:
        left = self._both()
        while self._take("||"):
            left = _logical(left, self._both(), True)
        return left

    def _both(self) -> Evaluate:
        left = self._comparison()
        while self._take("&&"):
            left = _logical(left, self._comparison(), False)
        return left

    def _comparison(self) -> Evaluate:
        left = self._unary()
        while mark := self._take(*_COMPARISONS):
            left = _compare(mark, left, self._unary())
        return left

    def _unary(self) -> Evaluate:
        if self._take("!"):
            value = self._unary()
            return lambda variables: not _boolean(value(variables))
        if self._take("-"):
            value = self._unary()
            return lambda variables: -_number(value(variables))
        return self._member()

    def _member(self) -> Evaluate:
        value = self._primary()
        while mark := self._take(".", "["):
            if mark == "[":
                key = self._either()
                self._require("]")
            else:
                key = _constant(self._name())
            value = _select(value, key)
        return value

    def _name(self) -> str:
        if self._next < len(self._tokens) and self._tokens[self._next][0] == "name":
            self._next += 1
            return self._tokens[self._next - 1][1]
        raise self._rejection(self._peek())

    def _primary(self) -> Evaluate:
        if self._next == len(self._tokens):
            raise self._rejection("")
        kind, text = self._tokens[self._next]
        self._next += 1
        if kind == "number":
            return _constant(float(text) if set(text) & set(".eE") else int(text))
        if kind == "string":
            return _constant(ast.literal_eval(text))
        if text == "(":
            value = self._either()
            self._require(")")
            return value
        if text == "[":
            return self._list()
        if text in _CONSTANTS:
            return _constant(_CONSTANTS[text])
        if text in FUNCTIONS:
            self._require("(")
            argument = self._either()
            self._require(")")
            function = FUNCTIONS[text]
            return lambda variables: function(argument(variables))
        if text == "inputs":
            self._require(".")
            name = self._name()
            if name in _INPUTS:
                return lambda variables: variables["inputs"][name]
            text = name
        raise self._rejection(text)

    def _list(self) -> Evaluate:
        items: list[Evaluate] = []
        while not self._take("]"):
            if items:
                self._require(",")
            items.append(self._either())
        return lambda variables: [item(variables) for item in items]


def _constant(value: Any) -> Evaluate:
    return lambda variables: value


def _select(value: Evaluate, key: Evaluate) -> Evaluate:
    def select(variables: Mapping[str, Any]) -> Any:
        container, name = value(variables), key(variables)
        if not isinstance(container, Mapping | list):
            raise TypeError(f"{container!r}, of which {name!r} is asked")
        return container[name]

    return select


def _logical(left: Evaluate, right: Evaluate, decisive: bool) -> Evaluate:
    """As in CEL, either side decides, even where the other fails."""

    def evaluate(variables: Mapping[str, Any]) -> bool:
        try:
            if _boolean(left(variables)) is decisive:
                return decisive
        except (KeyError, IndexError, TypeError, ValueError):
            if _boolean(right(variables)) is decisive:
                return decisive
            raise
        return _boolean(right(variables))

    return evaluate


def _compare(mark: str, left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(variables: Mapping[str, Any]) -> bool:
        first, second = left(variables), right(variables)
        if mark == "in":
            if not isinstance(second, Mapping | list):
                raise TypeError(f"{second!r} after `in`")
            return any(_equal(first, item) for item in second)
        if mark in ("==", "!="):
            return _equal(first, second) is (mark == "==")
        if _kind(first) != _kind(second) or _kind(first) is None:
            raise TypeError(f"{first!r} {mark} {second!r}")
        return _ORDER[mark](first, second)

    return evaluate


def _equal(first: Any, second: Any) -> bool:
    # True == 1 in Python, not in CEL.
    return isinstance(first, bool) == isinstance(second, bool) and bool(first == second)


def _kind(value: Any) -> type | None:
    if isinstance(value, bool | str):
        return type(value)
    return float if isinstance(value, int | float) else None


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} where true or false is due")
    return value


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} where a number is due")
    return value


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if float(_number(value)).is_integer() else str(value)


def _integer(value: Any) -> int:
    return int(value) if isinstance(value, str) else int(_number(value))


def _double(value: Any) -> float:
    return float(value) if isinstance(value, str) else float(_number(value))


def _size(value: Any) -> int:
    return len(value)


def _parse_json(value: Any) -> Any:
    return json.loads(value)


FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "int": _integer,
    "double": _double,
    "string": _string,
    "size": _size,
    "parseJson": _parse_json,
}
