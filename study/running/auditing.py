"""A study's data checks: what a search may know of them, and what a test adds."""

from __future__ import annotations

from study.data.audit import Looked, audit
from study.data.audit_text import audit_text
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings


def describe_audit(settings: StudySettings, run_context: RunContext, *, parts: Looked) -> str:
    """Return the data checks of a study as one block of text.

    Args:
        settings: The study's.
        run_context: Where its data are.
        parts: ``searched`` leaves the test part closed, as a search must unless it was asked to
            leave out what has a twin there.
    """
    if settings.drop_leaks:  # which has compared with the test part already
        parts = "all"
    found = audit(
        settings.dataset,
        data_root=run_context.data_root,
        size=settings.size,
        split=settings.split,
        seed=settings.seed,
        parts=parts,
    )
    return audit_text(found, leaks="left out" if settings.drop_leaks else "kept")
