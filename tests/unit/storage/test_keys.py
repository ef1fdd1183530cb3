import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.filesystem.key_paths import place_of
from aegis_core.storage.keys import application_key, escaped_key, escaped_prefix
from aegis_core.storage.model import LARGEST_KEY, Key, checked_key, checked_listing

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
canonical = st.lists(
    st.text("ab.-_~%", min_size=1, max_size=4).map(lambda s: s.replace("%", "%25"))
    | st.sampled_from(["s" * 199, "s" * 200, "s" * 240]),
    min_size=1,
    max_size=4,
).map(lambda parts: "/".join(p if p.strip(".") else f"{p}x" for p in parts))


def is_key(text):
    segments = text.split("/")
    return all(segments) and "." not in segments and ".." not in segments


@given(texts, st.none() | st.sampled_from(["eu", "clinic-a", "a@b"]))
def test_every_key_becomes_a_canonical_one_and_comes_back(key, tenant):
    assume(is_key(key))
    try:
        escaped = escaped_key(key, tenant=tenant)
    except AegisError as error:
        assert error.code is ErrorCode.INVALID_ARGUMENT
        assert len(key.encode()) * 3 + 20 > LARGEST_KEY
        return
    assert checked_key(escaped) == escaped
    assert escaped.isascii()
    assert application_key(escaped) == unicodedata.normalize("NFC", key)


@given(texts, texts)
def test_two_keys_never_share_a_place(one, other):
    assume(is_key(one) and is_key(other))
    same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    assert (escaped_key(one, tenant=None) == escaped_key(other, tenant=None)) == same


def test_two_spellings_of_one_text_are_one_key():
    assert escaped_key("Pełka é", tenant=None) == escaped_key("Pełka e\u0301", tenant=None) == "_/Pe%C5%82ka%20%C3%A9"


@pytest.mark.parametrize(
    "key",
    ["", "/", "a/", "/a", "a//b", ".", "..", "a/..", "../../etc/passwd", "a/./b", "a\0b", "a\n", "\ud800", "x" * 1023],
)
def test_what_is_no_key_is_refused_without_being_repeated(key):
    with pytest.raises(AegisError) as caught:
        escaped_key(key, tenant=None)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert len(key) < 3 or key not in str(caught.value)


@pytest.mark.parametrize("tenant", ["_", ".", ".."])
def test_a_tenant_cannot_take_the_place_of_none(tenant):
    with pytest.raises(AegisError, match="tenant"):
        escaped_key("a", tenant=tenant)


def test_a_tenant_is_one_segment_whatever_it_holds():
    assert escaped_key("c", tenant="a/b") == "a%2Fb/c"
    assert escaped_key("b/c", tenant="a") == "a/b/c"


@given(texts, st.integers(0, 30))
def test_a_prefix_of_a_key_is_a_prefix_of_its_escaped_key(key, cut):
    assume(is_key(key))
    prefix = unicodedata.normalize("NFC", key)[:cut]
    assume(unicodedata.is_normalized("NFC", prefix))
    escaped = escaped_prefix(prefix, tenant="t")
    checked_listing(escaped, 1)
    assert escaped_key(key, tenant="t").startswith(escaped)


@pytest.mark.parametrize("prefix", ["/", "a//", "../", "a/../", "./", "a\0"])
def test_what_begins_no_key_is_refused(prefix):
    with pytest.raises(AegisError) as caught:
        escaped_prefix(prefix, tenant=None)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


@given(canonical, canonical)
def test_two_keys_never_share_a_file_and_a_file_is_never_a_folder(one, other):
    one, other = Key(one), Key(other)
    places = [place_of(checked_key(key)) for key in (one, other)]
    paths = [(*place.folders, place.file) for place in places]
    assert (paths[0] == paths[1]) == (one == other)
    for place in places:
        assert all(
            0 < len(name) <= 255 and "/" not in name and name not in {".", ".."}
            for name in (*place.folders, place.file)
        )
    if one != other:
        assert paths[0] != paths[1][: len(paths[0])]
