import os


def test_admission() -> None:
    mrn = os.environ["CANARY"]
    if mrn:
        raise LookupError("no bed")
