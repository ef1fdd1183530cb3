"""What the engine's logger writes: statements without literals, and neither parameters nor rows."""

import logging
from typing import Any

from sqlalchemy import Engine

from aegis_sqlalchemy.statements import WITHHELD, without_literals


class Withholding(logging.Filter):
    """One a logger, which engines share: with several databases behind it, of a statement the first word is left."""

    def __init__(self) -> None:
        super().__init__()
        self.dialects: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, and take out of it what may be data."""
        if record.levelno <= logging.DEBUG:
            record.msg, record.args = f"{str(record.msg).partition('%')[0].rstrip()} {WITHHELD}", ()
        elif not record.args:
            dialect = next(iter(self.dialects)) if len(self.dialects) == 1 else ""
            record.msg = without_literals(str(record.msg), dialect)
        elif isinstance(record.args, tuple) and len(record.args) > 1:  # when it was made, and parameters
            record.args = (record.args[0], *[WITHHELD] * (len(record.args) - 1))
        return True


def withhold(engine: Engine, /) -> None:
    """Put the filter on the engine's logger, whatever handlers it has or will have."""
    logger: Any = engine.logger
    logger = getattr(logger, "logger", logger)  # with echo=, SQLAlchemy puts one of its own around it
    found = next((known for known in logger.filters if isinstance(known, Withholding)), None)
    if found is None:
        found = Withholding()
        logger.addFilter(found)
    found.dialects.add(engine.dialect.name)
