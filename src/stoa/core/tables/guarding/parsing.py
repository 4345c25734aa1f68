"""Text to tree: one bounded statement, parsed for its database, made of listed parts only.

The tokens are counted before the parser sees them, so that no depth of nesting can exhaust it.
Knows no catalogue and no policy.
"""

import logging
from typing import Final

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as Grammar
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from stoa.base.errors import Refused
from stoa.core.tables.catalogue import Dialect
from stoa.core.tables.guarding.allowed import (
    ARGUMENTS,
    CLAUSES,
    FUNCTIONS,
    LACKING,
    MOST_REPEATED,
    NODES,
    ROOTS,
    TYPES,
)

MOST_CHARACTERS: Final = 20_000
MOST_TOKENS: Final = 4_000
MOST_DEPTH: Final = 40
MOST_CHAIN: Final = 400
"""Most tokens that may stand in one row without a comma or parenthesis: operators nest to the left."""
_GRAMMARS: Final[dict[Dialect, Grammar]] = {
    "sqlite": Grammar.get_or_raise("sqlite"),
    "postgresql": Grammar.get_or_raise("postgres"),
    "duckdb": Grammar.get_or_raise("duckdb"),
    "mysql": Grammar.get_or_raise("mysql"),
}
_OPENING: Final = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE}
_CLOSING: Final = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END}
_BREAKS: Final = {
    TokenType.COMMA,
    TokenType.SELECT,
    TokenType.FROM,
    TokenType.WHERE,
    *_OPENING,
    *_CLOSING,
}
_LIMIT_ENDS: Final = {
    TokenType.OFFSET,
    TokenType.COMMA,
    TokenType.R_PAREN,
    TokenType.SEMICOLON,
    TokenType.UNION,
    TokenType.EXCEPT,
    TokenType.INTERSECT,
    TokenType.FOR,
    TokenType.FETCH,
}
logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of what we refuse anyway


def refused(part: str, hint: str) -> Refused:
    """A refusal that names the part."""
    return Refused(f"The query was refused: {part}.", hint=hint)


_ONE_SELECT = "Write one SELECT statement that only reads."


def parse(sql: str, dialect: Dialect) -> exp.Query:
    """The tree of one query whose every node, clause, function and type is on the lists.

    Raises:
        Refused: it can't be parsed, is too large, is not one query, or holds something unlisted.
    """
    grammar = _GRAMMARS[dialect]
    if "\x00" in sql:
        raise refused("it holds a NUL character", _ONE_SELECT)
    if len(sql) > MOST_CHARACTERS:
        raise refused(f"it is longer than {MOST_CHARACTERS:,} characters", "Ask for less at once.")
    try:
        tokens = grammar.tokenize(sql)
        _check_size(tokens)
        tokens = _closed_limits(tokens)
        statements = [tree for tree in grammar.parser().parse(tokens, sql) if tree is not None]
    except SqlglotError as error:
        raise refused(
            f"it can't be read as {dialect} SQL ({_first_line(error)})", _ONE_SELECT
        ) from error
    except (RecursionError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise refused(f"it can't be read as {dialect} SQL", _ONE_SELECT) from error
    if len(statements) != 1:
        raise refused(f"it holds {len(statements)} statements", _ONE_SELECT)
    tree = statements[0]
    if not isinstance(tree, ROOTS):
        raise refused(f"{_called(tree)} is not a query", _ONE_SELECT)
    check_parts(tree, dialect, NODES)
    return tree


def parse_predicate(sql: str, dialect: Dialect) -> exp.Expr:
    """The tree of a condition such as `region = 'north'`. Raises Refused as `parse`."""
    query = parse(f"SELECT 1 WHERE ({sql})", dialect)
    where = query.args.get("where")
    only = {"expressions", "where"}
    if (
        where is None
        or isinstance(where.this, exp.Tuple)
        or any(value for key, value in query.args.items() if key not in only)
    ):
        raise refused("the policy is not one condition", "Write a condition as after WHERE.")
    condition: exp.Expr = where.this.unnest()
    return condition


def print_sql(tree: exp.Expr, dialect: Dialect) -> str:
    """The statement of a tree, without comments."""
    return tree.sql(dialect=_GRAMMARS[dialect], comments=False)


def check_parts(tree: exp.Expr, dialect: Dialect, nodes: frozenset[type[exp.Expr]]) -> None:
    """Raise Refused at the first part of the tree that is on no list."""
    for node in tree.walk():
        kind = type(node)
        if isinstance(node, exp.Anonymous):
            _check_function(node, dialect)
        elif kind not in nodes:
            raise refused(f"{_called(node)} is not allowed", _hint(node))
        elif (allowed := ARGUMENTS.get(kind)) is not None:
            for name, value in node.args.items():
                if value and name not in allowed:
                    clause = CLAUSES.get(name, f"{name.strip('_').upper()} of {kind.__name__}")
                    raise refused(f"{clause} is not allowed", "Leave it out.")
        if (lacked := LACKING.get(kind)) is not None:
            name, called, lacking = lacked
            if node.args.get(name) and dialect in lacking:
                raise refused(
                    f"{dialect} has no {called}", "Number the rows with row_number() in a subquery."
                )
        _check_special(node)


def _check_special(node: exp.Expr) -> None:
    if isinstance(node, exp.DataType):
        if node.this not in TYPES:
            raise refused(f"the type {_called(node)} is not allowed", "Cast to a plain type.")
    elif isinstance(node, exp.Select) and not node.expressions:
        raise refused("a SELECT names nothing", "Name columns after SELECT.")
    elif isinstance(node, exp.Pad | exp.Repeat | exp.Space):
        size = (
            node.this if isinstance(node, exp.Space) else node.args.get("times") or node.expression
        )
        if not (isinstance(size, exp.Literal) and not size.is_string and _small(size)):
            raise refused(
                f"{_called(node)} with more than {MOST_REPEATED} or a computed length is not allowed",
                "Give a small number.",
            )
    elif isinstance(node, exp.Table):
        if not isinstance(node.this, exp.Identifier):
            raise refused(f"{_called(node.this)} can't be read from", "Name a table.")
    elif isinstance(node, exp.From | exp.Join) and isinstance(
        node.this, exp.Select | exp.SetOperation
    ):
        raise refused("a query to read from has no parentheses", "Put it in parentheses.")
    elif isinstance(node, exp.Lateral) and not isinstance(node.this, exp.Subquery):
        raise refused("LATERAL of anything but a query is not allowed", "Name a table.")


def _small(literal: exp.Literal) -> bool:
    return literal.this.isdigit() and int(literal.this[:9]) <= MOST_REPEATED


def _check_function(node: exp.Anonymous, dialect: Dialect) -> None:
    name = node.this
    if not isinstance(name, str) or name.lower() not in FUNCTIONS[dialect]:
        raise refused(f"the function {node.name} is not allowed", "Use plain SQL functions.")


def _check_size(tokens: list[Token]) -> None:
    if len(tokens) > MOST_TOKENS:
        raise refused(f"it has more than {MOST_TOKENS:,} parts", "Ask for less at once.")
    depth = chain = 0
    for token in tokens:
        kind = token.token_type
        if kind in _OPENING:
            depth += 1
        elif kind in _CLOSING:
            depth = max(0, depth - 1)
        chain = 0 if kind in _BREAKS else chain + 1
        if depth > MOST_DEPTH or chain > MOST_CHAIN:
            raise refused("it is nested too deeply", "Ask for less at once.")


def _closed_limits(tokens: list[Token]) -> list[Token]:
    """Parentheses around what follows LIMIT where it is more than a number.

    Databases take any expression there; the parser takes a number or something in parentheses.
    """
    closed: list[Token] = []
    position = 0
    while position < len(tokens):
        closed.append(tokens[position])
        position += 1
        if closed[-1].token_type is not TokenType.LIMIT:
            continue
        end, depth = position, 0
        while end < len(tokens) and (depth or tokens[end].token_type not in _LIMIT_ENDS):
            depth += tokens[end].token_type is TokenType.L_PAREN
            depth -= tokens[end].token_type is TokenType.R_PAREN
            end += 1
        inner = tokens[position:end]
        if len(inner) > 2 and not _is_closed(inner):  # two are a number with its sign
            inner = [Token(TokenType.L_PAREN, "("), *inner, Token(TokenType.R_PAREN, ")")]
        closed += inner
        position = end
    return closed


def _is_closed(tokens: list[Token]) -> bool:
    """Whether one pair of parentheses holds them all."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += token.token_type is TokenType.L_PAREN
        depth -= token.token_type is TokenType.R_PAREN
        if depth == 0:
            return place == len(tokens) - 1
    return False


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0].rstrip(". ")[:160]


def _called(node: exp.Expr) -> str:
    """How a person would call this node."""
    if isinstance(node, exp.Command):
        return str(node.this).upper()[:40]
    if isinstance(node, exp.Func):
        return f"the function {node.sql_name()}"
    return node.key.upper()


def _hint(node: exp.Expr) -> str:
    if isinstance(node, exp.Func):
        return "Use plain SQL functions that compute on columns."
    return _ONE_SELECT
