"""SQLAlchemy: parameters and rows in errors and logs."""

import logging
from collections.abc import Iterable
from typing import Any

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.lines import TRACER, handlers_of
from aegis_cli.leaks.model import Door, Opening
from aegis_cli.leaks.remedies import SQLALCHEMY


def _engines(application: Application) -> list[tuple[Any, str]]:
    found = application.instances(application.module("sqlalchemy.engine").Engine)
    named = []
    for engine in found:
        name = application.name_of(engine, "")
        if not name:  # an AsyncEngine, or one that a class or function keeps
            outer = application.module("sqlalchemy.ext.asyncio")
            around = application.instances(outer.AsyncEngine) if outer else []
            holder = next((each for each in around if each.sync_engine is engine), None)
            name = application.name_of(holder, f"an engine of {engine.dialect.name}")
        named.append((engine, name))
    return sorted(named, key=lambda each: each[1])


def parameters(application: Application) -> Iterable[Opening] | None:
    """Engines whose StatementErrors hold the parameters."""
    engines = _engines(application)
    if not engines:
        return None
    return [Opening(name, "", *application.assigned(name)) for engine, name in engines if not engine.hide_parameters]


def echoed(application: Application) -> Iterable[Opening] | None:
    """Engines that log statements with their parameters."""
    engines = _engines(application)
    if not engines:
        return None
    return [
        Opening(name, "", *application.assigned(name))
        for engine, name in engines
        if not engine.hide_parameters and _logs(engine, logging.INFO)
    ]


def rows(application: Application) -> Iterable[Opening] | None:
    """Engines that log what they read; ``hide_parameters`` does not hide that."""
    engines = _engines(application)
    if not engines:
        return None
    return [
        Opening(name, "", *application.assigned(name))
        for engine, name in engines
        if _logs(engine, logging.DEBUG) and _shows_rows(engine)
    ]


def _shows_rows(engine: Any) -> bool:
    """Whether a row passes the filters of the engine's logger, as those of `aegis_sqlalchemy.install` let none pass."""
    logger = getattr(engine.logger, "logger", engine.logger)
    record = logger.makeRecord(logger.name, logging.DEBUG, "", 0, "Row %r", (TRACER,), None)
    return bool(logger.filter(record)) and TRACER in record.getMessage()


def _logs(engine: Any, level: int) -> bool:
    logger = engine.logger
    echoes = logger.isEnabledFor(level)  # of `echo`, or of the logger's own level
    return bool(echoes and handlers_of(getattr(logger, "logger", logger), level))


DOORS = (
    Door(
        "sqlalchemy.parameters",
        ("sqlalchemy.engine",),
        "statement parameters in the text of database errors",
        "hide_parameters=True",
        parameters,
        better=SQLALCHEMY,
    ),
    Door(
        "sqlalchemy.echo",
        ("sqlalchemy.engine",),
        "statement parameters in the log",
        "hide_parameters=True",
        echoed,
        better=SQLALCHEMY,
    ),
    Door(
        "sqlalchemy.rows",
        ("sqlalchemy.engine",),
        "rows that were read, in the log",
        "echo=False",
        rows,
        better=SQLALCHEMY,
    ),
)
