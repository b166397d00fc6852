"""Whether what is about to be paid could be credited, asked while refusing it costs nobody anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from payment.domain.errors import NoAccount
from shared.http.credit import Credit, CreditAway, CreditRefused
from shared.observability.logs import get_logger

if TYPE_CHECKING:
    from payment.domain.payment import Intent

log = get_logger(__name__)

PATIENCE_SECONDS = 1.0


async def expect_account(credit: Credit, intent: Intent) -> None:
    """Raises NoAccount. A credit that does not say stops nobody: what is paid is credited when it is back."""
    currency = intent.money.currency
    try:
        there = await credit.has_account(intent.user_id, currency, seconds=PATIENCE_SECONDS)
    except (CreditAway, CreditRefused) as silent:
        log.warning("payment.account_not_known", payment_id=str(intent.id), error=str(silent))
        return
    if not there:
        raise NoAccount(currency)
