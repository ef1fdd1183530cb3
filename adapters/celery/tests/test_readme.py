"""The application of the README, as it stands there."""

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_readmes_application_seals_what_it_sends(tmp_path, monkeypatch, phi_canary):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEGIS_ENV", "test")
    names: dict = {"__name__": "readme"}
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(
        compile(
            block.replace("redis://localhost", "memory://").replace('backend="memory', 'backend="cache+memory'),
            str(README),
            "exec",
        ),
        names,
    )
    names["admit"](phi_canary.patient["mrn"])
    with names["app"].connection_for_read() as connection:
        message = connection.SimpleQueue("celery").get(timeout=5)
        message.ack()
    phi_canary.assert_absent(message.body, repr(message.headers))
    (mrn,), _, embedded = message.decode()
    assert mrn == phi_canary.patient["mrn"]
    assert embedded["aegis"].context.principal.id == "dr-malee"
    names["aegis"].close()
