"""The demonstration itself: what it compares, what it finds, and that it ends well with each server killed in turn."""

import re

import pytest

from examples.clinic import synthetic
from examples.clinic.fhir import read_bundle
from examples.clinic.search import needles
from examples.on_servers.__main__ import compared, main
from examples.on_servers.compare import differences, fields
from examples.on_servers.holdings import search_servers
from examples.on_servers.outage import Ended, outages
from examples.on_servers.services import SCHEMA, SERVERS, as_operator, object_client
from tests.architecture.tree import ROOT


@pytest.mark.timeout(180)
def test_with_every_server_killed_in_turn_both_summaries_are_the_same_and_nothing_is_found(servers, capsys):
    code = main(["--kill", "all"])
    said = capsys.readouterr().out
    assert code == 0, said
    assert "≠" not in said
    assert "  = done         30 results sent to the lab, 0 that it had before" in said
    for name in SERVERS:
        assert f"× {name} is killed, after " in said
        assert f"✓ {name} is back" in said
        (found,) = [line for line in said.splitlines() if line.startswith(f"  {name:<9} ") and "files" in line]
        assert found.endswith(": 0 hits")
    for name in ("postgres", "s3", "smtp"):
        assert f"✓ {name} is back; nobody missed it" not in said
    assert "aegis-test-secret" not in said
    guide = (ROOT / "docs" / "guides" / "environments.md").read_text()
    shown = re.findall(r"^  = .*", guide, re.MULTILINE)
    assert len(shown) >= 6
    assert [line for line in shown if line not in said.splitlines()] == [], "the guide shows what it prints"


def test_a_server_that_cannot_run_here_is_usage(monkeypatch, capsys):
    monkeypatch.setattr("aegis_core.testing.servers.smtp.Smtp.missing", lambda self: "pip install aiosmtpd")
    monkeypatch.setattr("examples.on_servers.__main__.run_clinic", lambda *_, **__: Ended(0, ""))
    assert main([]) == 2
    assert "pip install aiosmtpd" in capsys.readouterr().err


# -------------------------------------------------------------------------------------------------------- comparing


@pytest.mark.parametrize(
    ("this", "that"),
    [
        ("44 filed, sealed", "43 filed, sealed"),
        ("9 accepted", "8 accepted"),
        ("0 uncertain in all", "1 uncertain in all"),
        ("30 results", "29 results"),
        ("44 documents", "45 documents"),
        (": intact", ": NOT INTACT"),
        ("      44 read back and compared\n", ""),
    ],
)
def test_any_other_count_of_what_was_done_is_a_difference(local_summary, this, that):
    assert this in local_summary
    assert len(list(differences(local_summary, local_summary.replace(this, that)))) > 0
    is_same, lines = compared(Ended(0, local_summary), Ended(0, local_summary.replace(this, that)))
    assert not is_same
    assert any("≠" in line for line in lines)


def test_another_exit_code_is_a_difference(local_summary):
    assert compared(Ended(0, local_summary), Ended(0, local_summary))[0]
    assert not compared(Ended(0, local_summary), Ended(75, local_summary))[0]


def test_how_often_work_waited_and_where_things_lie_is_no_difference(local_summary):
    other = local_summary.replace(
        "0 times work waited for a service (none)", "9 times work waited for a service (9 store)"
    )
    other = other.replace("138 entries", "141 entries").replace("  documents /", "  documents elsewhere/")
    assert other != local_summary
    assert list(differences(local_summary, other)) == []
    assert len(fields(local_summary)) == 11


@pytest.mark.parametrize("documents", [0, 1, 5, 44, 100_000])
def test_outages_come_one_after_the_other_and_mail_first(documents):
    planned = list(outages(list(SERVERS), documents))
    assert [each.server for each in planned] == ["smtp", "postgres", "s3", "vault"]
    assert [each.after for each in planned] == sorted(each.after for each in planned)
    assert min(each.after for each in planned) >= 1
    assert planned[0].until is None
    if documents == 44:
        assert all(each.after < each.until < documents for each in planned[1:])


# -------------------------------------------------------------------------------------------------------- searching


def test_a_leak_is_found_in_a_row_in_an_object_and_in_the_files_below_them(place):
    wanted = needles(read_bundle(synthetic.bundle()))
    name = max((needle for needle in wanted if needle.isascii() and needle.isalpha()), key=len)
    with as_operator(place.servers["postgres"], place.name) as connection:
        statement = f"INSERT INTO {SCHEMA}.documents (name, revision, body) VALUES ('planted', 1, %s)"
        connection.execute(statement, (f"admitted: {name}".encode(),))
    client = object_client(place.servers["s3"])
    client.put_object(Bucket=place.name, Key="planted", Body=f"%PDF {name}".encode() + bytes(2000))
    client.close()
    reports = search_servers(place, wanted)
    for server in ("postgres", "s3"):
        found = [str(hit.file) for hit in reports[server].hits]
        assert [file for file in found if file.startswith("(")], f"as {server}'s clients read it"
        assert [file for file in found if file.startswith("/")], f"in the files of {server}"
    assert [file for file in map(str, (hit.file for hit in reports["postgres"].hits)) if "pg_wal" in file]
    assert (reports["smtp"].hits, reports["vault"].hits) == ((), ())
