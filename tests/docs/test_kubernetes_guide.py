"""The page on Kubernetes says what the manifests say."""

import re

import pytest

from examples.service.app import ASKED_FOR, NEEDED
from examples.service.times import Times
from tests.architecture.tree import ROOT
from tests.pods.manifest import FOLDER, container

PAGE = (ROOT / "docs" / "guides" / "kubernetes.md").read_text()
SERVICES = [("volume", "StatefulSet"), ("servers", "Deployment")]


@pytest.mark.parametrize(("name", "kind"), SERVICES)
def test_the_table_of_the_end_adds_up_to_what_the_manifest_says(name, kind):
    ours = container(name, kind)
    times = Times.read(ours.environ)
    shown = [
        int(second)
        for second in re.findall(r"^\| (\d+) \| ", PAGE[PAGE.index("| second |") :].split("\n\n")[0], re.MULTILINE)
    ]
    stops, cut = ours.pre_stop + times.leave, times.request + 1
    assert shown == [0, ours.pre_stop, stops, stops + cut, stops + cut + times.close, ours.grace]
    assert f"`preStop` sleeps for {ours.pre_stop} s" in PAGE
    assert f"still serves for {times.leave:g} s" in PAGE
    assert f"up to {times.request:g} s, and is cut off after {cut:g}" in PAGE
    assert f"{times.close:g} s in all" in PAGE
    assert f"`runAsUser: {ours.user}`" in PAGE
    assert f"Memory: {ours.memory >> 20} MiB" in PAGE


def test_the_servers_variant_waits_for_as_long_as_the_page_says():
    probe = container("servers", "Deployment").probes["startup"]
    assert f"{probe['periodSeconds'] * probe['failureThreshold']} s." in PAGE


def test_the_block_on_readiness_is_what_the_service_does():
    assert set(re.findall(r'"(\w+)"', re.search(r"NEEDED = \{(.*?)\}", PAGE).group(1))) == NEEDED
    assert f"deadline={ASKED_FOR}" in PAGE


def test_what_the_page_quotes_of_the_manifests_stands_there():
    texts = [(FOLDER / f"{name}.yaml").read_text() for name in ("volume", "servers")]
    quoted = re.findall(r"`((?:\w+: [\w\[\]]+)|[A-Z]+_[A-Z_]+)`", PAGE)
    assert len(quoted) > 8
    outside = {"medium: Memory", "connection: close"}
    assert [words for words in quoted if words not in outside and not any(words in text for text in texts)] == []


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:examples|tests)/[\w/.]+)`", PAGE))))
def test_files_that_the_page_names_are_there(path):
    assert (ROOT / path).exists()
