"""What is told of URLs and statements outside the house holds no value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.marks import origin_of, summarize_statement

NAME = "Zorvath"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT report.id FROM report WHERE mrn = %(mrn)s", "SELECT report"),
        ('insert into clinic."report" (mrn) values (?)', "INSERT clinic.report"),
        ("UPDATE `ward` SET beds=%s", "UPDATE ward"),
        ("DELETE FROM [report] WHERE id=:id", "DELETE report"),
        ("SELECT 1 FROM (SELECT id FROM a JOIN b ON a.x = b.x)", "SELECT a b"),
        ("BEGIN (implicit)", "BEGIN"),
        ("", "[statement]"),
        ("{'mrn': 'x'}", "[statement]"),
        ("Zorvath from report", "[statement]"),
    ],
)
def test_a_statement_is_told_by_its_verb_and_tables(statement, told):
    assert summarize_statement(statement) == told


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM report WHERE name = '{}'",
        "SELECT * FROM report WHERE note = 'from {} to 4B'",
        r"SELECT * FROM report WHERE note = 'it\'s from {}'",
        'SELECT * FROM report WHERE note = "came from {}"',
        "SELECT $$ from {} $$",
        "SELECT * FROM report -- from {}",
        "SELECT * FROM report /* join {} */",
        "SELECT * FROM report # from {}",
        'SELECT * FROM report WHERE name = "{}"',
        "SELECT * FROM report WHERE mrn = {}",
        "CALL admit({})",
    ],
)
def test_a_value_inside_a_statement_is_not_told(statement):
    assert NAME not in summarize_statement(statement.format(NAME))


@given(st.text(alphabet=st.sampled_from("'\"\\$-/*# abFROM\n"), max_size=30), st.text(max_size=20))
def test_a_value_in_quotes_is_never_told(before, after):
    assert NAME not in summarize_statement(f"SELECT x FROM t WHERE {before.replace('FROM', '')} = '{NAME}{after}'")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://u:p@h.example/p/Zorvath?q=Zorvath#Zorvath", "https://h.example"),
        ("HTTP://H.example:8080", "http://h.example:8080"),
        ("http://[::1]:80/Zorvath", "http://[::1]:80"),
        ("/p/Zorvath", "[url]"),
        ("//h.example/Zorvath", "[url]"),
        ("Zorvath", "[url]"),
        ("mailto:Zorvath@x", "[url]"),
        ("http://h:Zorvath/", "[url]"),
        ("http://[Zorvath", "[url]"),
    ],
)
def test_a_url_is_told_by_its_origin(url, told):
    assert origin_of(url) == told


@given(st.text())
def test_no_url_raises(url):
    origin_of(url)
    summarize_statement(url)
