"""A transaction's number, as PostgreSQL counts them since version 13: never used twice."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import ischema_names


class Xid8(sa.types.UserDefinedType[str]):
    """What is below ``pg_snapshot_xmin(pg_current_snapshot())`` is over: nothing will commit there."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


ischema_names["xid8"] = Xid8  # So that SQLAlchemy knows it when it looks at a database.
