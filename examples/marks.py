"""Print a FHIR R4 bundle as a log may hold it: ``python examples/marks.py [BUNDLE-OR-FOLDER]``."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from aegis_core.marks import redact_event

BUNDLE = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {
            "resource": {
                "resourceType": "Patient",
                "id": "p-1",
                "identifier": [{"system": "urn:example:mrn", "value": "48201"}],
                "name": [{"family": "Jaidee", "given": ["Somchai"]}],
                "telecom": [{"system": "email", "value": "reader-17@example.org"}],
                "birthDate": "1961-04-13",
                "gender": "male",
            }
        },
        {
            "resource": {
                "resourceType": "Observation",
                "id": "o-1",
                "status": "final",
                "code": {"coding": [{"system": "urn:example:tests", "code": "718-7", "display": "Haemoglobin"}]},
                "subject": {"reference": "Patient/p-1", "display": "Somchai Jaidee"},
                "valueQuantity": {"value": 13.2, "unit": "g/dL"},
            }
        },
    ],
}


def resources(path: Path | None) -> Iterator[object]:
    """Every resource of a bundle, a single file or the JSON files of a folder."""
    if path is None:
        documents: list[object] = [BUNDLE]
    else:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        documents = [json.loads(file.read_bytes()) for file in files]
    for document in documents:
        if isinstance(document, dict) and document.get("resourceType") == "Bundle":
            yield from (entry["resource"] for entry in document.get("entry", ()) if "resource" in entry)
        else:
            yield document


def main() -> int:
    """See the module."""
    for resource in resources(Path(sys.argv[1]) if len(sys.argv) > 1 else None):
        event = redact_event(None, "info", {"event": "resource read", "resource": resource})
        print(json.dumps(event, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
