"""Jobs, and the schedule that keeps the landing zone up to date."""

import dagster as dg

from orchestration.defs.gpu import register_model
from orchestration.defs.hub import CONFIGS, LEADERBOARDS, LISTING, compact_listings
from orchestration.defs.predictor import PREDICTOR
from orchestration.defs.release import ON_THE_HUB
from orchestration.defs.study import GROUP as STUDY_GROUP
from orchestration.defs.study import PARTS as STUDY_PARTS

_GPU = dg.AssetSelection.groups("gpu")
_STUDY = dg.AssetSelection.groups(STUDY_GROUP)
_WAY_BACK = dg.AssetSelection.assets(STUDY_PARTS[-1])
_PREDICTOR = dg.AssetSelection.assets(PREDICTOR)
_HUB = dg.AssetSelection.assets(LISTING, CONFIGS, *LEADERBOARDS)
_ON_THE_HUB = dg.AssetSelection.assets(ON_THE_HUB)
#: Tag of runs that crawl; as long as one is under way, nothing is built.
CRAWLS = "modelstrata/crawls"
#: Tag of runs of the regression study; nothing is built from a half of it.
STUDIES = "modelstrata/studies"

build = dg.define_asset_job(
    "build",
    selection=dg.AssetSelection.all() - _GPU - _STUDY - _HUB - _ON_THE_HUB,
    description="The main job: land the snapshot, build and test the warehouse, publish it.",
    executor_def=dg.in_process_executor,
    tags={"modelstrata/writes": "warehouse"},
)
gpu = dg.define_asset_job(
    "gpu",
    selection=_GPU,
    description="Measure layers of models and land the results; the next build shows them.",
    executor_def=dg.in_process_executor,
)
study = dg.define_asset_job(
    "study",
    selection=_STUDY - _WAY_BACK - _PREDICTOR,
    description="Fit the regression study of a benchmark and land it; the next build shows it.",
    executor_def=dg.in_process_executor,
    tags={STUDIES: "forward"},
)
study_inverse = dg.define_asset_job(
    "study_inverse",
    selection=_WAY_BACK,
    description="Predict a structural column from scores and land it; the next build shows it.",
    executor_def=dg.in_process_executor,
    tags={STUDIES: "inverse"},
)
fit_predictor = dg.define_asset_job(
    "fit_predictor",
    selection=_PREDICTOR,
    description="Fit and store what `python -m ml.predict` answers from.",
    executor_def=dg.in_process_executor,
)
refresh = dg.define_asset_job(
    "refresh",
    selection=_HUB - dg.AssetSelection.assets(CONFIGS),
    description="List the Hub and land the leaderboards; configs and a build follow by the sensor.",
    executor_def=dg.in_process_executor,
    tags={CRAWLS: "hub"},
)
hub_configs = dg.define_asset_job(
    "hub_configs",
    selection=dg.AssetSelection.assets(CONFIGS),
    description="Fetch the configs that the listing left due, one part of the models a run.",
    executor_def=dg.in_process_executor,
    tags={CRAWLS: "hub"},
)
publish_release = dg.define_asset_job(
    "publish_release",
    selection=_ON_THE_HUB,
    description="Publish the newest release on the Hub, privately unless asked otherwise.",
    executor_def=dg.in_process_executor,
)
report = dg.define_asset_job(
    "report",
    selection=dg.AssetSelection.groups("report"),
    description="Write the report of the published warehouse: its page, and its figures as files.",
    executor_def=dg.in_process_executor,
)


@dg.job(executor_def=dg.in_process_executor, tags={CRAWLS: "hub"})
def compact() -> None:
    """Keep what older listings tell of a model's history, and drop the rest of them."""
    compact_listings()


@dg.job(executor_def=dg.in_process_executor)
def add_model() -> None:
    """Add a model to the partitions of the job `gpu`: a Hub id, a local folder or a GGUF file."""
    register_model()


refresh_weekly = dg.ScheduleDefinition(
    name="refresh_weekly",
    job=refresh,
    cron_schedule="0 3 * * 1",
    execution_timezone="UTC",
    # A first crawl of everything takes a token's rate for a day or two: who wants it, starts it.
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
