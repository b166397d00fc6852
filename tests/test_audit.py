"""From a debit to evidence of who was told: exported by an operator, checked offline by anybody."""

from __future__ import annotations

import os
import re
from asyncio import to_thread
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

from typer.testing import CliRunner, Result

from ledgerbell.evidence.story import Told, notifications
from ledgerbell.main import app
from ledgerbell.stack import Stack
from ledgerbell.tab import Tab
from shared.testing.waiting import until
from shared.trail import Bundle, read_bundle
from tests.conftest import SilentTab

TabOf = Callable[[str], Tab]


async def audit(stack: Stack, *arguments: str, roles: tuple[str, ...] = ("operator",)) -> Result:
    environment = {
        "LEDGERBELL_GATEWAY_URL": stack.gateway_url,
        "LEDGERBELL_OPERATOR_TOKEN": stack.token("olga", roles),
    }
    arguments = ("audit", *arguments)
    return await to_thread(
        partial(CliRunner().invoke, app, arguments, env=environment, catch_exceptions=False)
    )


async def test_a_debit_on_two_tabs_is_proved_and_a_changed_file_is_found(
    stack: Stack, tab_of: TabOf, user: str, tmp_path: Path
) -> None:
    file = tmp_path / "case.jsonl"
    await stack.open_account(user, "USD")
    await stack.add_credits(user, "100.00")
    async with tab_of(user) as one, tab_of(user) as two:
        await stack.debit(user, "12.50", reason="Groceries")
        for tab in (one, two):
            await tab.until(lambda tab=tab: any("12.50" in each.text for each in tab.received))  # type: ignore[misc]  # mypy cannot type a default.
        transfer = next(each.frame["transfer_id"] for each in one.received if "12.50" in each.text)
        export = ("export", "--user", user, "--transfer", transfer, "--out", str(file))

        async def both_acknowledged() -> Bundle | None:
            exported = await audit(stack, *export)
            assert exported.exit_code == 0, exported.stderr
            bundle = read_bundle(file.read_bytes().splitlines(keepends=True))
            whats = [each.what for each in (*bundle.entries, *bundle.unsealed)]
            return bundle if whats.count("acknowledged") == 2 else None

        bundle = await until(both_acknowledged, within_seconds=60, every_seconds=0.5)

    good = await audit(stack, "verify", str(file), "--key", stack.trail_public_key)
    whole = await audit(stack, "check", "--key", stack.trail_public_key)
    data = file.read_bytes()
    file.write_bytes(data.replace(b'"tabs":2', b'"tabs":3', 1))
    changed = await audit(stack, "verify", str(file), "--key", stack.trail_public_key)

    assert good.exit_code == 0, good.stderr
    assert whole.exit_code == 0, whole.stderr
    assert whole.stdout.startswith("ledgerbell: whole: ")
    assert f"transfer {transfer} of user {user}" in good.stdout
    assert bundle is not None
    assert bundle.header.user_id == user
    assert changed.exit_code == 1
    assert "was altered" in changed.stderr
    html = file.with_suffix(".html").read_text()
    assert "acknowledged by 2 sessions" in html
    assert len(re.findall('<tr><th scope="row">Session ', html)) == 2
    assert "$12.50" in html


async def test_a_silent_tab_stays_in_the_evidence_whoever_comes_back_or_later(
    stack: Stack, tab_of: TabOf, user: str, tmp_path: Path
) -> None:
    file = tmp_path / "case.jsonl"
    await stack.open_account(user, "USD")
    await stack.add_credits(user, "100.00")
    silent = SilentTab(stack.gateway_url, lambda: stack.token(user), cursor="1:1")
    async with tab_of(user) as first:  # Before the first is stored there is no "1:1" to come back to.
        await first.until(lambda: first.cursor == "1:1")
    async with silent, tab_of(user) as told:
        transfer = await stack.debit(user, "12.50")
        for tab in (silent, told):
            await tab.until(lambda tab=tab: tab.cursor == "1:2")  # type: ignore[misc]  # mypy cannot type a default.

        async def kept(sessions: int, listed: int) -> Told | None:
            exported = await audit(
                stack, "export", "--user", user, "--transfer", transfer, "--out", str(file)
            )
            assert exported.exit_code == 0, exported.stderr
            [one] = notifications(read_bundle(file.read_bytes().splitlines(keepends=True)))
            return one if (len(one.acknowledged), len(one.listed)) == (sessions, listed) else None

        await until(partial(kept, 1, 0), within_seconds=60, every_seconds=0.5)
        await told.break_off()  # And says all again, in a session that was not sent it.
        back = await until(partial(kept, 1, 1), within_seconds=60, every_seconds=0.5)
        async with tab_of(user):  # It missed all, and is sent it.
            late = await until(partial(kept, 2, 1), within_seconds=60, every_seconds=0.5)

    assert back is not None
    assert late is not None
    assert back.state() == "acknowledged by 1 session; 1 tab pushed, not acknowledged"
    assert late.state() == "acknowledged by 2 sessions; 1 tab pushed, not acknowledged"
    html = file.with_suffix(".html").read_text()
    assert html.count("in its list</span>") == html.count("1 tab</th>") == 1


async def test_evidence_is_for_operators_and_of_those_who_are_known(
    stack: Stack, user: str, tmp_path: Path
) -> None:
    out, transfer = tmp_path / "case.jsonl", str(uuid4())
    arguments = ("export", "--user", user, "--transfer", transfer, "--out", str(out))

    forbidden = await audit(stack, *arguments, roles=("user",))
    unknown = await audit(stack, *arguments)

    assert (forbidden.exit_code, unknown.exit_code) == (1, 1)
    assert "This needs the role operator. (forbidden" in forbidden.stderr
    assert "(not_found" in unknown.stderr
    assert os.listdir(tmp_path) == []
