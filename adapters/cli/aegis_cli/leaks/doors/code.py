"""Lines of the application's own source: what `aegis lint` remarks on."""

from collections.abc import Iterable
from pathlib import Path

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.model import Door, Opening, Reach
from aegis_cli.lint import lint

_OF_FIELDS = "AEG011"  # a door of its own, which knows the classes better


def lines(application: Application) -> Iterable[Opening]:
    """Lines of the modules that are loaded."""
    files = [Path(module.__file__) for module in application.modules if module.__file__]
    for remark in lint([file for file in files if file.suffix == ".py"]).remarks:
        if remark.code != _OF_FIELDS:
            where = f"{remark.code} {remark.says}"
            yield Opening(where, remark.instead, application.relative(remark.file), remark.line)


DOORS = (
    Door(
        "code.lines",
        (),
        "values that are written into messages, exceptions, URLs, spans",
        "see aegis lint",
        lines,
        Reach.CODE,
    ),
)
