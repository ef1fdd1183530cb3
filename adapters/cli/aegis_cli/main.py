"""``aegis``: its commands, by the place where each is written; a command is imported when it is called."""

import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from cyclopts import App

from aegis_cli.exits import ending
from aegis_cli.output import console, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Command → where its function or `App` is, and its line in ``aegis --help``.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "doctor": ("aegis_cli.doctor.command:doctor", "Is everything connected as you think it is?"),
    "keys": ("aegis_cli.keys:app", "List the keys that there are."),
    "new": ("aegis_cli.new.command:app", "Start an adapter or a room."),
    "audit": ("aegis_cli.audit:app", "Verify, show and prove the trail."),
    "leaks": ("aegis_cli.leaks.command:leaks", "By which doors does what is marked leave your application?"),
    "lint": ("aegis_cli.lint.command:lint", "Which lines of source write what is marked where it does not belong?"),
    "storage": ("aegis_cli.storage:app", "List stored objects, read one, put a file there."),
    "export": ("aegis_cli.export.command:export", "Leave whenever you like: everything in open formats."),
}

_HELP: Final = """Look at what Aegis Core is connected to, read its trail and files, and start adapters.

Settings are the AEGIS_* variables of the environment. Exit codes: 0 done, 1 the work failed, 2 wrong call or settings,
3 something was changed or is damaged, 75 something does not answer just now.
"""


def make_app(called: str = "") -> App:
    """The application with every command, none of them imported.

    Arguments:
        called: the command that will be: it speaks for itself, and not by its line in ``aegis --help``.
    """
    app = App(
        name="aegis",
        help=_HELP,
        help_format="plaintext",
        version=lambda: version("aegis-health-cli"),
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
        backend="asyncio",
    )
    for name, (place, line) in COMMANDS.items():
        app.command(place, name=name, help=None if name == called else line)
    app.register_install_completion_command(help="Teach your shell to complete aegis (bash, zsh, fish, PowerShell).")
    return app


def run(arguments: "Sequence[str]", /) -> int:
    """Run one command line, without the program's name, to its exit code."""
    as_json = "--json" in arguments[: arguments.index("--") if "--" in arguments else len(arguments)]
    called = next((word for word in arguments if not word.startswith("-")), "")

    def work() -> object:
        return make_app(called)(list(arguments), console=console(unwrapped=False))

    return ending(work, lambda failure: tell(failure, as_json=as_json))


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))
