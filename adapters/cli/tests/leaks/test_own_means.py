"""Doors that a team closed, or left open, by means other than the printed line."""

import pytest

from aegis_cli.leaks import State, inspect_application

SENTRY = "import sentry_sdk\nsentry_sdk.init('http://key@127.0.0.1:9/1', data_collection={})\n"
SHUT = (
    "{'user_info': False, 'cookies': {'mode': 'allowlist', 'terms': ['language']}, 'database_query_data': False, "
    "'http_headers': {'request': {'mode': 'off'}}, 'url_query_params': {'mode': 'off'}, 'queues': False, "
    "'graphql': {'document': False, 'variables': False}, 'gen_ai': {'inputs': False, 'outputs': False}}"
)
PROVIDER = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from aegis_opentelemetry import RedactingSpanExporter
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(RedactingSpanExporter(ConsoleSpanExporter())))
"""
SITE = """
from flask import Flask
class Site(Flask):
    def log_exception(self, exc_info):
        self.logger.error("failed", exc_info=exc_info)
site = Site(__name__)
"""


@pytest.mark.parametrize(
    ("door", "source", "state"),
    [
        ("sentry.personal-data", SENTRY.format("{}"), State.OPEN),
        ("sentry.personal-data", SENTRY.format(SHUT), State.OK),
        ("sentry.locals", SENTRY.format("{'stack_frame_variables': {'mode': 'denylist'}}"), State.OPEN),
        ("sentry.locals", SENTRY.format("{'stack_frame_variables': {'mode': 'off'}}"), State.OK),
        ("sentry.bodies", SENTRY.format("{}"), State.OPEN),
        ("sentry.bodies", SENTRY.format("{'http_bodies': []}"), State.OK),
        ("opentelemetry.attributes", PROVIDER, State.OK),
        (
            "opentelemetry.attributes",
            f"{PROVIDER}provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))",
            State.OPEN,
        ),
        ("flask.paths", SITE, State.OK),
        ("python.warnings", "import warnings\nwarnings.simplefilter('ignore')", State.OK),
        ("python.warnings", "import logging\nlogging.captureWarnings(True)", State.OPEN),
        ("python.warnings", "import warnings\nwarnings.showwarning = lambda *warned, **more: None", State.OK),
    ],
)
def test_a_door_stands_as_the_settings_say(tmp_path, monkeypatch, door, source, state):
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    (tmp_path / "app.py").write_text(source)
    found = next(each for each in inspect_application("app", here=tmp_path).findings if each.door == door)
    assert found.state is state


def test_warnings_that_are_logged_want_the_redaction_of_logs(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    (tmp_path / "app.py").write_text("import logging\nlogging.captureWarnings(True)")
    found = next(each for each in inspect_application("app", here=tmp_path).open if each.door == "python.warnings")
    assert [(each.where, each.fix) for each in found.openings] == [('logger "py.warnings"', "install_logging()")]
