"""Where a source sets something up: found by reading it, for the file and line of a fix."""

import ast
from collections.abc import Iterator
from pathlib import Path


def line_of_assignment(file: Path, name: str, /) -> int:
    """The line of the module's last assignment to a name; 0 if there is none, or the file can't be read."""
    lines = [
        statement.lineno
        for statement in _statements(file, name)
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name) and target.id == name
    ]
    return lines[-1] if lines else 0


def line_of_call(file: Path, function: str, /) -> int:
    """The line of the first call of a function, written with its module or imported from it; 0 if there is none.

    Arguments:
        function: ``module.name``.
    """
    module, _, name = function.rpartition(".")
    nodes = list(_statements(file, name))
    calls = [each for each in nodes if isinstance(each, ast.Call)]
    imports = (each for each in nodes if isinstance(each, ast.ImportFrom) and each.module == module)
    known = {alias.asname or alias.name for each in imports for alias in each.names if alias.name == name}
    lines = [
        call.lineno
        for call in calls
        if (isinstance(call.func, ast.Name) and call.func.id in known) or ast.unparse(call.func).endswith(function)
    ]
    return min(lines, default=0)


def _statements(file: Path, mentions: str) -> Iterator[ast.AST]:
    """Everything in a file that mentions a name: the others are not even parsed."""
    try:
        source = file.read_bytes()
        if mentions.encode() in source:
            yield from ast.walk(ast.parse(source))
    except (OSError, SyntaxError, ValueError):
        return
