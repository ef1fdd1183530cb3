"""A rendered message as an e-mail (RFC 5322, MIME), for every channel of that kind. No I/O."""

import re
from datetime import UTC, datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256
from typing import Final

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks.purpose import Purpose
from aegis_core.notifications.model import Rendered

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: One mailbox without a display name; what a quoted local part could hide is not taken.
_ADDRESS: Final = re.compile(
    r"[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f-\x9f]{1,64}@[^\s@<>(),;:\\\"\x00-\x1f\x7f-\x9f]{1,255}"
)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def digest_of(key: str, /) -> str:
    """What stands for an idempotency key in file names and message ids: 32 hexadecimal digits."""
    return sha256(key.encode()).hexdigest()[:32]


def plain_address(text: str, /, *, adapter: str) -> Address:
    """Read one plain address, such as ``clinic@example.org``.

    Raises:
        AegisError: ``invalid_argument``, without repeating it.
    """
    local, _, domain = text.rpartition("@")
    if (
        _ADDRESS.fullmatch(text) is not None
        and not local.startswith(".")
        and not local.endswith(".")
        and ".." not in text
    ):
        return Address(username=local, domain=domain)
    raise _refused("the address is no e-mail address", adapter)


def compose(message: Rendered, /, *, digest: str, sender: Address, wall_ns: int, adapter: str) -> EmailMessage:
    """Write a message as an e-mail. The recipient's address stands in the ``To:`` header alone.

    Arguments:
        digest: names the message in its ``Message-ID`` and its boundary: the same message is the same bytes.
        wall_ns: POSIX nanoseconds, for ``Date``.

    Raises:
        AegisError: ``invalid_argument`` for an address that is none, or a control character in the subject.
    """
    address = plain_address(message.to.reveal(Purpose.OPERATIONS), adapter=adapter)
    if _CONTROL.search(message.subject):
        raise _refused("the subject holds a control character", adapter)
    mail = EmailMessage(SMTP if str(address).isascii() else SMTP.clone(utf8=True))  # RFC 6532 where it must be
    mail["From"] = sender
    mail["To"] = address
    mail["Subject"] = message.subject
    mail["Date"] = _EPOCH + timedelta(seconds=wall_ns // 1_000_000_000)
    mail["Message-ID"] = f"<{digest}@{sender.domain}>"
    try:
        mail.set_content(message.text)
        if message.html is not None:
            mail.add_alternative(message.html, subtype="html")
            # The boundary is the library's choice otherwise, by chance.
            mail.set_boundary(f"={digest}=")
    except (MessageError, UnicodeError, ValueError, LookupError):
        raise _refused("the message cannot be written as an e-mail", adapter) from None
    return mail


def octets_of(mail: EmailMessage, /, *, adapter: str) -> bytes:
    """The e-mail as it is sent or stored.

    Raises:
        AegisError: ``invalid_argument`` for what cannot be encoded.
    """
    try:
        return mail.as_bytes()
    except (MessageError, UnicodeError, ValueError, LookupError):
        raise _refused("the message cannot be written as an e-mail", adapter) from None


def _refused(why: str, adapter: str) -> AegisError:
    return AegisError(ErrorCode.INVALID_ARGUMENT, why, operation="notification.send", adapter=adapter)
