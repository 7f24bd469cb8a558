"""Which carrier names the tenant, which the feature, and what may be asked for at all."""

from __future__ import annotations

import re

import pytest

from detector.sources.carriers import KINDS, MAX_ID, Attribution, Carrier, Identity


def mapped(kind, name="", **identities):
    return Carrier(kind, name, lambda: identities)


def test_the_first_carrier_that_answers_wins():
    asked = Attribution((Carrier("request_header", "x-tenant-id"), Carrier("subscription")))
    both = {"request_header x-tenant-id": "acme", "subscription": "bu-hr"}
    assert asked.tenant_of(both) == Identity("acme")
    assert asked.tenant_of(both | {"request_header x-tenant-id": ""}) == Identity("bu-hr")


def test_where_no_carrier_answers_nobody_is_named():
    asked = Attribution((Carrier("subscription"), Carrier("product")))
    assert asked.tenant_of({"subscription": "", "api": "chat"}) is None
    assert Attribution().tenant_of({"subscription": "bu-hr"}) is None


def test_a_carrier_with_a_mapping_answers_for_its_ids_alone():
    asked = Attribution((mapped("subscription", one=Identity("acme")), Carrier("product")))
    assert asked.tenant_of({"subscription": "one", "product": "gold"}).tenant == "acme"
    assert asked.tenant_of({"subscription": "two", "product": "gold"}).tenant == "gold"
    assert asked.tenant_of({"subscription": "two"}) is None


def test_an_id_longer_than_any_name_names_nobody():
    asked = Attribution((Carrier("request_header", "x-tenant-id"),))
    assert asked.tenant_of({"request_header x-tenant-id": "x" * MAX_ID}) is not None
    assert asked.tenant_of({"request_header x-tenant-id": "x" * (MAX_ID + 1)}) is None


def test_the_feature_is_what_its_own_carriers_answer():
    asked = Attribution(
        (Carrier("subscription"),), (mapped("product", gold=Identity("", "search")), Carrier("api"))
    )
    ids = {"subscription": "bu-hr", "product": "gold", "api": "chat"}
    assert asked.feature_of(ids, asked.tenant_of(ids)) == "search"
    assert asked.feature_of(ids | {"product": "tin"}, None) == "chat"
    assert asked.feature_of({"subscription": "bu-hr"}, None) == ""


def test_the_feature_of_the_tenants_mapping_goes_before_its_carriers():
    asked = Attribution((mapped("subscription", one=Identity("acme", "ocr")),), (Carrier("api"),))
    ids = {"subscription": "one", "api": "chat"}
    assert asked.feature_of(ids, asked.tenant_of(ids)) == "ocr"


def test_a_tenants_id_is_not_taken_for_a_feature():
    asked = Attribution((Carrier("subscription"),))
    ids = {"subscription": "bu-hr"}
    assert asked.feature_of(ids, asked.tenant_of(ids)) == ""


def test_a_mapping_of_features_without_one_leaves_the_next_carrier_to_answer():
    asked = Attribution((), (mapped("product", gold=Identity("acme")), Carrier("api")))
    assert asked.feature_of({"product": "gold", "api": "chat"}, None) == "chat"


def test_a_pull_is_told_by_one_version_of_the_mappings():
    identities = {"one": Identity("acme")}
    asked = Attribution((Carrier("subscription", "", lambda: dict(identities)), Carrier("api")))
    fixed = asked.fixed()
    identities["one"] = Identity("bolt")
    assert fixed.tenant_of({"subscription": "one"}).tenant == "acme"
    assert asked.tenant_of({"subscription": "one"}).tenant == "bolt"
    assert fixed.tenant_of({"api": "chat"}).tenant == "chat"


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_names_the_kind_and_what_tells_two_of_a_kind_apart(kind):
    named = kind in ("request_header", "response_header", "trace", "dimension")
    assert Carrier(kind, "x id" if named else "").key == (f"{kind} x id" if named else kind)


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("header", "x", "'header' is no carrier; there are subscription"),
        ("request_header", "", "a request_header needs its name"),
        ("dimension", "x'); drop", "letters, digits, spaces, dots"),
        ("trace", "x" * 65, "1 to 64"),
        ("subscription", "bu-hr", "a subscription has no name to choose; leave 'bu-hr' out"),
    ],
)
def test_a_carrier_that_cannot_be_asked_is_refused(kind, name, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        Carrier(kind, name)
