"""A tabulated benchmark: every candidate of a space trained beforehand, looked up in no time."""

from __future__ import annotations
