"""The filter that services write before they have marks: patterns over the finished text of a line."""

import re
from typing import Final

PATTERNS: Final = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}\b",  # e-mail
        r"\b\d{3}-\d{2}-\d{4}\b",  # social security number
        r"\b(?:\+?\d{1,3}[ .-]?)?\(?\d{3}\)?[ .-]?\d{3}[ .-]?\d{4}\b",  # telephone
        r"\b(?:\d[ -]?){13,19}\b",  # card
        r"\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,3})?\b",  # IBAN
        r"\b(?:\d{1,3}\.){3}\d{1,3}\b",  # IPv4
        r"\b(?:[0-9a-f]{1,4}:){2,7}[0-9a-f]{1,4}\b",  # IPv6
        r"\b(?:mrn|hn|an|vn)[ :#-]{0,3}\d{4,10}\b",  # record numbers
        r"\b\d{1}-?\d{4}-?\d{5}-?\d{2}-?\d{1}\b",  # Thai national number
        r"\b\d{3} ?\d{3} ?\d{4}\b",  # NHS number
        r"\b(?:19|20)\d{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])\b",  # date
        r"\b(?:0?[1-9]|[12]\d|3[01])[./](?:0?[1-9]|1[0-2])[./](?:19|20)?\d{2}\b",  # date
        r"\b(?:mr|mrs|ms|dr|prof)\.? [a-z]+(?: [a-z]+)?\b",  # name after a title
        r"\b\d{1,5} [a-z]+ (?:street|st|road|rd|avenue|ave|lane|ln|soi)\b",  # address
        r"\b\d{5}(?:-\d{4})?\b",  # ZIP code
        r"\beyj[a-z0-9_-]{10,}\.[a-z0-9_-]{10,}\.[a-z0-9_-]{10,}\b",  # token
        r"\b(?:sk|pk|akia|ghp|xox[bp])[_-]?[a-z0-9]{16,}\b",  # key
        r"(?:authorization|bearer|basic)[\"' :=]+[a-z0-9._~+/-]+=*",
        r"\"(?:first_?|last_?|full_?)?name\": ?\"[^\"]*\"",
        r"\"(?:password|passwd|secret|token|api_?key|ssn|mrn|dob|birth_?date)\": ?\"[^\"]*\"",
    )
]


def redact_text(text: str) -> str:
    """Replace what any of the patterns finds."""
    for pattern in PATTERNS:
        text = pattern.sub("[redacted]", text)
    return text
