"""E-mail through a mail server."""

from aegis_smtp.channel import SmtpChannel, from_url

__all__ = ["SmtpChannel", "from_url"]
