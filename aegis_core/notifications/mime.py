"""A rendered message as an e-mail (RFC 5322, MIME), for every channel of that kind. No I/O."""

import re
from datetime import UTC, datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
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
#: Headers whose words are divided by single spaces, all of ASCII.
_PLAIN: Final = re.compile(r"[!-~]+(?: [!-~]+)*")
_LINE: Final = SMTP.max_line_length or 78  # octets
_MIME: Final = b"MIME-Version: 1.0\r\n"
_SMTP_UTF8: Final = SMTP.clone(utf8=True)  # RFC 6532, where an address must be
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


def octets_of(message: Rendered, /, *, digest: str, sender: Address, wall_ns: int, adapter: str) -> bytes:
    """Write a message as an e-mail, as it is sent or stored. The recipient's address stands in ``To:`` alone.

    Arguments:
        digest: names the message in its ``Message-ID`` and its boundary: the same message is the same bytes.
        wall_ns: POSIX nanoseconds, for ``Date``.

    Raises:
        AegisError: ``invalid_argument`` for an address that is none, a control character in the subject, or a text that
            cannot be encoded.
    """
    address = plain_address(message.to.reveal(Purpose.OPERATIONS), adapter=adapter)
    if _CONTROL.search(message.subject):
        raise _refused("the subject holds a control character", adapter)
    utf8 = not str(address).isascii()
    try:
        head = b"".join(
            (
                _header("From", sender, utf8=utf8),
                _header("To", address, utf8=utf8),
                _header("Subject", message.subject, utf8=utf8),
                _header("Date", format_datetime(_EPOCH + timedelta(seconds=wall_ns // 1_000_000_000)), utf8=utf8),
                _header("Message-ID", f"<{digest}@{sender.domain}>", utf8=utf8),
            )
        )
        described, text = _part(message.text, "plain")
        if message.html is None:
            return b"".join((head, described, _MIME, b"\r\n", text))
        described_too, html = _part(message.html, "html")
    except (MessageError, ValueError, LookupError):
        raise _refused("the message cannot be written as an e-mail", adapter) from None
    mark = f"={digest}="
    kind = f'Content-Type: multipart/alternative;\r\n boundary="{mark}"\r\n\r\n'.encode()
    between = f"--{mark}\r\n".encode()
    end = f"--{mark}--\r\n".encode()
    return b"".join(
        (
            head, _MIME, kind,
            between, described, b"\r\n", text, b"\r\n",
            between, described_too, _MIME, b"\r\n", html, b"\r\n",
            end,
        )
    )  # fmt: skip


def _header(name: str, value: str | Address, /, *, utf8: bool) -> bytes:
    """One header. The library takes 0.2 ms for it, so what needs neither folding nor encoding is not handed to it."""
    line = f"{name}: {value}"
    if len(line) <= _LINE and _PLAIN.fullmatch(line) and "=?" not in line:
        return line.encode() + b"\r\n"
    policy = _SMTP_UTF8 if utf8 else SMTP
    return policy.fold_binary(*policy.header_store_parse(name, value))


def _part(text: str, subtype: str) -> tuple[bytes, bytes]:
    """The headers of one form of a message, and its body."""
    lines = text.encode().splitlines()
    if max(map(len, lines), default=0) <= _LINE:
        encoding = "7bit" if text.isascii() else "8bit"
        described = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n'
        return described.encode(), b"\r\n".join(lines) + b"\r\n"
    part = EmailMessage(SMTP)
    part.set_content(text, subtype=subtype)
    del part["MIME-Version"]
    described_by, _, body = part.as_bytes().partition(b"\r\n\r\n")
    return described_by + b"\r\n", body


def _refused(why: str, adapter: str) -> AegisError:
    return AegisError(ErrorCode.INVALID_ARGUMENT, why, operation="notification.send", adapter=adapter)
