"""Requests in: who may ask, what may be asked, and how the answer looks."""

from fastapi import APIRouter

from credit.api import accounts, holds, movements

ROUTERS: tuple[APIRouter, ...] = (
    accounts.router,
    accounts.transfers,
    movements.router,
    holds.router,
)

__all__ = ["ROUTERS"]
