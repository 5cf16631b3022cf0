"""What every test shares: hypothesis without deadlines, for machines that are busy.

A second interpreter need not look for the same examples again: `--hypothesis-profile "second interpreter"`.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.register_profile("second interpreter", deadline=None, max_examples=15)
settings.load_profile("no deadline")
