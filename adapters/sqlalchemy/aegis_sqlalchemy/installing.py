"""One call for an engine that is there already."""

from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine

from aegis_sqlalchemy.emptying import empty
from aegis_sqlalchemy.withholding import withhold


def install(engine: Engine | AsyncEngine, /) -> None:
    """Let no parameter, literal or row come out by the engine's errors and logs.

    Afterwards ``hide_parameters`` holds; a `StatementError` has the statement without its literals, no ``params``, and
    the driver's error without its text: of it stay class, codes, and the names of constraint, table and column. With
    ``echo``, or the logger's own level, statements are written without literals, and rows and parameters are not.

    Arguments:
        engine: its connections, those that are open already among them.
    """
    inner = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    inner.hide_parameters = True
    if not event.contains(inner, "handle_error", empty):
        event.listen(inner, "handle_error", empty)
    withhold(inner)
