"""A statement without its literals: they may be anybody's data; names and placeholders stay."""

import re
from typing import Final

WITHHELD: Final = "[withheld]"

_NUMBER: Final = r"(?<![\w$:%?@.])\d[\w.]*"
_LINE: Final = r"--[^\n]*"
_TEXT: Final = r"'(?:[^']|'')*(?:'|\Z)"
_ESCAPED: Final = r"'(?:[^'\\]|\\.|'')*(?:'|\Z)"
_DOUBLE: Final = r'"(?:[^"\\]|\\.|"")*(?:"|\Z)'
_NAME: Final = r'"(?:[^"]|"")*(?:"|\Z)'
#: To the last end of a comment: PostgreSQL nests them.
_COMMENT: Final = r"/\*(?:.*\*/|.*\Z)"


def _compiled(*withheld: str, kept: str = r"(?!)") -> re.Pattern[str]:
    return re.compile(f"(?P<kept>{kept})|{'|'.join(withheld)}", re.DOTALL)


#: What stands for a literal differs: read by another's rules, half a literal may look like a name.
_LEXERS: Final = {
    "postgresql": _compiled(
        rf"(?<!\w)[eE]{_ESCAPED}",
        r"\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)",
        _TEXT,
        _COMMENT,
        _LINE,
        _NUMBER,
        kept=_NAME,
    ),
    # SQLite takes a quoted name that no column bears for a text.
    "sqlite": _compiled(_TEXT, _DOUBLE, _COMMENT, _LINE, _NUMBER),
    "mysql": _compiled(_ESCAPED, _DOUBLE, _COMMENT, _LINE, r"#[^\n]*", _NUMBER, kept=r"`(?:[^`]|``)*(?:`|\Z)"),
}
_LEXERS["mariadb"] = _LEXERS["mysql"]


def without_literals(statement: str, dialect: str, /) -> str:
    """Write ``[withheld]`` in the place of texts, numbers and comments.

    Arguments:
        dialect: SQLAlchemy's name of the database; of a statement for one whose rules are not known here, the first
            word is left.
    """
    lexer = _LEXERS.get(dialect)
    if lexer is None:
        first = re.match(r"\s*(\w+)", statement)
        return f"{first[1]} {WITHHELD}" if first else WITHHELD
    return lexer.sub(lambda found: found["kept"] or WITHHELD, statement)
