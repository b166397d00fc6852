"""Lets tests that lie in a folder named like the package they test import that package."""

import importlib
import sys

# pytest names modules by their path, and so has put this folder where the package `sandbox` belongs.
if getattr(sys.modules.get("sandbox"), "__file__", None) is None:
    sys.modules.pop("sandbox", None)
    importlib.import_module("sandbox")
