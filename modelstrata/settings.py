"""The only reader of the environment.

Every setting is an environment variable `MODELSTRATA_<NAME>`; `.env.example` lists them all. The
Hub's own variables, HF_ENDPOINT and HF_TOKEN, are in `HubSettings`.
"""

import datetime
import os
import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from modelstrata.errors import SettingsError

#: The checkout: the application is installed editable and run from here.
ROOT = Path(__file__).resolve().parent.parent
DBT_PROJECT = ROOT / "dbt_project"


def _utc_today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


class Settings(BaseSettings):
    """Where data lies and how jobs run.

    Attributes:
        data: the data folder; everything that is written lies below it.
        lock_timeout: seconds to wait for another run's lock before giving up.
        memory: what DuckDB may use in a build before it writes to disk, `6GB` or `800MB`; dbt reads
            the same variable.
        today: the day that records may be dated to; dbt reads the same variable. By default the
            clock's, in UTC.
        threads: regressions fitted side by side, each in a process of its own.
        study_benchmarks: benchmarks that the full study and the predictor are restricted to, parted
            by commas; empty is all of them.
        allow_drop: publish although a mart lost more of its rows or values than is plausible.
        hub_scope: what a refresh lists of the Hub, every model or those of text generation.
        bigcodebench_site: address of BigCodeBench's two files of results.
        release_repo: dataset repo `owner/name` on the Hub that releases are published to.
        gpu_model: model that `make gpu` measures: Hub id, local folder or GGUF file.
        gpu_model_id: id that the results carry when the model is a folder or file.
        gpu_texts: JSONL text set that the `gpu` job measures on.
        gpu_device: torch device of the `gpu` job (`cpu`, `cuda`, `cuda:1`); empty picks one. Of
            several, parted by commas, each run takes one, and as many runs go side by side.
        eval_data: folder of evaluation data in the Hub's layout; without it they come from the Hub.
    """

    model_config = SettingsConfigDict(env_prefix="MODELSTRATA_", env_ignore_empty=True)

    data: Path = ROOT / "data"
    lock_timeout: float = Field(default=0.0, ge=0.0)
    memory: str = Field(default="6GB", pattern=r"(?i)^\d+(\.\d+)? ?([kmgt]i?)?b$")
    today: datetime.date = Field(default_factory=_utc_today)
    threads: int = Field(default=2, ge=1)
    study_benchmarks: str = ""
    allow_drop: bool = False
    hub_scope: Literal["everything", "text-generation"] = "everything"
    bigcodebench_site: str = "https://bigcode-bench.github.io"
    release_repo: str = ""
    gpu_model: str = ""
    gpu_model_id: str = ""
    gpu_texts: Path = ROOT / "gpu_jobs" / "texts" / "gsm8k.jsonl"
    gpu_device: str = ""
    eval_data: Path | None = None

    @field_validator("data", "gpu_texts", "eval_data")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path and path.expanduser().resolve()

    def export(self, code: str = "") -> None:
        """Set the variables that dbt and Dagster read, for this process and its children.

        Args:
            code: hash of the SQL; dbt builds everything anew when it has changed.
        """
        os.environ["MODELSTRATA_DATA"] = str(self.data)
        os.environ["MODELSTRATA_CODE"] = code
        os.environ["MODELSTRATA_MEMORY"] = self.memory
        os.environ["DAGSTER_HOME"] = str(self.dagster_home)

    @property
    def landing(self) -> Path:
        """The append-only landing zone, `<table>/<batch>.parquet` below it."""
        return self.data / "landing"

    @property
    def crawl(self) -> Path:
        """Folder of the crawls' own state: cursors, known commits, what is not landed yet."""
        return self.data / "crawl"

    @property
    def layers(self) -> Path:
        """Working folders of the layer jobs, one a model."""
        return self.data / "gpu"

    @property
    def devices(self) -> list[str]:
        """The devices of the layer jobs; an empty name picks one."""
        return [name.strip() for name in self.gpu_device.split(",") if name.strip()] or [""]

    @property
    def warehouse(self) -> Path:
        """The published, tested DuckDB file."""
        return self.data / "warehouse.duckdb"

    @property
    def builds(self) -> Path:
        """Folder of unpublished build files, one folder a run."""
        return self.data / "build"

    @property
    def dev_warehouse(self) -> Path:
        """What `dbt build` writes when it is used directly (target `dev`)."""
        return self.data / "dev" / "warehouse.duckdb"

    @property
    def lock_file(self) -> Path:
        """The OS lock that one run holds from copy to publish."""
        return self.data / ".lock"

    @property
    def releases(self) -> Path:
        """Folder of release folders."""
        return self.data / "release"

    @property
    def predictor(self) -> Path:
        """The fitted models that predictions are made with."""
        return self.data / "models" / "predictor" / "predictor.npz"

    @property
    def docs(self) -> Path:
        """Folder of the generated dbt documentation."""
        return self.data / "docs"

    @property
    def report(self) -> Path:
        """Folder of the report: its page and its figures."""
        return self.data / "report"

    @property
    def dagster_home(self) -> Path:
        """Dagster's instance folder."""
        return self.data / "dagster"


class HubSettings(BaseSettings):
    """How the Hugging Face Hub is reached, under the names that its own client reads.

    A value that is wrong is never quoted in the error: it may be a token.

    Attributes:
        endpoint: the Hub's address (HF_ENDPOINT).
        token: sent to that address and to no other (HF_TOKEN); empty is anonymous.
    """

    model_config = SettingsConfigDict(
        env_prefix="HF_", env_ignore_empty=True, hide_input_in_errors=True
    )

    endpoint: str = "https://huggingface.co"
    token: SecretStr = SecretStr("")

    @field_validator("endpoint")
    @classmethod
    def _origin(cls, text: str) -> str:
        parts = urlsplit(text.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError("HF_ENDPOINT is no http or https address")
        if parts.username is not None:
            raise ValueError("HF_ENDPOINT holds a user name: give the token as HF_TOKEN")
        return text.strip().rstrip("/")

    @field_validator("token")
    @classmethod
    def _one_word(cls, token: SecretStr) -> SecretStr:
        text = token.get_secret_value().strip()
        if re.fullmatch(r"[!-~]*", text) is None:
            raise ValueError("HF_TOKEN holds spaces, line ends or letters that no token has")
        return SecretStr(text)

    @classmethod
    def read(cls) -> "HubSettings":
        """Read HF_ENDPOINT and HF_TOKEN.

        Raises:
            SettingsError: one of them cannot be used; the message does not quote it.
        """
        try:
            return cls()
        except ValidationError as error:
            reason = "; ".join(str(fault["msg"]) for fault in error.errors(include_input=False))
            raise SettingsError(f"{reason.removeprefix('Value error, ')}.") from None
