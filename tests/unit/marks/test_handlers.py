"""Whatever handler writes a record, no marked value is in it."""

import io
import logging
import logging.handlers
import queue
import time

import attrs
import pytest

from aegis_core.marks import (
    PHI,
    Classified,
    Mrn,
    PatientName,
    Pseudonym,
    Redaction,
    install_logging,
    marks_of,
    redact_record,
    redacting,
)

CANARY = "Somchai-0042-canary"


@attrs.define
class Patient:
    mrn: Mrn
    name: PatientName
    ward: str = "4B"


marks_of(Patient)


class Everything(logging.Handler):
    """A handler that looks at the record itself, as shippers do."""

    def __init__(self):
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture
def written():
    """A logger whose records propagate to a handler above it, as in an application."""
    above = logging.getLogger("clinic")
    stream = io.StringIO()
    text, everything = logging.StreamHandler(stream), Everything()
    text.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    above.addHandler(text)
    above.addHandler(everything)
    above.setLevel(logging.DEBUG)
    above.propagate = False
    undo = install_logging(above)

    class Written:
        log = logging.getLogger("clinic.ward.four")
        records = everything.records

        def text(self):
            return stream.getvalue() + "".join(repr(record.__dict__) for record in everything.records)

    yield Written()
    undo()
    above.handlers.clear()
    above.propagate = True


def test_arguments_of_marked_types_are_redacted_though_the_record_comes_from_below(written):
    written.log.info("admitted %s to %s", Patient("HN1", CANARY), "4B")
    assert CANARY not in written.text()
    assert "admitted {'mrn': '[phi.mrn]', 'name': '[phi.name]', 'ward': '4B'} to 4B" in written.text()


def test_a_value_after_a_learned_name_is_redacted(written):
    written.log.info("admitted mrn=%s, Name: %-20s ward=%s 100%%", CANARY, CANARY, "4B")
    written.log.info("admitted %(mrn)s to %(ward)s", {"mrn": CANARY, "ward": "4B"})
    assert CANARY not in written.text()
    assert "INFO admitted mrn=[phi.mrn], Name: [phi.name]           ward=4B 100%" in written.text()
    assert "INFO admitted [phi.mrn] to 4B" in written.text()


@pytest.mark.parametrize("message", ["mrn %s", "mrn: '%s'", "MRN #%s", "mrn => %s", "mrn (%s)", "mrn=%*s"])
def test_the_word_before_a_placeholder_names_it_whatever_stands_between(written, message):
    written.log.info(message, *[20] * message.count("*"), CANARY)
    written.log.info(message.replace("*", "").replace("%", "%(value)"), {"value": CANARY})
    assert CANARY not in written.text()
    assert written.text().count("[phi.mrn]") == 4


def test_a_long_message_takes_a_time_that_grows_with_its_length():
    def seconds(length):
        record = logging.LogRecord("clinic", 20, __file__, 1, "%s " + "a" * length, ("x",), None)
        started = time.process_time()
        redact_record(record)
        return time.process_time() - started

    assert seconds(400_000) < 1.0  # quadratically it was an hour


def test_a_word_of_another_clause_names_nothing(written):
    written.log.info("looked up by mrn, %s. Name: %s", "4B", CANARY)
    assert "looked up by mrn, 4B. Name: [phi.name]" in written.text()


@pytest.mark.parametrize(
    ("message", "args", "told"),
    [
        ("mrn=%s", (CANARY, 7), "mrn=%s ('[text]', 7)"),
        ("bed %s mrn=%s", (CANARY,), "bed %s mrn=%s ('[text]',)"),
        ("mrn={}", (CANARY,), "mrn={} ('[text]',)"),
    ],
)
def test_of_a_call_with_too_many_or_too_few_arguments_no_text_is_shown(message, args, told):
    assert redact_record(logging.LogRecord("clinic", 20, __file__, 1, message, args, None)).getMessage() == told


def test_extras_are_redacted(written):
    written.log.info("admitted", extra={"mrn": CANARY, "patient": Patient("HN1", CANARY), "bed": 7})
    [record] = written.records
    assert CANARY not in written.text()
    assert (record.mrn, record.bed) == ("[phi.mrn]", 7)


def test_exceptions_show_types_and_places_only(written):
    try:
        secret = CANARY
        raise ValueError(secret)
    except ValueError:
        written.log.exception("failed")
    assert CANARY not in written.text()
    assert "ValueError" in written.text()
    assert "test_handlers.py" in written.text()
    kind, stand_in, trace = written.records[0].exc_info
    assert (kind, str(stand_in)) == (ValueError, "[withheld]")
    assert trace.tb_frame.f_locals == {}


def test_messages_that_are_objects_are_redacted(written):
    written.log.info(Patient("HN1", CANARY))
    written.log.info(Classified(CANARY, PHI.NOTE))
    written.log.info(ValueError(CANARY))
    assert CANARY not in written.text()


def test_a_marker_in_the_place_of_a_number_still_makes_a_line(written):
    written.log.info("mrn=%05d ward=%s", 42, "4B")
    assert "INFO mrn=[phi.mrn] ward=4B" in written.text()


@pytest.mark.parametrize(
    ("message", "args"),
    [
        ("one %s two %s", ("only",)),
        ("none", ("surplus",)),
        ("%(absent)s", ({"mrn": CANARY},)),
        ("%", (1,)),
        ("%y", (1,)),
    ],
)
def test_a_wrong_call_loses_no_line_and_raises_nothing(message, args):
    handler = redacting(Everything())
    handler.handle(logging.LogRecord("clinic", 20, __file__, 1, message, args, None))
    [record] = handler.records
    assert record.getMessage()
    assert CANARY not in record.getMessage()


def test_the_record_itself_is_left_as_it_was(written):
    record = logging.makeLogRecord(
        {"msg": "mrn=%s", "args": (CANARY,), "mrn": CANARY, "exc_text": CANARY, "message": CANARY}
    )
    copied = redact_record(record)
    assert record.args == (CANARY,)
    assert record.mrn == CANARY
    assert CANARY not in repr(copied.__dict__)
    assert copied.getMessage() == "mrn=[phi.mrn]"


def test_a_record_that_breaks_is_replaced():
    class Broken(dict):
        def items(self):
            raise RuntimeError(CANARY)

    record = logging.makeLogRecord({"msg": "%s", "args": Broken()})
    record.args = Broken(a=1)
    assert CANARY not in redact_record(record).getMessage()


def test_rules_hold_in_records():
    rules = Redaction({PHI.MRN: Pseudonym("k1", bytes(32))})
    record = redact_record(logging.makeLogRecord({"msg": "mrn=%s", "args": ("HN1",)}), redaction=rules)
    assert record.getMessage().startswith("mrn=pseudo:k1:")


def test_a_queue_carries_redacted_records():
    carried: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = redacting(logging.handlers.QueueHandler(carried))
    handler.handle(logging.makeLogRecord({"msg": "mrn=%s", "args": (CANARY,)}))
    assert CANARY not in repr(carried.get().__dict__)


def test_installing_twice_does_it_once_and_undoing_gives_the_handler_back():
    logger = logging.getLogger("clinic.twice")
    handler = Everything()
    logger.addHandler(handler)
    undo = install_logging(logger)
    install_logging(logger)()
    assert "handle" in handler.__dict__
    undo()
    assert "handle" not in handler.__dict__
    logger.handlers.clear()


def test_without_a_logger_every_handler_of_the_process_is_reached():
    other = logging.getLogger("somebody.elses.server")
    theirs, ours = Everything(), Everything()
    other.addHandler(theirs)
    logging.getLogger().addHandler(ours)
    undo = install_logging()
    try:
        other.warning("mrn=%s", CANARY)
        for handler in (theirs, ours):
            assert handler.records[-1].getMessage() == "mrn=[phi.mrn]"
    finally:
        undo()
        other.handlers.clear()
        logging.getLogger().removeHandler(ours)


def test_what_asyncio_says_loses_what_it_quotes():
    def message(text, *args):
        record = logging.LogRecord("asyncio", logging.ERROR, "f", 1, text, args, None)
        return redact_record(record).getMessage()

    quoted = "Exception in callback admit('Somchai')\nhandle: <Handle admit('Somchai')>"
    assert message(quoted) == "Exception in callback"
    assert message("Task exception was never retrieved\nfuture: <Task exception=ValueError('Somchai')>") == (
        "Task exception was never retrieved"
    )
    assert message("something new: Somchai") == "[a message of asyncio]"
    assert message("Executing %s took %.3f seconds", "<Handle admit('Somchai')>", 0.25) == (
        "Executing [text] took 0.25 seconds"
    )


def test_captured_warnings_keep_their_place_and_lose_their_text(caplog):
    import warnings

    from aegis_core.marks import redact_record

    logging.captureWarnings(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn_explicit("expected int, got 'HN-00042'", UserWarning, "app/wards.py", 7)
    finally:
        logging.captureWarnings(False)
    (record,) = [record for record in caplog.records if record.name == "py.warnings"]
    assert redact_record(record).getMessage() == "app/wards.py:7: UserWarning"
    record.msg = "HN-00042"
    assert redact_record(record).getMessage() == "[warning]"
