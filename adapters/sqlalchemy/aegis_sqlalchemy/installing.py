"""One call for an engine that is there already."""

from typing import TYPE_CHECKING

from sqlalchemy import Engine, event

from aegis_sqlalchemy.emptying import empty
from aegis_sqlalchemy.withholding import withhold

if TYPE_CHECKING:  # it needs greenlet, which SQLAlchemy brings for its asyncio extra alone
    from sqlalchemy.ext.asyncio import AsyncEngine


def install(engine: "Engine | AsyncEngine", /) -> None:
    """Let no parameter, literal or row come out by the engine's errors and logs.

    Afterwards ``hide_parameters`` holds; a `StatementError` has the statement without its literals, no ``params``, and
    the driver's error without its text: of it stay class, codes, and the names of constraint, table and column. With
    ``echo``, or the logger's own level, statements are written without literals, and rows and parameters are not.

    Arguments:
        engine: its connections, those that are open already among them.
    """
    inner = engine if isinstance(engine, Engine) else engine.sync_engine
    inner.hide_parameters = True
    if not event.contains(inner, "handle_error", empty):
        event.listen(inner, "handle_error", empty)
    withhold(inner)
