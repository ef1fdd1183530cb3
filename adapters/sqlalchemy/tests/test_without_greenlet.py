"""Who has no async engine needs no greenlet: SQLAlchemy 2.1 brings it for its asyncio extra alone."""

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["greenlet"] = None  # as if it were not installed

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import sessionmaker
from aegis_sqlalchemy import install, record_changes

engine = create_engine("sqlite://")
install(engine)
record_changes(sessionmaker(engine), lambda: None, {})
try:
    with engine.connect() as connection:
        connection.execute(text("SELECT 'HN-00042' FROM nowhere"))
except OperationalError as error:
    assert "HN-00042" not in str(error)
    print("refused")
"""


def test_a_blocking_engine_works_without_it():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("refused\n", "")
