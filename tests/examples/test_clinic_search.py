"""The search finds what it is there to find, in every form, and nothing by chance."""

import base64
import json
import random
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_core.app import Aegis
from aegis_core.marks import PHI
from aegis_core.marks.redaction import Redaction
from examples.clinic import __main__ as clinic
from examples.clinic import morning, synthetic
from examples.clinic.fhir import read_bundle
from examples.clinic.search import ANYWHERE, needles, search, words_in
from tests.examples.conftest import PATIENT, bundle

LETTERS = st.characters(codec="utf-8", categories=["L", "Nd", "Zs", "Pd", "Mn"])
LONG = st.text(LETTERS, min_size=ANYWHERE, max_size=24).filter(str.strip)


def forms(root, content, *wanted, name="file.bin"):
    """The forms in which the needles are found in one file."""
    (root / name).write_bytes(content)
    try:
        return {hit.form for hit in search(root, wanted).hits if hit.file.name == name}
    finally:
        (root / name).unlink()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("searched")


@given(needle=LONG, before=st.binary(max_size=9), after=st.binary(max_size=9))
def test_a_long_needle_is_found_in_every_form_in_text_and_in_binary(root, needle, before, after):
    raw = needle.encode()
    hidden = {
        "raw": [raw],
        "json": [json.dumps(needle)[1:-1].encode()],
        "url": [quote(needle).encode(), quote(needle, safe="").encode(), quote_plus(needle).encode()],
        # Whatever stands in front and behind, the needle comes at one of three offsets.
        "base64": [base64.b64encode(before + raw + after), base64.urlsafe_b64encode(before + raw + after)],
    }
    for form, encoded in hidden.items():
        for each in encoded:
            found = forms(root, b"\xff\0" + before + each + after, needle)
            # Another form may be the same bytes: an ASCII name is its own JSON and URL.
            assert form in found or (found and each == raw), (form, each)


@given(needle=LONG)
def test_what_is_not_there_is_not_found(root, needle):
    assert forms(root, needle.encode()[:-1] + b"\xff", needle) == set()


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("told Ann today", True),
        ('{"name":"Ann"}', True),
        ("Ann", True),
        ("Annual report", False),
        ("Joann", False),
        ("Annë", False),
        ("Ann_x", False),
        ("คุณAnn", True),
    ],
)
def test_a_short_name_is_found_as_a_whole_word(root, text, is_found):
    assert forms(root, text.encode(), "Ann") == ({"word"} if is_found else set())


def test_a_short_name_is_not_looked_for_in_binary(root):
    assert forms(root, b"\xffAnn\xff", "Ann") == set()
    assert forms(root, b"\0 Ann \0", "Ann") == set()


@pytest.mark.parametrize("needle", ["มาลี", "สมชาย", "张无忌和"])
def test_short_names_of_scripts_without_spaces_are_found_inside_text_and_in_every_form(root, needle):
    assert forms(root, f"คุณ{needle}มาแล้ว".encode(), needle)
    assert forms(root, base64.b64encode(f"x{needle}".encode()), needle) == {"base64"}
    assert forms(root, json.dumps(needle).encode(), needle) == {"json"}


def test_a_name_of_a_file_or_folder_is_searched(tmp_path):
    (tmp_path / "report of Gustafsson").mkdir()
    (tmp_path / "report of Gustafsson" / "empty").touch()
    assert [hit.file.name for hit in search(tmp_path, ["Gustafsson"]).hits] == ["(name)", "(name)"]


def test_what_is_handed_over_is_searched_too(tmp_path):
    (hit,) = search(tmp_path, ["Gustafsson"], also=[("(summary)", b"told Gustafsson")]).hits
    assert hit.file == Path("(summary)")


def test_a_report_does_not_say_what_it_found(root):
    (root / "x").write_bytes(b"Gustafsson")
    assert "Gustafsson" not in repr(search(root, ["Gustafsson"]))
    (root / "x").unlink()


# ------------------------------------------------------------------------------------------------------------ mails


@pytest.mark.parametrize(
    "head",
    [
        b"To: box@mail.example\n",
        b'To: "Somebody"\n <box@mail.example>\n',
        b"to: first@mail.example,\r\n\tbox@mail.example\r\n",
    ],
)
def test_only_the_recipients_line_of_a_mail_may_hold_an_address(root, head):
    assert forms(root, head + b"Subject: x\n\nHello", "box@mail.example", name="a.eml") == set()
    assert forms(root, b"Cc: box@mail.example\n" + head + b"\nHello", "box@mail.example", name="a.eml") == {"raw"}
    assert forms(root, head + b"\nTo: box@mail.example\n", "box@mail.example", name="a.eml") == {"raw"}
    assert forms(root, head + b"\nHello", "box@mail.example", name="a.txt") == {"raw"}


def test_a_mail_that_a_killed_server_was_writing_is_a_mail_too(tmp_path):
    for name in ("new", "cur", "tmp", "elsewhere/tmp"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "1795538556.M1P2Q3.vm").write_bytes(b"To: box@mail.example\nSubject: x\n\nHel")
    hits = search(tmp_path, ["box@mail.example"]).hits
    assert [hit.file.parent.relative_to(tmp_path) for hit in hits] == [Path("elsewhere/tmp")]
    (tmp_path / "tmp" / "1795538556.M1P2Q3.vm").write_bytes(b"To: box@mail.example\n\nHello box@mail.example")
    hits = search(tmp_path, ["box@mail.example"]).hits
    assert {hit.file.parent.relative_to(tmp_path) for hit in hits} == {Path("tmp"), Path("elsewhere/tmp")}


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_a_mail_is_read_as_its_reader_does(root, encoding):
    mail = EmailMessage()
    mail["To"], mail["Subject"] = "box@mail.example", "x"
    mail.set_content("เรียน คุณ" + " ข่าว" * 30 + " มาลีรัตน์ ศรีสุขสันต์ " + "ข่าว " * 30, cte=encoding)
    assert "raw" in forms(root, mail.as_bytes(), "มาลีรัตน์ ศรีสุขสันต์", name="a.eml")


def test_a_header_that_is_encoded_is_read(root):
    mail = EmailMessage()
    mail["To"], mail["Subject"] = "box@mail.example", "ข่าวของ มาลีรัตน์"
    mail.set_content("x")
    assert "raw" in forms(root, mail.as_bytes(), "มาลีรัตน์", name="a.eml")


# ----------------------------------------------------------------------------------------------------------- chance


def test_numbers_inside_random_identifiers_are_chance(root):
    for text in (b"0a1b4801592c3d4e5f", b"48015923-1234-4abc-8def-0123456789ab", b'{"id":"0123abcd480159230123abcd"}'):
        assert forms(root, text, "480159", "1234") == set()
    assert forms(root, b"order 480159 of 1234", "480159", "1234") == {"raw", "word"}
    assert forms(root, b"480159230123456789", "480159") == {"raw"}, "only digits are no random identifier"


def test_numbers_inside_a_time_with_fractions_are_chance(root):
    line = b'{"t":"2026-11-24T04:27:27.745433273Z","v":1}'
    assert forms(root, line, "745433", "2026-11-24", "2026") == set()
    assert forms(root, b'{"born":"2026-11-24","n":745433}', "745433", "2026-11-24") == {"raw"}


@pytest.mark.parametrize(
    "time", ['"queued_at":1795494674729004', '"finished_at":1795494674729004', '"created": 1795494674729']
)
def test_numbers_inside_a_time_since_1970_are_chance(root, time):
    assert forms(root, f"{{{time}}}".encode(), "467472") == set()
    assert forms(root, b'{"account":1795494674729004}', "467472") == {"raw"}


def test_no_number_is_found_by_chance_in_what_a_morning_writes(run, tmp_path):
    """A thousand times as many numbers as there are patients: whatever looks random shows itself."""
    assert run().code == 0
    chance = random.Random(0)
    numbers = {f"{chance.randrange(10**6):06}" for _ in range(20_000)}
    report = search(tmp_path / "home", numbers)
    assert {hit.file.relative_to(tmp_path / "home").parts[0] for hit in report.hits} == set()


def test_a_name_inside_a_random_identifier_is_no_chance(root):
    assert forms(root, b"0a1bdeadbeef2c3d4e5f", "deadbeef") == {"raw"}


def test_two_letters_inside_a_signature_are_chance(root):
    signature = "zyx/de/" + "Q" * 60
    assert forms(root, f"root {signature}\n".encode(), "de") == set()
    assert forms(root, b"/de/", "de") == {"word"}


# ---------------------------------------------------------------------------------------------------------- needles


def test_names_their_parts_and_numbers_of_patients_and_contacts_are_needles():
    patient = {
        **PATIENT,
        "name": [{"text": "Anna-Maria O'Neill (Bo)", "given": ["Anna"]}],
        "identifier": [{"value": "HN-690 123"}, {"value": "12"}],
        "contact": [
            {
                "name": {"family": "Berglund", "given": ["Elin"]},
                "telecom": [{"system": "phone", "value": "081 555"}, {"system": "email", "value": "c@mail.example"}],
            }
        ],
        "birthDate": "1974-12-25",
    }
    assert needles(read_bundle(bundle(patient))) == {
        "Anna-Maria O'Neill (Bo)", "Anna", "Maria", "O", "Neill", "Bo", "Berglund", "Elin", "HN-690 123", "690123",
        "081 555", "081555", "c@mail.example", "1974-12-25", "19741225", "box-1@mail.example",
    }  # fmt: skip


# --------------------------------------------------------------------------- it finds them where a protection is off


def shown(value, data_class):
    return list(value) if isinstance(value, tuple) else value


def test_the_clinic_does_not_start_with_a_redaction_that_shows_names(run, monkeypatch):
    monkeypatch.setattr(clinic, "Aegis", partial(Aegis, redaction=Redaction({PHI.NAME: shown})))
    ended = run()
    assert ended.code == 3
    assert ended.err.startswith("clinic: integrity: ")


def test_names_and_numbers_are_found_in_the_log_when_redaction_is_off(run, monkeypatch):
    rules = {PHI.NAME: shown, PHI.UNIQUE_ID: shown}
    monkeypatch.setattr(clinic, "Aegis", partial(Aegis, redaction=Redaction(rules)))
    monkeypatch.setattr("aegis_core.app.refuse_leaks", lambda redaction, **_: redaction)  # nor does the canary look
    ended = run()
    assert ended.code == 1
    count = int(ended.out.partition("mails decoded: ")[2].split()[0])
    # Each of ten patients: two names, an identifier and a telephone number.
    assert count >= 40
    assert "HITS" in ended.out
    assert "clinic.jsonl" in ended.out
    assert not any(name in ended.out for patient in names_of_all() for name in patient)


def names_of_all():
    return [patient.names for patient in read_bundle(synthetic.bundle()).patients.values()]


def test_a_document_that_is_not_sealed_is_found(run, tmp_path):
    assert run().code == 0
    document = next(each for each in read_bundle(synthetic.bundle()).documents if each.kind == "DiagnosticReport")
    (tmp_path / "home" / "storage" / "copy").write_bytes(document.content)
    ended = run()
    assert ended.code == 1
    assert f"of {tmp_path / 'home' / 'storage' / 'copy'}" in ended.out


def test_a_name_in_a_key_is_found_in_the_name_of_the_file(run, tmp_path, monkeypatch):
    real = morning.Morning._token
    monkeypatch.setattr(morning.Morning, "_token", lambda self, value: f"Gustafsson{real(self, value)}")
    ended = run()
    assert ended.code == 1
    assert "HITS" in ended.out
    named = {hit.file for hit in search(tmp_path / "home", ["Gustafsson"]).hits if hit.file.name == "(name)"}
    assert len([file for file in named if "storage" in file.parts and file.parent.name.endswith("@")]) == 44


def test_only_short_needles_that_a_text_holds_as_words_prove_nothing_there():
    texts = [b"LOG: at 5432, by Max", b"Max\0binary Lee", "มานะ".encode(), b"Wattanasiri Maximilian"]
    wanted = {"Max", "5432", "Lee", "Anna", "Wattanasiri"}
    assert words_in(texts, wanted) == {"Max", "5432"}
