"""Links of a call object to its recordings and its log, as this server's own paths. Pure."""

from __future__ import annotations

from typing import Final

from ari_agent.artefacts.artefact_name import ArtefactName

_ARTEFACTS: Final = "/artefacts/"


def link_path(url: str | None) -> str:
    """Return path and query of a link to an artefact: this server has it, whatever the world calls this server."""
    _, found, name = (url or "").rpartition(_ARTEFACTS)
    return found + name if found else ""


def artefact_of(url: str | None) -> ArtefactName | None:
    """Return the name of the artefact that a link leads to; None where it leads to none of ours."""
    try:
        return ArtefactName.of_path(link_path(url).removeprefix(_ARTEFACTS).partition("?")[0])
    except ValueError:
        return None
