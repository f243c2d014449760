"""Strings: values of the host level, which the runtime keeps in a table.

In a program a string is its number in the table of the run (`si64`), so that tensors of strings move like any
others. Equal strings have equal numbers; those that the model names come first, in the order of `aicc.strings`.
Only the ops of this file look behind the numbers.
"""

from __future__ import annotations

from aicc.dialects.attributes import Bool, Element, Int, Str
from aicc.dialects.elementwise import Binary
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.symbolic import fresh_dim
from aicc.dialects.types import DType, TensorType

STRING = frozenset({DType.STRING})
I64 = frozenset({DType.I64})
I32 = frozenset({DType.I32})

STRINGS = "aicc.strings"
"""Attribute of the module: the strings that the model names, by number."""

CASES = ("none", "lower", "upper")


class StringOf(Op, name="string_of"):
    """The strings of these numbers."""

    operands = (Operand("number", I64),)

    @staticmethod
    def infer(number: TensorType) -> TensorType:
        return TensorType(number.shape, DType.STRING)


class StringNumber(Op, name="string_number"):
    """The numbers of strings: equal if and only if the strings are."""

    operands = (Operand("x", STRING),)

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        return TensorType(x.shape, DType.I64)


class StringConcat(Op, name="string_concat"):
    """Each string of `a` followed by that of `b`; broadcasting."""

    operands = (Operand("a", STRING), Operand("b", STRING))

    @staticmethod
    def infer(a: TensorType, b: TensorType) -> TensorType:
        return Binary.infer(a, b)


class StringSplit(Op, name="string_split"):
    """The pieces of each string of `x[…]` between delimiters: `pieces[…, most]`, filled up with empty strings, and
    how many there are of each, `counts[…]`.

    `delimiter` is the number of a string, -1 for runs of white space; at most `splits` splits, -1 for any number.
    """

    operands = (Operand("x", STRING),)
    attributes = (Attribute("delimiter", Int), Attribute("splits", Int))
    results = ("pieces", "counts")

    @staticmethod
    def infer(x: TensorType, *, delimiter: int, splits: int) -> tuple[TensorType, TensorType]:
        return TensorType((*x.shape, fresh_dim()), DType.STRING), TensorType(x.shape, DType.I64)


class StringTokens(Op, name="string_tokens"):
    """Tokens of each string of `x[…]`: `[…, most]`, filled up with the string of number `pad`.

    Tokens are what the one automaton matches, each time the first and longest match; or, `splitting`, what is left
    between the matches of each of them in turn. `automata` holds each one's size and table (see
    `aicc.importer.automata`), and 0 at the end. Tokens of fewer than `least` code points are none. With `mark` each
    string's tokens stand between "\\x02" and "\\x03", if there is a token at all.
    """

    operands = (Operand("x", STRING), Operand("automata", I32))
    attributes = (
        Attribute("splitting", Bool),
        Attribute("least", Int),
        Attribute("mark", Bool),
        Attribute("pad", Int),
    )

    @staticmethod
    def infer(
        x: TensorType, automata: TensorType, *, splitting: bool, least: int, mark: bool, pad: int
    ) -> TensorType:
        if automata.rank != 1:
            raise TypeRuleError(f"operand 'automata' must have rank 1, got {automata}")
        if least < 1 or pad < 0:
            raise TypeRuleError(
                f"attributes 'least' and 'pad' are {least} and {pad}, expected at least 1 and 0"
            )
        return TensorType((*x.shape, fresh_dim()), DType.STRING)


class StringNormalize(Op, name="string_normalize"):
    """The strings of `x[n]` that are none of `stopwords`, in another case; one empty string when none is left.

    `cases[m, 4]` maps a code point to its lower or upper case, up to three code points, 0 for none; ascending.
    `change` says where it is applied: to the strings (lower, upper, none), and, unless `sensitive`, to strings and
    stop words when they are compared.
    """

    operands = (Operand("x", STRING), Operand("stopwords", I64), Operand("cases", I32))
    attributes = (Attribute("change", Str), Attribute("sensitive", Bool))

    @staticmethod
    def infer(
        x: TensorType, stopwords: TensorType, cases: TensorType, *, change: str, sensitive: bool
    ) -> TensorType:
        if change not in CASES:
            raise TypeRuleError(f"attribute 'change' is '{change}', expected {', '.join(CASES)}")
        if x.rank != 1 or stopwords.rank != 1 or cases.rank != 2:
            raise TypeRuleError("expects x[n], stopwords[k] and cases[m, 4]")
        return TensorType((fresh_dim(),), DType.STRING)


class StringParse(Op, name="string_parse"):
    """The numbers that strings spell, as f64 or i64; a string that spells none fails the run."""

    operands = (Operand("x", STRING),)
    attributes = (Attribute("to", Element),)

    @staticmethod
    def infer(x: TensorType, *, to: DType) -> TensorType:
        if to not in (DType.F64, DType.I64):
            raise TypeRuleError(f"attribute 'to' is {to.mlir}, expected f64 or i64")
        return x.with_dtype(to)


class StringFormat(Op, name="string_format"):
    """Numbers in decimal digits; of floats as few as tell a number from all others of its dtype."""

    operands = (Operand("x", frozenset({DType.F32, DType.F64, DType.I64})),)

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        return x.with_dtype(DType.STRING)


class StringMatch(Op, name="string_match"):
    """Whether each string, as a whole, is accepted by an automaton over bytes (see `aicc.importer.automata`)."""

    operands = (Operand("x", STRING), Operand("automaton", I32))

    @staticmethod
    def infer(x: TensorType, automaton: TensorType) -> TensorType:
        if automaton.rank != 1:
            raise TypeRuleError(f"operand 'automaton' must have rank 1, got {automaton}")
        return TensorType(x.shape, DType.BOOL)
