"""Templates are checked when the hub is made: all problems at once, and none of them holds a value."""

from typing import Annotated, ClassVar

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks.classified import Classified
from aegis_core.marks.taxonomy import PHI, PII, PUBLIC
from aegis_core.notifications import Content, Message, Template
from aegis_core.notifications.template import field_texts, fill, parse, render
from aegis_core.testing.outbox import Outbox


@attrs.frozen(kw_only=True)
class Note(Message):
    template: ClassVar[str] = "note"
    ward: str = ""
    name: Annotated[str, PHI.NAME] = ""
    staff: Annotated[str, PII.NAME] = ""
    test: Annotated[str, PHI.TEST] = ""
    result: Annotated[str, PHI.RESULT] = ""
    site: Annotated[str, PUBLIC.DATA] = ""
    loose: Classified[str] | str = ""


@attrs.frozen(kw_only=True)
class Nameless(Message):
    ward: str = ""


def problems(place, *templates, channels=(), **options):
    with pytest.raises(AegisError) as caught:
        place.hub(place.keyring(), *channels, templates=templates, **options)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    return caught.value.message


def english(kind="email", **content):
    return {"en": {kind: Content(**({"text": ""} | content))}}


def test_every_problem_is_named_at_once(place):
    told = problems(
        place,
        Template(
            Note, {"th": {"email": Content(subject="ผล\nBcc: x", text="{nobody} {test} {name}", html="{result}")}}
        ),
        Template(Note, english(text="{")),
        Template(Nameless, english(text="{ward.x}")),
    )
    for problem in (
        "8 problems",
        "note: the language 'en' is missing",
        "note: th, email: subject: a line break",
        "note: th, email: text: the message has no field 'nobody'",
        "note: th, email: text: no clearance for phi.test, the class of 'test'",
        "note: th, email: html: no clearance for phi.result, the class of 'result'",
        "note: two templates have this id",
        "en, email: text: a brace stands alone",
        "Nameless: the message class names no template",
        "only {field} may stand in braces",
    ):
        assert problem in told or problem == "8 problems"


@pytest.mark.parametrize(
    ("kind", "field", "cleared"),
    [
        ("email", "ward", True),
        ("email", "site", True),
        ("email", "name", True),
        ("email", "staff", True),
        ("email", "test", False),
        ("email", "result", False),
        ("sms", "ward", True),
        ("sms", "name", False),
        ("sms", "test", False),
        ("push", "staff", False),
        ("push", "site", True),
    ],
)
def test_a_channel_shows_what_it_is_cleared_for(place, kind, field, cleared):
    template = Template(Note, english(kind, text=f"{{{field}}}"))
    if cleared:
        place.hub(place.keyring(), Outbox(kind), templates=[template])
    else:
        assert "no clearance" in problems(place, template, channels=[Outbox(kind)])


def test_a_subject_never_shows_a_classified_field(place):
    assert "subject: no clearance" in problems(place, Template(Note, english(subject="{name}")))


def test_clearance_can_be_given_and_what_is_not_named_has_none(place):
    template = Template(Note, english(text="{test}"))
    place.hub(place.keyring(), templates=[template], clearance={"email": frozenset({PHI.TEST})})
    named = Template(Note, english(text="{name}"))
    assert "no clearance" in problems(place, named, clearance={"sms": frozenset({PHI.NAME})})


def test_a_field_of_unknown_class_is_not_shown(place):
    @attrs.frozen(kw_only=True)
    class Unresolvable(Message):
        template: ClassVar[str] = "unresolvable"
        ward: "NoSuchName" = ""  # noqa: F821

    assert "no clearance for unknown." in problems(place, Template(Unresolvable, english(text="{ward}")))


def test_words_that_no_channel_shows_are_a_problem(place):
    assert "no channel" in problems(place, Template(Note, english("sms", text="hello")))


def test_other_languages_say_nothing_that_english_lacks(place):
    variants = english() | {"th": {"sms": Content(text="ผล")}}
    assert "th: sms has no words in 'en'" in problems(place, Template(Note, variants))


def test_two_channels_of_one_kind_are_refused(place):
    assert "two channels" in problems(place, channels=[Outbox(), Outbox()])


@pytest.mark.anyio
async def test_a_loose_classified_value_is_checked_when_it_is_sent(place, patient):
    template = Template(Note, english(text="{loose}"))
    async with place.keyring() as keyring, place.hub(keyring, templates=[template]) as hub:
        with pytest.raises(AegisError, match=r"no clearance for phi\.diagnosis") as caught:
            await hub.send(Note(to=patient, loose=Classified("flu", PHI.DIAGNOSIS)), key="n-1")
        assert "flu" not in str(caught.value)
        await hub.send(Note(to=patient, loose=Classified("Somchai", PHI.NAME)), key="n-2")
        await hub.send(Note(to=patient, loose="plain"), key="n-3")
    assert sorted(mail.text for mail in place.outbox.delivered) == ["Somchai", "plain"]


@pytest.mark.anyio
@pytest.mark.parametrize("control", ["\r", "\n", "\x00", "\x1b", "\u2028", "\x85"])
async def test_a_value_cannot_break_the_subject(place, patient, control):
    template = Template(Note, english(subject="Ward {ward}", text=""))
    async with place.keyring() as keyring, place.hub(keyring, templates=[template]) as hub:
        with pytest.raises(AegisError) as caught:
            await hub.send(Note(to=patient, ward=f"4B{control}Bcc: eve@evil.example"), key="n-1")
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
        assert "eve" not in str(caught.value)
        assert await hub.deliveries() == []


@pytest.mark.anyio
@pytest.mark.parametrize("control", ["\r\n", "\n", "\x00"])
async def test_an_address_cannot_break_a_header(place, patient, control):
    to = attrs.evolve(patient, addresses={"email": Classified(f"a@b.example{control}Bcc: eve@evil.example", PHI.EMAIL)})
    template = Template(Note, english(text=""))
    async with place.keyring() as keyring, place.hub(keyring, templates=[template]) as hub:
        with pytest.raises(AegisError) as caught:
            await hub.send(Note(to=to), key="n-1")
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
        assert "eve" not in str(caught.value)
        assert await hub.deliveries() == []


@pytest.mark.anyio
async def test_the_recipients_language_is_used_where_there_are_words(place, result_ready, patient):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        for number, language in enumerate(("th", "th-TH", "de", "en-GB")):
            message = result_ready(to=attrs.evolve(patient, language=language), name="Somchai")
            await hub.send_immediate(message, key=f"r-{number}")
    thai, thailand, german, british = place.outbox.delivered
    assert thai.subject == thailand.subject == "ผลตรวจพร้อมแล้ว"
    assert german.subject == british.subject == "A result is ready at North Clinic"


@pytest.mark.anyio
async def test_the_first_channel_with_an_address_is_chosen(place, result_ready, patient):
    sms, email = Outbox("sms", html=False), Outbox("email")
    both = attrs.evolve(patient, addresses=dict(patient.addresses) | {"sms": Classified("+66 81 234 5678", PHI.PHONE)})
    async with place.keyring() as keyring, place.hub(keyring, sms, email) as hub:
        assert (await hub.send_immediate(result_ready(to=both), key="r-1")).channel == "sms"
        assert (await hub.send_immediate(result_ready(), key="r-2")).channel == "email"
    assert [mail.text for mail in sms.delivered] == ["A result is ready at North Clinic."]


@pytest.mark.anyio
async def test_html_is_escaped_and_text_is_not(place, result_ready):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        await hub.send_immediate(result_ready(clinic="<script>\"&'"), key="r-1")
    (mail,) = place.outbox.delivered
    assert "<b>&lt;script&gt;&quot;&amp;&#x27;</b>" in mail.html
    assert "<script>\"&'" in mail.text


@pytest.mark.anyio
async def test_a_message_that_the_channel_cannot_take_is_refused_before_it_is_journalled(place, result_ready):
    outbox = Outbox(largest=80)
    async with place.keyring() as keyring, place.hub(keyring, outbox) as hub:
        with pytest.raises(AegisError, match="email takes 80") as caught:
            await hub.send(result_ready(clinic="x" * 100), key="r-1")
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
        assert await hub.deliveries() == []


@pytest.mark.anyio
async def test_a_message_without_a_template_is_refused(place, patient):
    async with place.keyring() as keyring, place.hub(keyring) as hub:
        with pytest.raises(AegisError, match="Nameless"):
            await hub.send(Nameless(to=patient), key="r-1")


def test_a_value_without_a_plain_text_is_refused_by_type(patient):
    @attrs.frozen(kw_only=True)
    class Odd(Message):
        value: object = None

    assert field_texts(Odd(to=patient)) == {"value": ""}
    for value in (b"secret", ["secret"], {"a": "secret"}, True, object()):
        with pytest.raises(AegisError) as caught:
            field_texts(Odd(to=patient, value=value))
        assert type(value).__name__ in caught.value.message
        assert "secret" not in caught.value.message


TEXTS = st.text(st.sampled_from("{}abc<\n&ก "), max_size=30)


@given(literal=TEXTS, value=TEXTS)
@settings(max_examples=50)
def test_a_value_is_never_read_as_a_template(literal, value):
    escaped = literal.replace("{", "{{").replace("}", "}}")
    parts = parse(escaped + "{field}" + escaped)
    assert fill(parts, {"field": value}) == literal + value + literal


@given(text=st.text(st.sampled_from("{}ab.!:[]_0"), max_size=12))
@settings(max_examples=50)
def test_a_text_is_read_or_refused_and_nothing_runs(text):
    try:
        parts = parse(text)
    except ValueError as error:
        assert len(str(error)) < 80
        return
    for part in parts:
        assert isinstance(part, str)
    assert render(Content(text=text), dict.fromkeys(map(str, parts), ""), Classified("a", PHI.EMAIL), with_html=False)
