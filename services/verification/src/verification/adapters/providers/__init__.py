"""Whom numbers are bought from, each behind one protocol."""

from verification.adapters.providers.fivesim import FiveSim
from verification.adapters.providers.provider import Provider
from verification.adapters.providers.sandbox import Sandbox

__all__ = ["FiveSim", "Provider", "Sandbox"]
