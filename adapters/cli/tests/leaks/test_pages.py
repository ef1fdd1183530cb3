"""What is generated of the pages is what would be generated now."""

from tools.leaks_pages import pages


def test_the_pages_are_of_today():
    stale = [path.name for path, text in pages().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, "python -m tools.leaks_pages"
