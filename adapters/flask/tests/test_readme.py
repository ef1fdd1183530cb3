"""The application of the README, as it stands there."""

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_readmes_application_files_a_report_for_who_is_signed_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEGIS_ENV", "test")
    names: dict = {"__name__": "readme"}
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(compile(block, str(README), "exec"), names)
    client = names["app"].test_client()
    try:
        assert client.put("/reports/r1.pdf").status_code == 401
        headers = {"authorization": "Bearer of-dr-malee"}
        answer = client.put("/reports/r1.pdf", headers=headers)
        assert (answer.status_code, list(answer.json)) == (200, ["key"])
        again = client.put("/reports/r1.pdf", headers=headers)
        assert (again.status_code, again.json["code"]) == (409, "already_exists")
    finally:
        names["services"].close()
