"""How long trainings will take, guessed from the networks' size alone."""

from __future__ import annotations

from dataclasses import dataclass

OVERHEAD = 25e-6
"""Seconds an image and training step cost however small the network is."""
MACS_A_SECOND = 13e9
"""Multiply-accumulates of the forward pass that a core trains in a second, backward included."""

ASSUMPTION = "a guess for one Zen 4 core in bfloat16; --time measures on this machine"
MEASURED = "at the measured speed, one training after the other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCounts:
    """How many images an epoch sees; the default is the official OCTMNIST.

    Args:
        train: Images of a training epoch.
        validation: Images of the validation after it.
    """

    train: int = 97_477
    validation: int = 10_832


def epoch_seconds(macs: float, images: ImageCounts) -> float:
    """Return the guessed seconds of an epoch on one core, with the validation after it.

    A training step costs ``OVERHEAD + macs / MACS_A_SECOND`` an image. The two constants were
    fitted by eye to three networks of 1.3 to 1.6 million MACs (5,300, 6,900 and 8,200 images a
    second on one Zen 4 core in bfloat16, batch 128). Validation has the forward pass only, a
    third of the work.
    """
    step = OVERHEAD + macs / MACS_A_SECOND
    return step * (images.train + images.validation / 3)


def measured_epoch_seconds(images_per_second: float, images: ImageCounts) -> float:
    """Return the seconds of an epoch at a measured speed of training."""
    return (images.train + images.validation / 3) / images_per_second


def in_words(seconds: float) -> str:
    """Return a duration to two digits: ``40 s``, ``12 min``, ``3.5 h``, ``2.1 days``."""
    for limit, size, unit in ((100, 1, "s"), (6000, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            amount = seconds / size
            return f"{amount:.0f} {unit}" if amount >= 9.95 else f"{amount:.1f} {unit}"
    return f"{seconds / 86_400:,.1f} days"
