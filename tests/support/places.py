"""Where the repository, what it keeps on this machine, and the real data stand."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCAL = ROOT / ".local"
TEST_DATA = Path(os.environ.get("TEST_DATA", ROOT / ".." / "shared" / "data")).resolve()
