"""Nothing of any patient comes out of a real application that is set up as the guides say; without, everything does."""

import re
from collections import Counter

import pytest

from aegis_core.marks.canary import encodings
from tests.corpus import case as cases
from tests.corpus import page
from tests.corpus.runs import APPS, run
from tests.corpus.search import Search
from tests.corpus.values import KINDS, Values

WITHOUT_A_SERVER = [pytest.param(app, id=app) for app in APPS if not APPS[app].server]
ON_A_SERVER = [pytest.param(app, id=app, marks=pytest.mark.server) for app in APPS if APPS[app].server]


@pytest.mark.parametrize("app", [*WITHOUT_A_SERVER, *ON_A_SERVER])
def test_nothing_leaks_but_what_the_guide_names_and_without_protection_all_does(app, tmp_path, request):
    needed = APPS[app].server
    server = request.getfixturevalue("aegis_server")(needed).endpoint.url if needed else ""
    protected, bare = (
        run(app, tmp_path / name, is_bare=name == "bare", server=server) for name in ("protected", "bare")
    )
    seed = f"CORPUS_SEED={cases.SEED}"

    for each in (protected, bare):
        left = Counter(case.carrier for id_, case in each.cases.items() if id_ not in each.carried)
        assert not left, f"{seed}: these were never carried: {left}"
    assert not page.leaks(protected), f"{seed}: these leak"
    outside = {id_ for id_, case in protected.cases.items() if case.is_outside}
    caught = {protected.cases[id_].carrier for id_ in outside - protected.leaked.keys()}
    assert not caught, f"{seed}: the guide says that these are not caught"

    found = Counter(bare.cases[id_].carrier for id_ in bare.leaked)
    unfound = {case.carrier for case in bare.cases.values()} - found.keys()
    assert not unfound, f"{seed}: nothing shows that these would be found"
    assert found.total() >= 0.97 * len(bare.cases), f"{seed}: {found.total()} of {len(bare.cases)} are found"
    if cases.SEED == cases.PRINTED:
        assert page.read()[app] == page.column(protected, bare), "python -m tests.corpus --write"


def test_the_guide_names_all_that_is_outside_and_nothing_else():
    assert page.points() == set(page.POINTS.values())


def test_the_guide_tells_of_thousands_of_cases_in_every_application():
    columns = page.read()
    assert columns.keys() == APPS.keys()
    assert sum(int(found) for column in columns.values() for found in re.findall(r"(\d+):", str(column))) > 4000


def test_no_two_cases_of_an_application_have_one_value_and_each_carrier_has_one_of_each_kind():
    dealt = cases.deal("core", map(str, range(120))).values()
    assert len({case.needle for case in dealt}) == len(dealt) == 120 * len(KINDS)
    assert Counter(case.kind for case in dealt) == dict.fromkeys(KINDS, 120)


def test_the_search_finds_whatever_the_canary_would_find():
    values = Values("search")
    needles = {f"{kind} {number}": values.draw(kind) for kind in KINDS for number in range(3)}
    search = Search(needles)
    for id_, needle in needles.items():
        for before in (b"", b"x", b"yz"):
            for encoded in encodings(needle):
                assert id_ in search.find(before + encoded.pattern + b"after")
    others = Values("others")
    written = b"\n".join(encoded.pattern for needle in needles.values() for encoded in encodings(needle))
    assert search.find(written) == needles.keys()
    assert Search({kind: others.draw(kind) for kind in KINDS}).find(written) == set()


def test_a_value_is_found_over_the_end_of_a_line_and_in_a_file_of_which_most_was_seen_before(tmp_path):
    search = Search({"a": "HN-123456789", "b": "HN-987654321"})
    (tmp_path / "1").write_bytes(b"head\nHN-1234=\n56789\ntail\n")
    (tmp_path / "2").write_bytes(b"head\ntail\nHN-98765\n4321\n")
    (tmp_path / "of HN-123456789").write_bytes(b"head\n")
    found = search.look(tmp_path)
    assert found == {"a": {"1", "the name of of HN-123456789"}, "b": {"2"}}
