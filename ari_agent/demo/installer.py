"""Runs docker/install.sh, the one recipe that makes what the private Asterisk of the demo and the tests needs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

from ari_agent.demo.pbx_errors import PbxError

INSTALL: Final = Path(__file__).parents[2] / "docker" / "install.sh"


async def run_install(*arguments: str, cache: Path, **settings: str) -> str:
    """Run docker/install.sh and return its output; its progress goes to this process's standard error, as it comes.

    Raises:
        PbxError: it failed.
    """
    process = await asyncio.create_subprocess_exec(
        str(INSTALL),
        *arguments,
        env={**_without_product_settings(), "ARI_AGENT_CACHE": str(cache), **settings},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise PbxError(f"docker/install.sh {arguments[0]} failed: see above")
    return output.decode()


def cache_folder() -> Path:
    """Return ARI_AGENT_CACHE, else XDG_CACHE_HOME/ari-agent, else ~/.cache/ari-agent, as docker/install.sh does."""
    if cache := os.environ.get("ARI_AGENT_CACHE"):
        return Path(cache).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (Path(base) / "ari-agent").absolute()


def _without_product_settings() -> dict[str, str]:
    """Return this process's environment, without what would change the configuration behind the Pbx's back."""
    kept = ("ARI_AGENT_DEBIAN_MIRROR",)
    return {name: value for name, value in os.environ.items() if name in kept or not name.startswith("ARI_AGENT_")}
