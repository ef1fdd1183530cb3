"""A sealed field is read, written and searched as any other, and its column tells nobody."""

import copy
import json
import pickle
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from clinic.models import Chart, Entry, Laboratory, LongChart, SameChart, digits
from django import forms
from django.core import checks
from django.core.exceptions import FieldError, SynchronousOnlyOperation, ValidationError
from django.core.management import call_command
from django.core.validators import MinLengthValidator
from django.db import connection, models
from django.db.migrations.writer import MigrationWriter

from aegis_core import PHI, PII, AegisError, Classified, ErrorCode, KeyPurpose, marks_of, redacted
from aegis_django import SealedField, TokenField, aegis

ID = "1-1002-00007-11-4"


@pytest.fixture(autouse=True)
def empty():
    yield
    for model in (Entry, Chart, Laboratory):
        model.objects.all().delete()


def chart(number=1, **fields):
    return Chart.objects.create(mrn=f"HN-{number}", **{"national_id": ID, **fields})


def stored(column="national_id", table="clinic_chart"):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} ORDER BY id")
        return [value for (value,) in cursor.fetchall()]


def refuses(code, call):
    with pytest.raises(AegisError) as caught:
        call()
    assert caught.value.code is code
    assert "1002" not in str(caught.value)
    return str(caught.value)


def test_what_is_saved_is_read_again_and_lies_sealed():
    made = Chart(national_id=ID, phone="081", mrn="HN-1")
    assert made.national_id == ID  # before it is saved
    made.save()
    assert made.national_id == ID
    read = Chart.objects.get()
    assert (read.national_id, read.phone) == (ID, "081")
    (box,), (token,) = stored(), stored("national_id_token")
    assert box.startswith("aegis1:s:")
    assert "1-1002-00007" not in box + token
    assert Chart.objects.values_list("national_id", flat=True)[0] == box
    assert Chart.objects.only("ward").get().national_id == ID  # deferred
    assert Chart.objects.defer("mrn").get().national_id == ID
    read.refresh_from_db()
    assert read.national_id == ID


@pytest.mark.parametrize("value", ["", "\0", "a\0b", "\U0001fa7a", "\ud800", "aegis1:k1:" + "A" * 39, "ก" * 1000])
def test_any_text_comes_back(value):
    chart(national_id=value)
    assert Chart.objects.get().national_id == value
    assert Chart.objects.get(national_id=value).mrn == "HN-1"


def test_none_is_null_and_what_has_no_default_is_empty():
    chart(national_id=None)
    made = chart(2)
    made.national_id = None
    made.save()
    assert stored() == [None, None]
    assert stored("national_id_token") == [None, None]
    assert Chart.objects.filter(national_id=None).count() == Chart.objects.filter(national_id__isnull=True).count() == 2
    Laboratory.objects.create()
    assert Laboratory.objects.get().password == ""
    assert stored("password", "clinic_laboratory")[0].startswith("aegis1:k")


def test_it_is_found_by_its_value_in_any_spelling():
    chart(1)
    chart(2, national_id="2")
    aegis.keys.rotate(KeyPurpose.INDEX)
    chart(3, national_id=digits(ID))

    def found(query):
        return list(query.order_by("id").values_list("mrn", flat=True))

    assert found(Chart.objects.filter(national_id=ID)) == ["HN-1", "HN-3"]  # under the key of each one's time
    assert found(Chart.objects.filter(national_id=digits(ID))) == ["HN-1", "HN-3"]
    assert found(Chart.objects.exclude(national_id=ID)) == ["HN-2"]
    assert found(Chart.objects.filter(national_id__in=["2", "5"])) == ["HN-2"]
    assert found(Chart.objects.filter(national_id__in=[])) == []
    assert found(Chart.objects.filter(models.Q(national_id="2") | models.Q(mrn="HN-3"))) == ["HN-2", "HN-3"]
    Chart.objects.filter(mrn="HN-2").first().delete()
    chart(2, national_id="2", email="a@b.example")
    assert Chart.objects.get(email="a@b.example").mrn == "HN-2"
    Entry.objects.create(chart=Chart.objects.get(mrn="HN-2"), body="x")
    assert Entry.objects.get(chart__national_id="2").body == "x"
    assert Chart.objects.get_or_create(national_id="2", defaults={"mrn": "HN-9"})[0].mrn == "HN-2"
    assert ID not in repr(Chart.objects.filter(national_id=ID).query.where)


@pytest.mark.parametrize("lookup", ["contains", "gt", "startswith", "regex", "iexact", "range"])
def test_a_box_has_no_parts_and_no_order(lookup):
    with pytest.raises(FieldError) as caught:
        Chart.objects.filter(**{f"national_id__{lookup}": "1002"})
    assert "1002" not in str(caught.value)


@pytest.mark.parametrize(
    "write",
    [
        lambda: Chart.objects.filter(phone="081").count(),  # has no token
        lambda: Chart.objects.filter(national_id=1),
        lambda: Chart.objects.filter(national_id_token=ID),
        lambda: Chart.objects.update(national_id=ID),
        lambda: Chart.objects.update(national_id_token=ID),
        lambda: Chart.objects.bulk_update([_told(ID)], ["national_id"]),
        lambda: Chart.objects.bulk_update([_told(ID)], ["national_id_sealed"]),
        lambda: Chart(national_id=1),
        lambda: Chart(mrn="", national_id=ID).save(),
        lambda: Chart(mrn="HN-2", national_id=ID).save_base(raw=True),
        lambda: _told(ID).save(update_fields=["national_id"]),
        lambda: _moved().save(update_fields=["mrn"]),
    ],
)
def test_nothing_unsealed_and_nothing_lost_comes_into_the_column(write):
    chart(national_id="2")
    before = stored()
    refuses(ErrorCode.INVALID_ARGUMENT, write)
    assert stored() == before


def _told(value):
    told = Chart.objects.get()
    told.national_id = value
    return told


def _moved():
    moved = Chart.objects.get()
    moved.mrn = "HN-9"
    return moved


def test_bulk_create_and_update_or_create_seal():
    Chart.objects.bulk_create([Chart(mrn=f"HN-{n}", national_id=f"{n}") for n in range(3)])
    assert [each.national_id for each in Chart.objects.order_by("id")] == ["0", "1", "2"]
    Chart.objects.update_or_create(mrn="HN-1", defaults={"national_id": ID})
    assert Chart.objects.get(national_id=ID).mrn == "HN-1"
    told = Chart.objects.get(mrn="HN-2")
    told.national_id = "5"
    told.save(update_fields=["national_id", "national_id_token"])
    assert Chart.objects.get(national_id="5").mrn == "HN-2"


@pytest.mark.parametrize("model", [Chart, SameChart, LongChart])
def test_whose_number_changes_takes_the_values_along(model):
    model.objects.create(mrn="HN-1", national_id=ID)
    moved = model.objects.get()
    moved.mrn = "HN-9"
    assert moved.national_id == ID
    moved.save()
    aegis.keys.shred(Classified("HN-1", PHI.MRN), reason="of tests")
    assert moved.national_id == Chart.objects.get().national_id == ID


def test_a_copied_row_is_sealed_for_itself():
    first = Entry.objects.create(chart=chart(), body="x")
    copied = Entry.objects.get()
    copied.pk = uuid4()
    copied._state.adding = True
    copied.save()
    assert {each.body for each in Entry.objects.all()} == {"x"}
    assert Entry.objects.count() == 2
    assert first.body_sealed != copied.body_sealed


def test_what_changes_beside_it_leaves_the_box_alone():
    chart()
    before = stored()
    other = Chart.objects.get()
    other.ward = "5A"
    other.save()
    assert stored() == before


def test_boxes_open_where_they_were_sealed_and_nowhere_else():
    first, second = chart(1, phone="081"), chart(2)
    entries = [Entry.objects.create(chart=first, body=f"{n}") for n in (1, 2)]
    box = first.national_id_sealed
    Chart.objects.filter(pk=second.pk).update(national_id=box)  # somebody with the database's password
    Chart.objects.filter(pk=first.pk).update(phone=box)
    Entry.objects.filter(pk=entries[0].pk).update(body=entries[1].body_sealed)
    refuses(ErrorCode.INTEGRITY, lambda: Chart.objects.get(pk=second.pk).national_id)
    refuses(ErrorCode.INTEGRITY, lambda: Chart.objects.get(pk=first.pk).phone)
    refuses(ErrorCode.INTEGRITY, lambda: Entry.objects.get(pk=entries[0].pk).body)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE clinic_chart SET national_id = 'never sealed'")
    refuses(ErrorCode.INTEGRITY, lambda: Chart.objects.first().national_id)


def test_after_the_key_is_destroyed_the_value_is_not_found():
    chart(1)
    chart(2, national_id="2")
    aegis.keys.shred(Classified("HN-1", PHI.MRN), reason="of tests")
    first, second = Chart.objects.order_by("id")
    refuses(ErrorCode.NOT_FOUND, lambda: first.national_id)
    assert second.national_id == "2"
    first.ward = "5A"  # the row is saved as any other
    first.save()
    first.refresh_from_db()
    first.national_id = "3"  # who comes back has a new key
    first.save()
    assert Chart.objects.get(national_id="3").mrn == "HN-1"


def test_an_instance_holds_no_value_and_logs_erase_it():
    made = Chart(mrn="HN-1", national_id=ID)
    assert ID not in repr(vars(made))
    with pytest.raises(TypeError):
        pickle.dumps(made)
    made.save()
    assert ID not in repr(vars(made)) + repr(redacted(made))
    assert marks_of(Chart)["national_id_sealed"] is PII.NATIONAL_ID
    assert redacted({"national_id": made.national_id}) == {"national_id": "[pii.national_id]"}  # by its name
    assert ID.encode() not in pickle.dumps(made)
    assert pickle.loads(pickle.dumps(made)).national_id == copy.deepcopy(made).national_id == ID


def test_fixtures_hold_boxes_and_no_value():
    chart(phone="081")
    for format_ in ("json", "xml"):
        dumped = StringIO()
        call_command("dumpdata", "clinic.Chart", format=format_, stdout=dumped)
        assert "1-1002-00007" not in dumped.getvalue()
        assert stored()[0] in dumped.getvalue()
        Chart.objects.all().delete()
        _loaded(dumped.getvalue(), format_)
        assert Chart.objects.get(national_id=ID).phone == "081"
    aegis.keys.shred(Classified("HN-1", PHI.MRN), reason="of tests")
    (row,) = json.loads(_dumped())  # nothing is opened for it
    row["fields"]["national_id"] = ID
    Chart.objects.all().delete()
    with pytest.raises(Exception, match="not sealed"):
        _loaded(json.dumps([row]), "json")
    assert not Chart.objects.exists()


def _dumped():
    dumped = StringIO()
    call_command("dumpdata", "clinic.Chart", stdout=dumped)
    return dumped.getvalue()


def _loaded(text, format_):
    Path(f"dump.{format_}").write_text(text)
    call_command("loaddata", f"dump.{format_}", verbosity=0)


class ChartForm(forms.ModelForm):
    class Meta:
        model = Chart
        fields = "__all__"  # noqa: DJ007


def test_forms_have_what_is_editable_and_nothing_else():
    made = chart(phone="081")
    form = ChartForm(instance=made)
    assert set(form.fields) == {"mrn", "phone", "ward"}
    assert 'maxlength="20"' in str(form["phone"])
    assert "081" in str(form["phone"])
    form = ChartForm({"mrn": "HN-1", "ward": "4B", "phone": "082"}, instance=made)
    assert form.has_changed()
    form.save()
    assert (Chart.objects.get().phone, Chart.objects.get().national_id) == ("082", ID)
    assert not ChartForm({"mrn": "HN-1", "ward": "4B", "phone": "082"}, instance=Chart.objects.get()).has_changed()
    assert "phone" in ChartForm({"mrn": "HN-1", "ward": "4B", "phone": "0" * 21}, instance=made).errors
    Chart.objects.get().full_clean()
    field = SealedField(PHI.NAME, editable=True, validators=[MinLengthValidator(2)])
    for value in ("", "x"):
        with pytest.raises(ValidationError):
            field.clean(field.classified(value), None)


def test_migrations_know_the_field_and_not_the_mark():
    national_id, token = Chart._meta.get_field("national_id"), Chart._meta.get_field("national_id_token")
    text, imports = MigrationWriter.serialize(national_id)
    assert text == ("aegis_django.SealedField(blank=True, null=True, subject='mrn', token='national_id_token')")
    assert "import aegis_django" in imports
    text, imports = MigrationWriter.serialize(token)
    assert text.startswith("aegis_django.TokenField(")
    assert "clinic.models.digits" in text
    assert national_id.db_type(connection) == "text"
    again = national_id.clone()
    assert again.deconstruct()[1:] == national_id.deconstruct()[1:]


def test_a_migration_can_fill_it():
    """As `RunPython` does: with the class that the state of migrations makes."""
    from django.db.migrations.state import ModelState, ProjectState

    state = ProjectState()
    state.add_model(ModelState.from_model(Chart))
    past = state.apps.get_model("clinic", "Chart")
    past.objects.create(mrn="HN-1", national_id=ID)
    assert past.objects.get(national_id=digits(ID)).national_id == ID
    assert Chart.objects.get(national_id=ID).national_id == ID
    assert marks_of(past)["national_id_sealed"] is PII.NATIONAL_ID


def test_what_names_no_field_is_found_by_check():
    class Wrong(models.Model):
        name = SealedField(PHI.NAME, subject="nobody", token="mrn", unique=True)
        mrn = models.CharField(max_length=9)

        class Meta:
            app_label = "wrong"

        def __str__(self):
            return ""

    found = [each for each in Wrong._meta.get_field("name").check() if isinstance(each, checks.Error)]
    assert sorted(each.id for each in found) == ["aegis_django.E003", "aegis_django.E003", "aegis_django.E004"]
    assert Chart._meta.get_field("national_id").check() == []
    assert isinstance(Chart._meta.get_field("national_id_token"), TokenField)


def test_on_an_event_loop_it_is_refused_and_in_a_thread_it_works(loop):
    chart()

    async def view():
        read = await Chart.objects.aget()
        with pytest.raises(SynchronousOnlyOperation):  # also with the key at hand
            _ = read.national_id
        assert await sync_to_async(lambda: read.national_id)() == ID
        assert (await Chart.objects.aget(national_id=ID)).mrn == "HN-1"
        read.national_id = "2"
        await read.asave()

    loop(view())
    assert Chart.objects.get().national_id == "2"
