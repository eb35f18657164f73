"""One seed and a named purpose → the seed of one generator."""

from __future__ import annotations

import hashlib

from torch import Generator


def derived_seed(seed: int, *purpose: str | int) -> int:
    """Return 63 bits that depend on ``seed`` and ``purpose`` alone, in every process."""
    text = "/".join(map(str, (seed, *purpose)))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def derived_generator(seed: int, *purpose: str | int) -> Generator:
    """Return a CPU generator seeded by ``derived_seed``."""
    generator = Generator()
    generator.manual_seed(derived_seed(seed, *purpose))
    return generator
