"""Logging as a service has it: structlog, and the standard library with three handlers. Protected as the guide says."""

import logging
import sys
from pathlib import Path
from typing import Final

import structlog

from aegis_core import install_excepthook, install_logging, redact_event
from tests.corpus.case import IS_BARE

log: Final = logging.getLogger("clinic.ward")
events: Final = structlog.get_logger()
_WITH_LOCALS: Final = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=True, use_rich=False)
)


def set_up(folder: Path) -> None:
    """Two handlers of the standard library and one output of structlog's, that show whatever they are given."""
    plain = logging.StreamHandler(sys.stdout)
    plain.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    whole = logging.FileHandler(folder / "records.jsonl")
    whole.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _WITH_LOCALS,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[plain, whole])
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            _WITH_LOCALS if IS_BARE else redact_event,
            structlog.processors.JSONRenderer(default=repr, ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory((folder / "events.jsonl").open("a")),
    )
    if not IS_BARE:
        install_logging()
        install_excepthook()
