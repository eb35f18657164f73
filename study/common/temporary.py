"""What a file is called while it is written, before it is moved into place."""

from __future__ import annotations

import secrets


def temporary_name(name: str) -> str:
    """Return a name that begins with ``name`` and that no other process takes, on any machine.

    Containers that write to one folder may have equal process ids.
    """
    return f"{name}.{secrets.token_hex(8)}.tmp"
