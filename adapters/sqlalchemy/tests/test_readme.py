"""The application of the README, as it stands there, on the run's PostgreSQL."""

import re
from pathlib import Path

from aegis_core import Purpose

README = Path(__file__).parent.parent / "README.md"


def test_the_readmes_application_has_its_report_on_record(place, tmp_path, monkeypatch, phi_canary):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEGIS_ENV", "test")
    address = place.address
    monkeypatch.setenv(
        "AEGIS_AUDIT", f"postgresql://postgres@127.0.0.1:{address.port}/postgres?schema={address.schema}"
    )
    names: dict = {"__name__": "readme"}
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(compile(block.replace("postgresql+psycopg://app@db/clinic", place.url), str(README), "exec"), names)
    engine = names["engine"]
    names["Base"].metadata.create_all(engine)
    try:
        names["file"](phi_canary.patient["mrn"])
    finally:
        names["Base"].metadata.drop_all(engine)
        engine.dispose()
    trail = names["aegis"].audit
    trail.checkpoint()
    (event,) = [each for each in trail.entries() if each.action == "database.row_changed"]
    assert (event.who, event.data["kind"], list(event.data["fields"])) == ("dr-malee", "Report", ["mrn", "status"])
    assert event.whom.reveal(Purpose.TREATMENT) == phi_canary.patient["mrn"]
    names["aegis"].close()
