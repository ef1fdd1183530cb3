"""What loguru's sinks write of records that were patched."""

import json
import sys
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from aegis_core import Mrn, PatientName, Redaction, guarded, redact_loguru

CANARY = "HN-7Q4X-K29W"


@guarded
class Patient:
    mrn: Mrn
    patient_name: PatientName

    def __init__(self, mrn):
        self.mrn = self.patient_name = mrn


@pytest.fixture
def written():
    """What a sink of everything was handed: text with the traceback, and the record as JSON."""
    lines = []
    logger.remove()
    options = {"level": 0, "backtrace": True, "diagnose": True}
    logger.add(lambda message: lines.append(str(message)), format="{message} {extra}", **options)
    logger.add(lambda message: lines.append(str(message)), serialize=True, **options)
    logger.configure(patcher=redact_loguru)
    yield lines
    logger.remove()
    logger.configure(patcher=lambda record: None)


def test_what_is_bound_or_handed_by_name_is_redacted_in_extras_and_message(written):
    with logger.contextualize(mrn=CANARY):
        logger.bind(patient=Patient(CANARY)).info("admitted {mrn} to {ward}", mrn=CANARY, ward="4B")
    assert CANARY not in "".join(written)
    assert "admitted [phi.mrn] to 4B" in written[0]
    assert json.loads(written[1])["record"]["extra"] == {
        "mrn": "[phi.mrn]", "patient": {"mrn": "[phi.mrn]", "patient_name": "[phi.name]"}, "ward": "4B",
    }  # fmt: skip


def test_a_text_within_another_leaves_nothing_of_it(written):
    logger.info("admitted {patient_name}", mrn="Jai", patient_name="Jaidee")
    assert written[0].startswith("admitted [phi.name] ")


def test_an_exception_keeps_types_and_places_and_no_text_or_local(written):
    def admit(mrn):
        try:
            int(mrn)
        except ValueError as error:
            raise LookupError(f"no bed for {mrn}") from error

    try:
        admit(CANARY)
    except LookupError:
        logger.exception("not admitted")
    text = "".join(written)
    assert CANARY not in text
    assert "test_loguru.py" in text
    assert "in admit" in text
    assert "LookupError" in text
    assert "ValueError" in text


def test_what_catch_logs_is_redacted_too(written):
    @logger.catch
    def admit(mrn):
        raise LookupError(f"no bed for {mrn}")

    admit(CANARY)
    assert CANARY not in "".join(written)
    assert "LookupError" in written[0]


def test_rules_and_names_to_keep_are_those_of_the_redaction(written):
    logger.configure(patcher=partial(redact_loguru, redaction=Redaction(keep=("mrn",))))
    logger.info("admitted {mrn}", mrn=CANARY)
    assert f"admitted {CANARY}" in written[0]


def test_a_value_that_can_t_be_shown_does_not_end_the_call(written):
    class Broken(str):
        __slots__ = ()

        def __str__(self):
            raise ValueError(CANARY)

    logger.bind(mrn=Broken(CANARY)).info("admitted")
    assert written[0].startswith("[error] {}")
    assert CANARY not in "".join(written)


def test_what_was_given_by_position_stands_in_the_message(written):
    """Loguru hands on no template: what is not caught."""
    logger.info("admitted {}", CANARY)
    assert CANARY in written[0]
    written.clear()
    logger.info("admitted {}", Patient(CANARY))
    assert CANARY not in "".join(written)


@given(st.text(min_size=3), st.text(), st.dictionaries(st.sampled_from(("ward", "bed", "mrns")), st.text()))
def test_no_message_holds_a_text_that_its_marked_keyword_had(value, before, others):
    record = {"message": f"{before}{value}", "extra": {"mrn": value, **others}, "exception": None}
    redact_loguru(record)
    assert not any(value in part for part in record["message"].split("[phi.mrn]"))
    assert record["extra"] == {"mrn": "[phi.mrn]", **others}


def test_it_loads_no_loguru():
    import subprocess

    program = "import sys; from aegis_core import redact_loguru; sys.exit('loguru' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
