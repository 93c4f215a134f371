"""Exact arithmetic: reads an expression as people write it and computes it with fractions. Nothing is ever evaluated.

    expression  sum
    sum         product (("+" | "-") product)*
    product     signed (("*" | "/" | "//" | "mod") signed)*
    signed      ("+" | "-") signed | power
    power       counted ("^" signed)?
    counted     atom ("!" | "%")*
    atom        number | "(" sum ")" | function "(" sum ("," sum)* ")" | "pi"

15% is 0.15, and 80 + 15% is 80.15: a share is of what is said, as in 15% * 80. Only a root that is none of a whole
number or fraction, and pi, are rounded, to thirty digits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from math import factorial, isqrt
from typing import Final

_LONGEST: Final = 400
"""Characters of an expression."""
_DEEPEST: Final = 60
"""Brackets and signs within one another."""
_BITS: Final = 8_000
"""Of a number on the way: about 2,400 digits."""
_LARGEST_FACTORIAL: Final = 700
_SHOWN_DIGITS: Final = 400
_ROUNDED: Final = Context(prec=30)
_PI: Final = Fraction("3.14159265358979323846264338328")
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?(?:[eE][+-]?\d{1,3}(?![\d.]))?|\.\d+)"
    r"|(?P<name>[A-Za-z]+)|(?P<sign>//|\*\*|[-+*/^()!%,]))"
)
_SPELLED: Final = str.maketrans(
    {"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "√": " sqrt ", "π": " pi ", "、": ","}
)


class NotArithmetic(ValueError):
    """What is wrong with it, for whoever wrote it."""


def calculate(expression: str) -> str:
    """The value, exact wherever it has an end; NotArithmetic for what cannot be computed or would be too large."""
    if len(expression) > _LONGEST:
        raise NotArithmetic(f"longer than {_LONGEST} characters")
    text = unicodedata.normalize("NFKC", expression).translate(_SPELLED).strip().rstrip("=? ")
    return shown(_Reader(_tokens(text)).whole())


def shown(value: Fraction) -> str:
    """Whole, as a decimal that ends, or as a fraction and what it is nearly."""
    if value.denominator == 1:
        return _digits(value.numerator)
    rest = value.denominator
    for factor in (2, 5):
        while rest % factor == 0:
            rest //= factor
    if rest == 1:
        scaled, places = value, 0
        while scaled.denominator != 1:
            scaled, places = scaled * 10, places + 1
        whole = str(abs(scaled.numerator)).rjust(places + 1, "0")
        if len(whole) <= _SHOWN_DIGITS:
            return f"{'-' if value < 0 else ''}{whole[:-places]}.{whole[-places:]}"
    near = _ROUNDED.divide(Decimal(value.numerator), Decimal(value.denominator))
    about = f"{Context(prec=15).plus(near).normalize()}"
    exact = f"{value.numerator}/{value.denominator}"
    return f"{exact} ≈ {about}" if len(exact) <= 40 else f"≈ {about}"


def _digits(number: int) -> str:
    text = str(number)
    return text if len(text) <= _SHOWN_DIGITS else f"≈ {Context(prec=15).create_decimal(number):E}"


def _tokens(text: str) -> list[str]:
    found, place = list[str](), 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise NotArithmetic(f"cannot be read from here: {text[place : place + 20].strip()}")
        word = match["number"] or match["sign"] or match["name"].lower()
        found.append("^" if word == "**" else word.replace(",", "") if match["number"] else word)
        place = match.end()
    if not found:
        raise NotArithmetic("empty")
    return found


class _Reader:
    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    def whole(self) -> Fraction:
        value = self._sum()
        if self._next:
            raise NotArithmetic(f"not expected: {self._next}")
        return value

    @property
    def _next(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self, *wanted: str) -> str:
        """The next token where it is one of these; empty where not."""
        found = self._next
        if found and found in wanted:
            self._place += 1
            return found
        return ""

    def _sum(self) -> Fraction:
        self._deeper()
        value = self._product()
        while sign := self._take("+", "-"):
            other = self._product()
            value = _bounded(value + other if sign == "+" else value - other)
        self._depth -= 1
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while sign := self._take("*", "/", "//", "mod"):
            other = self._signed()
            if sign != "*" and not other:
                raise NotArithmetic("division by zero")
            match sign:
                case "*":
                    value = value * other
                case "/":
                    value = value / other
                case "//":
                    value = Fraction(value // other)
                case _:
                    value = value % other
            value = _bounded(value)
        return value

    def _signed(self) -> Fraction:
        if sign := self._take("+", "-"):
            self._deeper()
            value = self._signed()
            self._depth -= 1
            return -value if sign == "-" else value
        base = self._counted()
        return _power(base, self._signed()) if self._take("^") else base

    def _counted(self) -> Fraction:
        value = self._atom()
        while sign := self._take("!", "%"):
            if sign == "%":
                value /= 100
            elif value.denominator != 1 or not 0 <= value <= _LARGEST_FACTORIAL:
                raise NotArithmetic(f"a factorial is of a whole number up to {_LARGEST_FACTORIAL}")
            else:
                value = Fraction(factorial(int(value)))
        return value

    def _atom(self) -> Fraction:
        word = self._next
        self._place += 1
        if word == "(":
            value = self._sum()
            self._close()
            return value
        if word == "pi":
            return _PI
        if word in _FUNCTIONS:
            return self._applied(word)
        if word[:1].isdigit() or word[:1] == ".":
            return _bounded(Fraction(word))
        raise NotArithmetic(f"not expected: {word}" if word else "something is missing at the end")

    def _applied(self, name: str) -> Fraction:
        if not self._take("("):
            return _FUNCTIONS[name]([self._counted()])
        values = [self._sum()]
        while self._take(","):
            values.append(self._sum())
        self._close()
        return _FUNCTIONS[name](values)

    def _close(self) -> None:
        if not self._take(")"):
            raise NotArithmetic("a bracket is not closed")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotArithmetic("too many brackets within one another")


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _BITS:
        raise NotArithmetic("the number gets too large")
    return value


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent == Fraction(1, 2):
        return _root([base])
    if exponent.denominator != 1:
        raise NotArithmetic("a power is of a whole number, or 1/2 for the root")
    if not base and exponent < 0:
        raise NotArithmetic("division by zero")
    # Asked before it is computed: computing it is what would take the time.
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if size > 1 and size * abs(exponent) > _BITS:
        raise NotArithmetic("the number gets too large")
    if size <= 1:
        exponent = Fraction(exponent % 2 + 2) if exponent else exponent
    return Fraction(base ** int(exponent))


def _root(values: Sequence[Fraction]) -> Fraction:
    value = _only(values)
    if value < 0:
        raise NotArithmetic("a root of a negative number")
    above, below = isqrt(value.numerator), isqrt(value.denominator)
    if above**2 == value.numerator and below**2 == value.denominator:
        return Fraction(above, below)
    return Fraction(_ROUNDED.sqrt(_ROUNDED.divide(Decimal(value.numerator), Decimal(value.denominator))))


def _rounded(values: Sequence[Fraction]) -> Fraction:
    if len(values) == 1:
        return Fraction(round(values[0]))
    value, places = values[0], values[1]
    if len(values) != 2 or places.denominator != 1 or abs(places) > 100:
        raise NotArithmetic("round takes a number, and how many places")
    return Fraction(round(value, int(places)))


def _only(values: Sequence[Fraction]) -> Fraction:
    if len(values) != 1:
        raise NotArithmetic("one number is wanted in the brackets")
    return values[0]


_FUNCTIONS: Final[dict[str, Callable[[Sequence[Fraction]], Fraction]]] = {
    "sqrt": _root,
    "abs": lambda values: abs(_only(values)),
    "round": _rounded,
    "min": min,
    "max": max,
}
