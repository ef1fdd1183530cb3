"""Comments that let a line be: ``# aegis: ignore[AEG001] - why``."""

import io
import re
import tokenize
from typing import Final

from aegis_cli.lint.model import CODES, Remark

_COMMENT: Final = re.compile(r"#\s*aegis:\s*ignore(?:\[(?P<codes>[^\]]*)\])?(?P<rest>.*)")
_REASON: Final = re.compile(r"\s*[-–—:]+\s*\S.{2,}")


def ignores(file: str, source: str, /) -> tuple[dict[int, frozenset[str]], list[Remark]]:
    """Give the codes that each line lets be, and what is wrong with the comments that say so."""
    if "aegis:" not in source:
        return {}, []
    found: dict[int, frozenset[str]] = {}
    wrong: list[Remark] = []
    for token in _tokens(source):
        if token.type != tokenize.COMMENT or not (comment := _COMMENT.search(token.string)):
            continue
        codes = frozenset(code.strip() for code in (comment["codes"] or "").split(",") if code.strip())
        line, column = token.start
        if not codes or codes - CODES:
            wrong.append(Remark(file, line, column + 1, "AEG000", "name the rule, such as ignore[AEG001]"))
        elif not _REASON.fullmatch(comment["rest"].rstrip()):
            wrong.append(Remark(file, line, column + 1, "AEG000", "say why, after a dash"))
        else:
            found[line] = codes
    return found, wrong


def _tokens(source: str) -> list[tokenize.TokenInfo]:
    try:
        return list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):  # what the parser forgives
        return []


def is_ignored(remark: Remark, found: dict[int, frozenset[str]], /) -> bool:
    """Whether a comment on one of a remark's lines lets it be."""
    lines = range(remark.line, max(remark.line, remark.last_line) + 1)
    return any(remark.code in found.get(line, ()) for line in lines)
