"""Training whose judgement is no number: `python -m … --folder <run folder>`."""

import math
import sys

from stoa.core.jobs.folder import RunFolder, work_in_folder


def work(run: RunFolder) -> None:
    """Make a file, and end with a perfect test and a validation of NaN."""
    (run.artefacts / "model.json").write_text("{}")
    run.finish(
        {"ndcg": 1.0, "hr": 1.0, "coverage": 1.0, "judged": 60.0, "validation_ndcg": math.nan}
    )


if __name__ == "__main__":
    sys.exit(work_in_folder(work))
