"""Lines as people read them: nothing in a field can fake a second line or move the cursor."""

import io
import json
import sys

import pytest

from aegis_core.local.filesystem.log import ConsoleSink
from aegis_core.local.filesystem.readable import readable


def line(**fields):
    return (
        json.dumps({"timestamp": "2026-11-24T08:14:03.123Z", "level": "info", "event": "x"} | fields).encode() + b"\n"
    )


def test_a_line_shows_time_level_event_and_fields():
    text = readable(line(ward="4B", beds=3)).decode()
    for part in ("08:14:03.123", "info", "x", "ward=", "4B", "beds=", "3"):
        assert part in text
    assert text.count("\n") == 1


def test_control_characters_stay_escaped():
    text = readable(line(note="a\x1b[2Jb\nfake", event="e\rv")).decode()
    assert "\x1b[2J" not in text
    assert text.count("\n") == 1
    assert "\r" not in text


def test_an_exception_stands_below_its_line():
    described = {
        "type": "ValueError",
        "message": "[text]",
        "frames": ["a.py:1 f"],
        "cause": {"type": "OSError", "message": ""},
    }
    text = readable(line(exception=described)).decode()
    assert "ValueError" in text
    assert "[text]" in text
    assert "a.py:1 f" in text
    assert "caused by" in text


def test_what_is_no_log_line_passes_unchanged():
    assert readable(b"plain\n") == b"plain\n"


@pytest.mark.parametrize("stand_in", [io.StringIO(), None])
def test_where_standard_output_is_no_file_it_writes_to_descriptor_1(stand_in, monkeypatch, capfd):
    monkeypatch.setattr(sys, "stdout", stand_in)
    ConsoleSink().write(line(ward="4B"))
    assert "4B" in capfd.readouterr().out
