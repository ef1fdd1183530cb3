"""One URL names an adapter and how to reach it. Its text never shows a user, a password or a secret option."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import attrs

_SECRET_WORDS = ("password", "passphrase", "secret", "token", "key", "credential", "signature", "sig")


def is_secret_option(name: str, /) -> bool:
    """Whether an option's name says that its value is a secret."""
    lowered = name.lower()
    return any(word in lowered for word in _SECRET_WORDS)


@attrs.frozen(repr=False)
class ServiceUrl:
    """A parsed adapter URL (RFC 3986). ``file:.aegis/x`` keeps a relative path, ``file:///var/x`` an absolute one."""

    scheme: str
    host: str = ""
    port: int | None = None
    path: str = ""
    options: Mapping[str, str] = attrs.field(factory=dict[str, str])
    user: str | None = None
    password: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str, /) -> "ServiceUrl":
        """Read a URL.

        Raises:
            ValueError: the text is no URL; the message does not repeat it.
        """
        if any(character <= " " or character == "\x7f" for character in text):
            # urlsplit drops some of these without a word, and then reads another URL than the one that was written.
            msg = "a space or control character stands in it: write it percent-encoded"
            raise ValueError(msg)
        try:
            parts = urlsplit(text)
        except ValueError:
            msg = "the host is not written as a host"
            raise ValueError(msg) from None
        if not parts.scheme:
            msg = "no scheme: write scheme:path or scheme://host/path"
            raise ValueError(msg)
        if parts.fragment or text.endswith("#"):
            msg = "a # stands in it: write it %23"
            raise ValueError(msg)
        try:
            port = parts.port
        except ValueError:
            msg = "the port is not a number from 0 to 65535"
            raise ValueError(msg) from None
        path = unquote(parts.path)
        if any(character < " " or character == "\x7f" for character in path):
            msg = "the path holds a control character"
            raise ValueError(msg)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        options = dict(pairs)
        if len(options) != len(pairs):
            msg = "an option is given twice"
            raise ValueError(msg)
        return cls(
            scheme=parts.scheme.lower(),
            host=parts.hostname or "",
            port=port,
            path=path,
            options=options,
            user=unquote(parts.username) if parts.username is not None else None,
            password=unquote(parts.password) if parts.password is not None else None,
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        authority = f"//{host}{port}" if host or self.path.startswith("/") else ""
        shown = "&".join(
            f"{quote(name)}={'…' if is_secret_option(name) else quote(value)}" for name, value in self.options.items()
        )
        return f"{self.scheme}:{authority}{quote(self.path)}" + (f"?{shown}" if shown else "")

    def __repr__(self) -> str:
        return f"ServiceUrl({str(self)!r})"
