"""What the command `study` does: every partition that is not landed yet, one after the other."""

from modelstrata.settings import Settings
from orchestration.jobs import study as study_job
from orchestration.jobs import study_inverse
from orchestration.run import run_job


def study(settings: Settings) -> str:
    """Fit what is not landed of the study; return what failed, or an empty text.

    A partition that fails keeps no other from running.

    Raises:
        NotEnoughData: the setting names an unknown benchmark, or there is no warehouse.
        KeyboardInterrupt: it was stopped.
    """
    from ml.names import INVERSE
    from orchestration.study import n_tasks, open_parts, study_partitions
    from orchestration.study_ahead import working_ahead
    from orchestration.study_progress import shared_progress

    partitions = study_partitions(settings)
    left = {p: keys for p, parts in partitions.items() if (keys := open_parts(settings, parts, p))}
    failures: list[str] = []
    gaps = 0
    if left:
        total = sum(n_tasks(part, p) for p in left for part in partitions[p])
        with shared_progress(total), working_ahead(settings, left):
            for partition in left:
                job = study_inverse if INVERSE in partitions[partition] else study_job
                outcome = run_job(job.name, settings, partition)
                failures += [f"{partition}: {text}" for text in outcome.failures]
                gaps += outcome.numbers["gaps"]
    print(
        f"study: {len(left)} of {len(partitions)} partitions fitted, the others were landed; "
        f"{gaps} cells could not be fitted (the mart regression_gaps says why)",
        flush=True,
    )
    return "\n".join(failures)
