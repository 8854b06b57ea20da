"""What the job `refresh` and the sensor do, in one process: listing, leaderboards, configs."""

from modelstrata.settings import Settings
from orchestration.jobs import hub_configs
from orchestration.jobs import refresh as refresh_job
from orchestration.run import run_job

_TOLD = {
    "models": "models",
    "new": "new",
    "changed": "changed",
    "recounted": "with other counts only",
    "absent": "gone or renamed",
    "configs": "configs asked for",
    "failed": "failed",
    "requests": "requests",
}


def refresh(settings: Settings) -> str:
    """Bring the landing zone up to date; return what failed, or an empty text.

    A leaderboard that cannot be had keeps nothing else from landing.

    Raises:
        KeyboardInterrupt: it was stopped.
    """
    from extract.hub.due import due_by_bucket

    outcome = run_job(refresh_job.name, settings)
    failures = list(outcome.failures)
    numbers = outcome.numbers
    if "hub__listing" in outcome.done:
        for bucket in due_by_bucket(settings):
            part = run_job(hub_configs.name, settings, bucket)
            for name in ("failed", "requests"):
                numbers[name] += part.numbers[name]
            numbers["configs"] += part.numbers["models"]
            if part.failures:
                # A part fails when the Hub cannot be asked at all: the others would too.
                failures.append(f"configs, part {bucket}: {' '.join(part.failures)}")
                break
    said = ", ".join(f"{numbers[name]:,} {words}" for name, words in _TOLD.items())
    print(f"refresh: {said}", flush=True)
    return "\n".join(failures)
