"""What may be told of a statement of SQL: what it does, to which tables."""

import re
from typing import Final

_VERB: Final = re.compile(r"\s*([A-Za-z]{1,20})\b")
_VERBS: Final = frozenset(
    "ALTER ANALYZE ATTACH BEGIN CALL CLOSE COMMIT COPY CREATE DEALLOCATE DECLARE DELETE DETACH DO DROP EXECUTE EXPLAIN "
    "FETCH GRANT INSERT LISTEN LOCK MERGE NOTIFY PRAGMA PREPARE REFRESH REINDEX RELEASE REPLACE REVOKE ROLLBACK "
    "SAVEPOINT SELECT SET SHOW START TRUNCATE UNLISTEN UPDATE USE VACUUM VALUES WITH".split()
)
_WORD: Final = r"[A-Za-z_][\w$]{0,62}"
_NAME: Final = rf'(?:"{_WORD}"|`{_WORD}`|\[{_WORD}\]|{_WORD})'
_TABLE: Final = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+({_NAME}(?:\.{_NAME}){{0,2}})", re.IGNORECASE)
#: With one of these a place may lie inside a literal or a comment, whose end each dialect sees elsewhere.
_OPAQUE: Final = re.compile(r"['\\$]|--|/\*|#")
_QUOTED: Final = re.compile(r'"([^"]*)"')
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][\w$]*")
_NO_TABLES: Final = frozenset(("SELECT", "LATERAL", "ONLY", "SET", "UNNEST", "VALUES"))


def summarize_statement(statement: str, /) -> str:
    """Say what a statement does and to which tables, as OpenTelemetry's ``db.query.summary``; no column, no value.

    Tables are named only of a statement without literals in it: that is what drivers are given with their parameters.

    Example:
        >>> summarize_statement('SELECT report.id FROM report JOIN "ward" ON ward.id = report.ward WHERE mrn = %s')
        'SELECT report ward'
        >>> summarize_statement("SELECT * FROM report WHERE mrn = 'HN-00042'")
        'SELECT'
    """
    verb = _VERB.match(statement)
    if verb is None or verb[1].upper() not in _VERBS:
        return "[statement]"
    told = [verb[1].upper()]
    if not _OPAQUE.search(statement) and all(map(_IDENTIFIER.fullmatch, _QUOTED.findall(statement))):
        for table in _TABLE.findall(statement):
            name = re.sub(r'["`\[\]]', "", table)
            if name.upper() not in _NO_TABLES and name not in told:
                told.append(name)
    return " ".join(told)


__all__ = ["summarize_statement"]
