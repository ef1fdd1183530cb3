"""What may be told of a URL: where it leads, not what it asks for."""

from urllib.parse import urlsplit


def origin_of(url: str, /) -> str:
    """Give scheme, host and port of a URL (RFC 6454 §4); paths and queries name records, and user parts are secrets.

    Example:
        >>> origin_of("https://ward:pw@fhir.clinic.example:8443/Patient/HN-00042?name=Somchai#1")
        'https://fhir.clinic.example:8443'
        >>> origin_of("/patients/HN-00042")
        '[url]'
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "[url]"
    if not host or not parts.scheme:
        return "[url]"
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")


__all__ = ["origin_of"]
