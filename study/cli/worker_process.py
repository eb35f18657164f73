"""``python -m study.cli.worker_process``: one worker of a parent on the same machine.

The worker sends its result to the parent as one line of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import sys

from study.common.errors import StudyError
from study.common.stop import PARENT, Stop, leave, stop_on_signals


def main() -> int:
    """Work until the study is done, a stop is requested, or the parent is gone."""
    stop = Stop(parent=int(os.environ.pop(PARENT)))
    with stop_on_signals(stop):  # a stop is heard while the imports below take their time
        from study.dashboard.observers import TrialPictures
        from study.running.local_workers import read_task
        from study.running.study_runner import work_on
        from study.storage.rdb import retry_while_lost
        from study.storage.stored_study import open_study

        name, run_context = read_task()
        pictures = TrialPictures(artifacts=run_context.artifacts)
        try:
            stored = retry_while_lost(lambda: open_study(name, run_context.url), give_up=stop)
            result = work_on(stored, run_context, stop=stop, observers=(pictures,))
        except StudyError as error:
            print(json.dumps({"error": str(error)}))  # noqa: T201
            return error.exit_code
        print(json.dumps({"ending": result.ending, "text": result.text}))  # noqa: T201
        if stop():
            leave(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
