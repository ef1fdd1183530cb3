"""A survey looks at everything that settings name, opens nothing, makes nothing and repeats no secret."""

import pytest

from aegis_core import AegisError, ErrorCode
from aegis_core.survey import survey


def environ(tmp_path, **more):
    return {
        "AEGIS_ENV": "test",
        "AEGIS_STORAGE": f"file:{tmp_path}/store",
        "AEGIS_AUDIT": f"sqlite:{tmp_path}/trail.db",
        "AEGIS_SUBJECT_KEYS": f"sqlite:{tmp_path}/subjects.db",
        "AEGIS_KEYS": f"file:{tmp_path}/keys",
        "AEGIS_EMAIL": f"eml:{tmp_path}/mail",
        "AEGIS_LOG": f"jsonl:{tmp_path}/app.jsonl",
        **more,
    }


def test_every_place_is_named_further_ones_behind_the_first_of_their_port(tmp_path):
    found = survey(
        environ(
            tmp_path,
            AEGIS_STORAGE__IMAGES=f"file:{tmp_path}/images",
            AEGIS_STORAGE__TENANT_EU=f"file:{tmp_path}/eu",
            AEGIS_AUDIT__OFFSITE=f"file:{tmp_path}/offsite",
        )
    )
    assert [place.name for place in found.places] == [
        "log",
        "storage",
        "storage images",
        "storage tenant EU",
        "audit",
        "audit copy offsite",
        "state",
        "subject_keys",
        "keys",
        "email",
    ]
    assert found.problems == ()
    assert found.places[3].where.variable == "AEGIS_STORAGE__TENANT_EU"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_what_it_makes_creates_nothing(tmp_path):
    for place in survey(environ(tmp_path)).places:
        if place.kind == "log":
            with pytest.raises(AegisError) as caught:
                place.make()
        else:
            with pytest.raises(AegisError) as caught:
                async with place.opened():
                    pass
        assert caught.value.code is ErrorCode.NOT_FOUND, place.name
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_a_place_opens_by_itself_and_what_its_adapter_lets_out_says_where_it_comes_from(tmp_path):
    (tmp_path / "store" / ".#locks").mkdir(parents=True)
    place = next(place for place in survey(environ(tmp_path)).places if place.name == "storage")
    async with place.opened() as storage:
        assert (await storage.health()).state != "down"
    (tmp_path / "store" / ".#locks").rmdir()
    with pytest.raises(AegisError) as caught:
        async with place.opened():
            raise AssertionError
    assert (caught.value.operation, caught.value.adapter) == ("open", "file")


def test_all_problems_come_at_once_those_of_urls_too_and_the_rest_is_still_there(tmp_path):
    found = survey(
        environ(
            tmp_path, AEGIS_LOG_LEVEL="loud", AEGIS_STORAGE="s4://x", AEGIS_KEYS=f"file:{tmp_path}/keys?passphrase=gone"
        )
    )
    assert [problem.setting for problem in found.problems] == ["AEGIS_STORAGE", "AEGIS_LOG_LEVEL", "AEGIS_KEYS"]
    assert [place.name for place in found.places] == ["log", "audit", "state", "subject_keys", "email"]
    assert found.secrets == {"gone": "missing"}


def test_it_says_where_a_secret_was_read_and_never_what_it_is(tmp_path):
    found = survey(environ(tmp_path, AEGIS_KEYS=f"file:{tmp_path}/k?passphrase=p", AEGIS_SECRET_P="hunter2-hunter2"))
    assert found.secrets == {"p": "environment"}
    assert "hunter2" not in repr(found)


def test_only_the_parts_in_use_are_looked_at(tmp_path):
    assert [place.name for place in survey(environ(tmp_path), only=("log",)).places] == ["log"]
