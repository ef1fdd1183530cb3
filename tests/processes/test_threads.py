"""Threads that do everything at once: blocking services, marks read for the first time, redaction, log lines."""

PROGRAM = """
import dataclasses
from aegis_core import redact_event

THREADS = 32
first = threading.Barrier(THREADS)
failures = []

@guarded
@dataclasses.dataclass
class Shared:
    mrn: Mrn
    nickname: Annotated[str, PHI.NAME]
    ward: str

def work(number, aegis):
    @guarded
    @attrs.frozen
    class Own:
        mrn: Mrn
        shared: Shared

    try:
        first.wait()
        patient = Own(PATIENT["mrn"], Shared(PATIENT["mrn"], PATIENT["name"], "4B"))
        for turn in range(5):
            event = redact_event(None, "info", {"event": "seen", "patient": patient, "nickname": PATIENT["name"]})
            assert event["patient"] == {
                "mrn": "[phi.mrn]", "shared": {"mrn": "[phi.mrn]", "nickname": "[phi.name]", "ward": "4B"}
            }, event
            assert event["nickname"] == "[phi.name]", event
            assert PATIENT["name"] not in repr(patient)
            aegis.log.info("seen", patient=patient, thread=number, turn=turn)
            with treating():
                aegis.audit.submit(Filed(label=f"{number}.{turn}"))
            with acting(WHO, purpose=Purpose.TREATMENT):
                key = f"reports/{number}.{turn}"
                aegis.storage.upload(key, PATIENT["name"].encode())
                assert aegis.storage.download(key) == PATIENT["name"].encode()
        with treating():
            aegis.audit.record(Filed(label=f"{number}, the last"))
    except BaseException as error:
        failures.append(repr(error))

with Aegis().blocking() as aegis:
    threads = [threading.Thread(target=work, args=(number, aegis)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
assert not failures, failures
"""


def test_32_threads_at_once_lose_nothing_and_tell_nothing(workplace):
    workplace.run(PROGRAM)
    turns = [f"{number}.{turn}" for number in range(32) for turn in range(5)]
    assert workplace.labels() == sorted(turns + [f"{number}, the last" for number in range(32)])
    seen = [line for line in workplace.lines() if line["event"] == "seen"]
    assert sorted(f"{line['thread']}.{line['turn']}" for line in seen) == sorted(turns)
    assert {line["patient"]["shared"]["nickname"] for line in seen} == {"[phi.name]"}
