"""One pool and one kind of transaction: SQLAlchemy Core builds cold statements, asyncpg runs them all."""

from shared.db.database import Database, Transaction

__all__ = ["Database", "Transaction"]
