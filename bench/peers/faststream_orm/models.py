"""The floor's tables as mapped classes, but for the outbox: this pipeline publishes without one."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "account"
    __table_args__ = (CheckConstraint("balance >= 0"),)

    user_id: Mapped[str] = mapped_column(primary_key=True)
    balance: Mapped[int]
    version: Mapped[int] = mapped_column(default=0)


class Transfer(Base):
    __tablename__ = "transfer"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[str]
    amount: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    entries: Mapped[list[Entry]] = relationship(back_populates="transfer")


class Entry(Base):
    __tablename__ = "entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    transfer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("transfer.id"))
    account: Mapped[str]
    amount: Mapped[int]
    transfer: Mapped[Transfer] = relationship(back_populates="entries")


class SeenEvent(Base):
    __tablename__ = "inbox"

    event_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Stream(Base):
    __tablename__ = "stream"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    last_seq: Mapped[int] = mapped_column(default=0)
    unread: Mapped[int] = mapped_column(default=0)


class Notification(Base):
    __tablename__ = "notification"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    transfer_id: Mapped[uuid.UUID]
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


def alchemy_url(url: str) -> str:
    """The same database, with asyncpg as the driver."""
    return url.replace("postgresql://", "postgresql+asyncpg://")
