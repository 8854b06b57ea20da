"""The README: its text, and the commands and scripts that stand in it."""

import re
import subprocess
from pathlib import Path

from tests.builds import ROOT, environment

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.strip().splitlines()]
SCRIPTS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
DBT_BUILD, TEST_PUBLISHED = (c for c in COMMANDS if "bin/dbt " in c)
SERVE_HUB, CRAWL_HUB, PUBLISH = (c for c in COMMANDS if "tests.hub" in c or "HF_ENDPOINT" in c)


def run(command: list[str], data: Path, **extra: str) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(data, **extra),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
