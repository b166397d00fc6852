"""The ledger's rules, without any server."""

from __future__ import annotations

from typing import get_args

from credit.domain.commands import Intent, PostHold
from credit.domain.system_accounts import Source, SystemAccount, funded_by
from shared.events.credit import AdditionSource


def test_a_repetition_means_the_same_transfer_and_nothing_else_does() -> None:
    intent = Intent("anna POST /v1/accounts/me/debits", "k", "f")
    assert intent.transfer_id == Intent(intent.scope, "k", "other body").transfer_id
    assert intent.transfer_id != Intent(intent.scope, "k2", "f").transfer_id
    assert intent.transfer_id != Intent("ben POST /v1/accounts/me/debits", "k", "f").transfer_id


def test_a_hold_becomes_the_same_transfer_whoever_posts_it() -> None:
    hold_id = Intent("s", "k", "f").transfer_id
    first = PostHold(Intent("a", "1", "f"), hold_id, "a", any_user=False)
    second = PostHold(Intent("b", "2", "f"), hold_id, "b", any_user=True)
    assert first.transfer_id == second.transfer_id != hold_id


def test_every_source_of_the_contract_has_an_account_it_is_taken_from() -> None:
    assert set(get_args(Source)) == set(get_args(AdditionSource))
    for source in get_args(Source):
        assert funded_by(source) in get_args(SystemAccount)
