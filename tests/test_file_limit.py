"""The limit of open files, in a process of its own: a raised one cannot be taken back for the others."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
from ari_agent.file_limit import file_limit, raise_file_limit
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
raise_file_limit()
print(file_limit())
"""


@pytest.mark.parametrize(("soft", "hard", "limit"), [(64, 512, 512), (256, 256, 256)])
def test_the_soft_limit_becomes_the_hard_one(soft: int, hard: int, limit: int) -> None:
    program = PROGRAM.format(soft=soft, hard=hard)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) == limit
