"""How a training can end without a result."""

from __future__ import annotations


class Interrupted(Exception):  # noqa: N818 - not an error: the training was asked to stop
    """The training was asked to stop; its last checkpoint holds what is done."""


class TrainingFailure(Exception):  # noqa: N818 - the outcome's name, recorded with the trial
    """A candidate that cannot be trained; an outcome to record, not a fault of the study."""


class NonFiniteLoss(TrainingFailure):
    """The loss became infinite or not a number.

    Args:
        epoch: From 1.
        step: From 1, within the epoch; the steps' number plus one stands for validation.
    """

    def __init__(self, *, epoch: int, step: int) -> None:
        self.epoch, self.step = epoch, step
        super().__init__(f"the loss is not finite at epoch {epoch}, step {step}")


class OutOfMemory(TrainingFailure):
    """Not even the smallest micro-batch fits into memory.

    Args:
        micro_batch: Images that were too many.
    """

    def __init__(self, *, micro_batch: int) -> None:
        self.micro_batch = micro_batch
        super().__init__(f"out of memory with {micro_batch} images at a time")


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out, on a GPU or not.

    PyTorch's CPU allocator has no exception of its own: it raises RuntimeError, to be told apart
    by its text alone (``DefaultCPUAllocator``, c10/core/impl/alloc_cpu.cpp).
    """
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
