"""Literals are found by the rules of the database that reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_sqlalchemy.statements import without_literals

SECRET = "zqx"
texts = st.text(st.sampled_from("ab '\"\\$`-/*#;\n()0"), max_size=12).map(lambda around: f"{around}{SECRET}{around}")


@given(texts, texts)
def test_no_text_is_left_whatever_it_holds(first, second):
    def quoted(value):
        return "'" + value.replace("'", "''") + "'"

    def escaped(value):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    for dialect, spelled in [
        ("sqlite", quoted),
        ("postgresql", quoted),
        ("postgresql", lambda value: "E" + escaped(value)),
        ("mysql", escaped),
        ("mariadb", escaped),
    ]:
        shown = without_literals(f"SELECT a FROM t WHERE b = {spelled(first)} AND c = {spelled(second)}", dialect)
        assert shown == ("SELECT a FROM t WHERE b = [withheld] AND c = [withheld]"), (dialect, spelled(first))


@given(st.text(st.sampled_from("ab '\"\\$`-/*#;\n()0E"), max_size=20))
def test_what_is_cut_off_in_the_middle_shows_nothing_behind_its_quote(text):
    for dialect in ("sqlite", "postgresql", "mysql"):
        assert SECRET not in without_literals(
            f"SELECT '{text.replace(chr(39), '').replace(chr(92), '')}{SECRET}", dialect
        )


@pytest.mark.parametrize(
    ("dialect", "statement", "shown"),
    [
        (
            "postgresql",
            "SELECT %(a_1)s, $1, :a2 FROM t1 LIMIT 10",
            "SELECT %(a_1)s, $1, :a2 FROM t1 LIMIT [withheld]",
        ),
        ("postgresql", 'SELECT "Odd name" FROM "t 2"', 'SELECT "Odd name" FROM "t 2"'),
        ("postgresql", "SELECT $a$it's zqx$a$, $$zqx$$ || 'x'", "SELECT [withheld], [withheld] || [withheld]"),
        ("postgresql", "SELECT 1 /* a /* zqx */ b zqx */ + 2", "SELECT [withheld] [withheld] + [withheld]"),
        ("sqlite", 'SELECT ?, a FROM t WHERE b = "zqx" -- zqx', "SELECT ?, a FROM t WHERE b = [withheld] [withheld]"),
        ("mysql", 'SELECT `a` FROM t WHERE b = "z\'qx" # zqx', "SELECT `a` FROM t WHERE b = [withheld] [withheld]"),
        ("oracle", "  SELECT q'[it's zqx]' FROM dual", "SELECT [withheld]"),
        ("", "", "[withheld]"),
        ("sqlite", "COMMIT", "COMMIT"),
        ("sqlite", "SELECT 1.5e3, 0xFF, x'7a7178'", "SELECT [withheld], [withheld], x[withheld]"),
    ],
)
def test_names_and_placeholders_stay(dialect, statement, shown):
    assert without_literals(statement, dialect) == shown
