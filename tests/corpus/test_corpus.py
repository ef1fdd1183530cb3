"""Nothing of any patient comes out of a real application that is set up as the guides say; without, everything does."""

from collections import Counter

import pytest

from aegis_core.marks.canary import encodings
from tests.corpus import case as cases
from tests.corpus.runs import APPS, run
from tests.corpus.search import Search
from tests.corpus.values import KINDS, Values


@pytest.mark.parametrize("app", APPS)
def test_nothing_leaks_but_what_the_guide_names_and_without_protection_everything_does(app, aegis_server, tmp_path):
    needed = APPS[app].server
    server = aegis_server(needed).endpoint.url if needed else ""
    told = f"CORPUS_SEED={cases.SEED}"
    protected, bare = (
        run(app, tmp_path / name, is_bare=name == "bare", server=server) for name in ("protected", "bare")
    )

    for each in (protected, bare):
        left = Counter(case.carrier for id_, case in each.cases.items() if id_ not in each.carried)
        assert not left, f"{told}: these were never carried: {left}"
    leaks = {
        f"{case.carrier} ({case.kind})": protected.leaked[id_]
        for id_, case in protected.cases.items()
        if id_ in protected.leaked and not case.is_outside
    }
    assert not leaks, f"{told}: {leaks}"
    caught = Counter(
        case.carrier for id_, case in protected.cases.items() if id_ not in protected.leaked and case.is_outside
    )
    assert not caught, f"{told}: the guide says that these are not caught: {caught}"

    carriers = Counter(case.carrier for case in bare.cases.values())
    found = Counter(bare.cases[id_].carrier for id_ in bare.leaked)
    assert set(found) == set(carriers), f"{told}: nothing shows that the search would find these"
    assert len(bare.leaked) >= 0.97 * len(bare.cases), (
        f"{told}: the search finds {len(bare.leaked)} of {len(bare.cases)}"
    )


def test_the_search_finds_what_the_canary_finds():
    values = Values("search")
    needles = {str(number): values.draw(kind) for number, kind in enumerate([*KINDS] * 3)}
    search, written = Search(needles), []
    for id_, needle in needles.items():
        for around in (b"", b"x", b"yz"):
            for pattern in {encoded.pattern for encoded in encodings(needle)}:
                assert id_ in search.find(around + pattern + around)
                written.append(pattern)
    assert search.find(b"\n".join(written)) == set(needles)
    others = Values("others")
    assert (
        Search({str(number): others.draw(kind) for number, kind in enumerate([*KINDS] * 3)}).find(b"\n".join(written))
        == set()
    )
