"""What we write of an e-mail ourselves is what the standard library would have written."""

from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aegis_core.kernel.errors import AegisError
from aegis_core.marks.classified import Classified
from aegis_core.marks.taxonomy import PHI
from aegis_core.notifications.mime import digest_of, octets_of, plain_address
from aegis_core.notifications.model import Rendered

DIGEST = digest_of("a-key")
AT = 1_700_000_000
WORDS = st.text(st.sampled_from('ab =?_-.é<>"ผ\n\r\t\x0c\x85\u2028'), max_size=90)
TEXTS = st.one_of(WORDS, st.text(max_size=120), st.lists(WORDS, max_size=15).map("\n".join))
SUBJECTS = TEXTS.map(lambda text: "".join(filter(str.isprintable, text)))
ADDRESSES = st.sampled_from(
    [
        "a@b.example",
        "ผู้ป่วย@b.example",
        "a!#$%&'*/=?^_`{|}~@b.example",
        "=?utf-8?q?x?=@b.example",
        "x" * 30 + "@" + "y" * 40 + ".example",
        "x" * 64 + "@" + "y" * 60 + ".example",
        "é@é.example",
    ]
)


def of_the_library(to, sender, subject, text, html):
    to, sender = (plain_address(each, adapter="test") for each in (to, sender))
    mail = EmailMessage(SMTP if str(to).isascii() else SMTP.clone(utf8=True))
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    mail["Date"] = datetime.fromtimestamp(AT, UTC)
    mail["Message-ID"] = f"<{DIGEST}@{sender.domain}>"
    mail.set_content(text)
    if html is not None:
        mail.add_alternative(html, subtype="html")
        mail.set_boundary(f"={DIGEST}=")
    return mail.as_bytes()


@given(ADDRESSES, ADDRESSES, SUBJECTS, TEXTS, st.none() | TEXTS)
@example("a@b.example", "a@b.example", "", "", "")
@example("a@b.example", "a@b.example", "ผลตรวจของคุณพร้อมแล้ว " * 5, "x" * 78, "x" * 79)
@example("a@b.example", "a@b.example", "=?utf-8?q?x?=", "a\r\n\r\nb\rc", None)
@example("a@b.example", "a@b.example", "two  spaces ", ".\n..\nFrom me\n", None)
def test_the_octets_are_those_of_the_library(to, sender, subject, text, html):
    try:
        expected = of_the_library(to, sender, subject, text, html)
    except (MessageError, ValueError, LookupError):
        expected = None
    message = Rendered(Classified(to, PHI.EMAIL), subject, text, html)
    try:
        found = octets_of(
            message, digest=DIGEST, sender=plain_address(sender, adapter="test"), wall_ns=AT * 10**9, adapter="test"
        )
    except AegisError:
        found = None
    assert found == expected


def test_what_cannot_be_encoded_is_an_invalid_argument_and_not_repeated():
    message = Rendered(Classified("a@b.example", PHI.EMAIL), "News", "secret \ud800")
    with pytest.raises(AegisError, match="cannot be written as an e-mail") as caught:
        octets_of(
            message, digest=DIGEST, sender=plain_address("a@b.example", adapter="test"), wall_ns=0, adapter="test"
        )
    assert "secret" not in f"{caught.value!r}{caught.value.__cause__!r}"
