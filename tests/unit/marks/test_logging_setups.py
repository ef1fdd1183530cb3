"""Applications set logging up in many ways; in none of them is a marked value written."""

import asyncio
import io
import json
import logging
import logging.config
import logging.handlers
import queue
import warnings

import pytest
import structlog
from rich.console import Console
from rich.logging import RichHandler

from aegis_core import AegisError, ErrorCode
from aegis_core.marks import Mrn, guarded, install_logging, redact_event

CANARY = "Somchai-0042-canary"


@guarded
class Patient:
    def __init__(self, mrn: Mrn, ward: str):
        self.mrn, self.ward = mrn, ward

    mrn: Mrn
    ward: str


PATIENT = Patient(CANARY, "4B")


@pytest.fixture
def logger():
    logger = logging.getLogger("clinic.setups")
    yield logger
    for each in (logger, logging.getLogger("clinic")):
        each.handlers.clear()
        each.propagate = True


@pytest.fixture
def installed():
    undo = install_logging()
    yield
    undo()


def fail():
    mrn = CANARY
    raise KeyError(mrn)


def log_everything(logger):
    logger.warning("admitted %s, mrn=%s", PATIENT, CANARY, extra={"mrn": CANARY, "patient": PATIENT})
    try:
        fail()
    except KeyError as error:
        error.add_note(CANARY)
        logger.exception("not admitted")


def test_handlers_that_are_added_later_are_reached(installed, logger):
    stream = io.StringIO()
    logger.addHandler(logging.StreamHandler(stream))
    log_everything(logger)
    assert "mrn=[phi.mrn]" in stream.getvalue()
    assert "in fail" in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_after_undoing_handlers_are_added_as_ever(logger):
    add = logging.Logger.addHandler
    undo = install_logging()
    install_logging()()
    handler = logging.StreamHandler(io.StringIO())
    logger.addHandler(handler)
    assert "handle" in handler.__dict__
    undo()
    assert logging.Logger.addHandler is add
    assert "handle" not in handler.__dict__
    logger.addHandler(other := logging.StreamHandler(io.StringIO()))
    assert "handle" not in other.__dict__


@pytest.mark.parametrize("by_name", [False, True])
def test_dict_config_after_or_instead_of_install_logging(logger, by_name):
    stream = io.StringIO()
    kind = {"class": "logging.StreamHandler", "stream": stream, "formatter": "plain"}
    if by_name:
        kind["()"] = "aegis_core.marks.redacting_handler"
    undo = (lambda: None) if by_name else install_logging()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
            "handlers": {"out": kind},
            "loggers": {"clinic": {"handlers": ["out"], "level": "INFO"}},
        }
    )
    log_everything(logger)
    undo()
    assert "WARNING admitted {'mrn': '[phi.mrn]', 'ward': '4B'}, mrn=[phi.mrn]" in stream.getvalue()
    assert "KeyError" in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_structlog_over_the_standard_library_with_foreign_loggers(installed, logger):
    stream = io.StringIO()
    shared = [structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder()]
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact_event,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logger.addHandler(handler)
    logger.propagate = False
    try:
        structlog.get_logger("clinic.setups").warning("admitted", patient=PATIENT, mrn=CANARY, ward=4)
        try:
            fail()
        except KeyError:
            structlog.get_logger("clinic.setups").exception("not admitted")
        log_everything(logger)
    finally:
        structlog.reset_defaults()
    own, own_error, foreign, foreign_error = map(json.loads, stream.getvalue().splitlines())
    shown = {"mrn": "[phi.mrn]", "ward": "4B"}
    assert own == {"patient": shown, "mrn": "[phi.mrn]", "ward": 4, "event": "admitted", "level": "warning"}
    assert (foreign["patient"], foreign["mrn"], foreign["level"]) == (shown, "[phi.mrn]", "warning")
    assert "in fail" in own_error["exception"]
    assert "in fail" in foreign_error["exception"]
    assert CANARY not in stream.getvalue()


def test_rich_shows_places_without_locals_of_anybody(installed, logger):
    written = io.StringIO()
    console = Console(file=written, width=200, force_terminal=False)
    logger.addHandler(RichHandler(console=console, rich_tracebacks=True, tracebacks_show_locals=True))
    log_everything(logger)
    assert "in fail" in written.getvalue()
    assert "KeyError" in written.getvalue()
    assert CANARY not in written.getvalue()


def test_a_queue_and_its_listener(installed, logger):
    stream = io.StringIO()
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(records, logging.StreamHandler(stream))
    logger.addHandler(logging.handlers.QueueHandler(records))
    listener.start()
    log_everything(logger)
    listener.stop()
    assert "mrn=[phi.mrn]" in stream.getvalue()
    assert "in fail" in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_captured_warnings(installed):
    stream = io.StringIO()
    logger = logging.getLogger("py.warnings")
    logging.captureWarnings(True)
    logger.addHandler(handler := logging.StreamHandler(stream))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(f"unexpected value {CANARY}", UserWarning, stacklevel=1)
    finally:
        logging.captureWarnings(False)
        logger.removeHandler(handler)
    assert stream.getvalue().strip().endswith(": UserWarning")
    assert CANARY not in stream.getvalue()


@pytest.mark.parametrize("kind", [ValueError, asyncio.CancelledError, SystemExit])
def test_an_exception_that_was_logged_goes_on_as_it_was(installed, logger, kind):
    logger.addHandler(logging.StreamHandler(io.StringIO()))
    error = kind(CANARY)
    error.add_note(CANARY)
    ours = AegisError(ErrorCode.NOT_FOUND, "there is no such report")
    ours.add_note(CANARY)
    try:
        try:
            raise error
        except kind:
            raise ours from error
    except AegisError as caught:
        before = caught.__traceback__
        logger.exception("not admitted")
        assert (caught.__traceback__, caught.__cause__, caught.__notes__) == (before, error, [CANARY])
        assert (error.args, error.__notes__) == ((CANARY,), [CANARY])


def test_what_stands_for_an_error_of_ours_has_its_sentence():
    records = []

    class Keeping(logging.Handler):
        def emit(self, record):
            records.append(record)

    logger = logging.getLogger("clinic.setups.kept")
    logger.addHandler(handler := Keeping())
    undo = install_logging(logger)
    try:
        raise AegisError(ErrorCode.NOT_FOUND, "there is no such report")
    except AegisError:
        logger.exception("no")
    undo()
    logger.removeHandler(handler)
    assert "there is no such report" in str(records[0].exc_info[1])
    assert "there is no such report" in records[0].exc_text
