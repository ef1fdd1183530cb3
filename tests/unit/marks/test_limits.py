"""What the marks do not catch, as the guide says: each of these shows the value."""

import json
import logging

import attrs
import pydantic
import pytest

from aegis_core.marks import Mrn, PatientName, guarded, marks_of, redact_event, redact_record

VALUE = "Somchai Jaidee"


@guarded
@attrs.define
class Patient:
    mrn: Mrn
    name: PatientName


def event(text="admitted", **fields):
    return str(redact_event(None, "info", {"event": text, **fields}))


def test_text_that_was_put_together_before():
    assert VALUE in event(f"admitted {VALUE}")
    assert VALUE in event(note_to_self=f"call {VALUE}")
    assert VALUE in event(body=json.dumps({"name": VALUE}))


def test_a_loose_value_under_a_name_that_no_marked_field_bears():
    assert VALUE in event(who=VALUE)
    assert VALUE in event(door_plate_name=VALUE)


def test_a_key_that_is_itself_the_value():
    assert VALUE in event(beds={VALUE: 7})


def test_a_positional_argument_without_a_name_before_it():
    record = logging.makeLogRecord({"msg": "admitted %s", "args": (VALUE,)})
    assert VALUE in redact_record(record).getMessage()


def test_a_name_of_a_class_that_nobody_has_read_yet():
    @attrs.define
    class Unread:
        nickname_at_home: PatientName

    assert VALUE in event(nickname_at_home=VALUE)
    marks_of(Unread)
    assert VALUE not in event(nickname_at_home=VALUE)


def test_a_model_around_a_guarded_one():
    @guarded
    class Inner(pydantic.BaseModel):
        name: PatientName

    class Order(pydantic.BaseModel):
        patient: Inner
        count: int

    def refused(model):
        with pytest.raises(pydantic.ValidationError) as caught:
            model(patient={"name": VALUE})
        return str(caught.value)

    assert VALUE in refused(Order)
    assert VALUE not in refused(guarded(Order))


def test_a_field_of_a_known_class_that_nobody_marked():
    @attrs.define
    class Letter:
        mrn: Mrn
        body: str

    assert VALUE in event(letter=Letter("HN1", f"Dear {VALUE}"))


def test_the_fields_themselves():
    assert Patient("HN1", VALUE).name == VALUE
    assert VALUE in str(attrs.astuple(Patient("HN1", VALUE)))
