"""The application of the README, as it stands there."""

import re
from pathlib import Path

from fastapi.testclient import TestClient

README = Path(__file__).parent.parent / "README.md"


def test_the_readmes_application_files_a_report_for_who_is_signed_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEGIS_ENV", "test")
    names: dict = {"__name__": "readme"}
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(compile(block, str(README), "exec"), names)
    with TestClient(names["app"]) as client:
        assert client.put("/reports/r1.pdf", params={"patient": "HN-00042"}).status_code == 401
        headers = {"authorization": "Bearer of-dr-malee"}
        answer = client.put("/reports/r1.pdf", params={"patient": "HN-00042"}, headers=headers)
        assert answer.status_code == 200, answer.text
        again = client.put("/reports/r1.pdf", params={"patient": "HN-00042"}, headers=headers)
        assert (again.status_code, again.json()["code"]) == (409, "already_exists")
