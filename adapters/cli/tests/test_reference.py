"""The reference page is what the commands say, and every command says what its JSON looks like."""

from inspect import cleandoc
from pathlib import Path

import pytest

from aegis_cli.main import COMMANDS as REGISTERED
from aegis_cli.main import make_app
from aegis_cli.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def commands(app, before=()):
    inner = [name for name in app if not name.startswith("-")]
    if not inner:
        yield " ".join(before), app
    for name in inner:
        yield from commands(app[name], (*before, name))


COMMANDS = {path: app for name in REGISTERED for path, app in commands(make_app(name)[name], (name,))}


def test_the_page_was_made_from_these_commands():
    assert PAGE.read_text() == reference(), "run: python -m aegis_cli.reference docs/reference/cli.md"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_json_and_says_its_shape(name):
    app = COMMANDS[name]
    assert "\n\nJSON: " in cleandoc(app.help), name
    assert "--json" in {each for argument in app.assemble_argument_collection() for each in argument.names}, name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_parameter_says_what_it_is_for(name):
    for argument in COMMANDS[name].assemble_argument_collection(parse_docstring=True):
        if argument.parse and argument.show:
            assert argument.parameter.help, f"{name}: {argument.names}"
