"""What is written for code scanning is SARIF 2.1.0: the structure that its readers hold it against."""

import json
from pathlib import Path

import pytest

CODE = 'import logging\n\n\ndef admit(mrn):\n    logging.getLogger("app").info(f"admitted {mrn}")\n'


def problems(log):
    """The rules of SARIF 2.1.0 for what we write (§3.13, §3.14, §3.19, §3.27, §3.29, §3.30, §3.35)."""
    if log["version"] != "2.1.0" or not log["$schema"].endswith("sarif-schema-2.1.0.json"):
        yield "version"
    for run in log["runs"]:
        driver = run["tool"]["driver"]
        if not (isinstance(driver["name"], str) and isinstance(driver["version"], str)):
            yield "driver"
        if run["columnKind"] not in {"utf16CodeUnits", "unicodeCodePoints"}:
            yield "columnKind"
        ids = [rule["id"] for rule in driver["rules"]]
        if len(set(ids)) != len(ids):
            yield "ids"
        for rule in driver["rules"]:
            if not (rule["shortDescription"]["text"].endswith(".") and rule["help"]["text"]):
                yield f"rule {rule['id']}"
        for result in run["results"]:
            if ids[result["ruleIndex"]] != result["ruleId"]:
                yield "ruleIndex"
            if result["level"] not in {"none", "note", "warning", "error"} or not result["message"]["text"]:
                yield "result"
            for suppression in result.get("suppressions", ()):
                if suppression["kind"] not in {"inSource", "external"} or not suppression["justification"]:
                    yield "suppression"
            if not result["locations"]:
                yield "locations"
            for location in result["locations"]:
                place = location["physicalLocation"]
                uri = place["artifactLocation"]["uri"]
                if "\\" in uri or " " in uri or uri.startswith("/"):
                    yield f"uri {uri}"
                region = place.get("region", {"startLine": 1})
                if region["startLine"] < 1 or region.get("startColumn", 1) < 1:
                    yield "region"


@pytest.mark.parametrize("command", ["leaks", "lint"])
def test_the_file_has_the_structure_of_sarif(aegis, tmp_path, command):
    (tmp_path / "the ward").mkdir()
    (tmp_path / "the ward" / "app.py").write_text(CODE)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.aegis.leaks.ignore]\n"python.unraisable" = "nothing here has one"\n'
    )
    assert aegis(command, "the ward/app.py", "--sarif", "out.sarif").exit == 1
    log = json.loads(Path("out.sarif").read_text())
    assert list(problems(log)) == []
    results = log["runs"][0]["results"]
    lines = [
        place["physicalLocation"].get("region", {}).get("startLine") for each in results for place in each["locations"]
    ]
    assert 5 in lines
    if command == "leaks":
        suppressed = [each["ruleId"] for each in results if "suppressions" in each]
        assert suppressed == ["python.unraisable"]
