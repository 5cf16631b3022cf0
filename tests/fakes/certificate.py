"""A certificate that nobody vouches for."""

from __future__ import annotations

import subprocess
from pathlib import Path


def self_signed(folder: Path, *, name: str = "localhost", days: int = 2) -> Path:
    """For one host name, with its key in the same file."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", str(days), "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", folder / "key",
         "-out", folder / "crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_bytes((folder / "crt").read_bytes() + (folder / "key").read_bytes())
    return both
