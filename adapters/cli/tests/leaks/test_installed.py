"""What the adapters for Celery and SQLAlchemy close is closed: one call each, and every door of theirs is shut."""

from aegis_cli.leaks import State, inspect_application

PROGRAM = """
from celery import Celery
from sqlalchemy import create_engine

import aegis_celery
import aegis_sqlalchemy
from aegis_core import Aegis
from aegis_core.blocking import PerProcess

app = Celery("clinic", broker="memory://", backend="cache+memory://")
app.conf.task_send_sent_event = True
app.conf.result_extended = True
engine = create_engine("sqlite://", echo="debug")
# INSTALL


@app.task
def remind(mrn): ...
"""
INSTALLED = "aegis_celery.install(app, PerProcess(Aegis())); aegis_sqlalchemy.install(engine)"


def states(folder, source):
    program = folder / "clinic.py"
    program.write_text(source)
    report = inspect_application(str(program), here=folder)
    return {each.door: each.state for each in report.findings if each.door.startswith(("celery.", "sqlalchemy."))}


def test_one_call_each_shuts_every_door(tmp_path):
    before = states(tmp_path, PROGRAM)
    assert set(before.values()) == {State.OPEN}
    assert len(before) == 8
    assert set(states(tmp_path, PROGRAM.replace("# INSTALL", INSTALLED)).values()) == {State.OK}
