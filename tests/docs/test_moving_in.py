"""The pages on moving in say the same in both languages."""

import json
import re
import shutil
import subprocess

import pytest

from aegis_core import from_headers
from tests.architecture.tree import ROOT

FOLDER = ROOT / "docs" / "guides" / "moving-in"
ENGLISH = sorted(page for page in FOLDER.glob("*.md") if not page.name.endswith(".th.md"))
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
THAI = re.compile("[\u0e00-\u0e7f]")


def prose(text):
    return FENCED.sub("", text)


def headings(text):
    return re.findall(r"^(#+) ", prose(text), re.MULTILINE)


def rows(text):
    return len(re.findall(r"^(?:\||- )", prose(text), re.MULTILINE))


def test_there_are_pages_and_none_is_thai_alone():
    assert ENGLISH
    assert {page.name.removesuffix(".th.md") for page in FOLDER.glob("*.th.md")} <= {page.stem for page in ENGLISH}


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.stem)
def test_the_thai_page_has_the_same_code_headings_and_rows(page):
    thai_page = page.with_suffix(".th.md")
    english, thai = page.read_text(), thai_page.read_text()
    assert FENCED.findall(thai) == FENCED.findall(english)
    assert headings(thai) == headings(english)
    assert rows(thai) == rows(english)
    assert f"]({thai_page.name})" in english
    assert f"]({page.name})" in thai
    assert not THAI.search(prose(english).replace("[ภาษาไทย]", ""))
    assert all(THAI.search(title) for title in re.findall(r"^#+ (.*)$", prose(thai), re.MULTILINE))


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("incoming", [{}, {"traceparent": f"00-{'4b' * 16}-{'7a' * 8}-00"}], ids=["begins", "goes on"])
def test_what_the_function_in_javascript_sends_is_taken_over(incoming):
    (function,) = re.findall(r"^```js\n(.*?)^```$", (FOLDER / "node-aegisx.md").read_text(), re.MULTILINE | re.DOTALL)
    request = {"id": "0b8f5f3e", "correlationId": "visit-7f3a", "headers": incoming}
    script = f"{function}\nconsole.log(JSON.stringify(headersFor({json.dumps(request)})))"
    run = subprocess.run(
        [shutil.which("node"), "--input-type=module", "-"], input=script, capture_output=True, text=True, check=True
    )
    headers = json.loads(run.stdout)
    context = from_headers(headers, trusted=True)
    assert (context.request_id, context.correlation_id) == ("0b8f5f3e", "visit-7f3a")
    version, trace, hop, flags = headers["traceparent"].split("-")
    assert context.trace_id == trace
    assert context.sampled == (flags == "01")
    if incoming:
        assert (version, trace, flags) == ("00", "4b" * 16, "00")
        assert hop != "7a" * 8
