"""Pages of a list: `limit`, `sort_order` and `pagination_key` are asked, `has_more` and `pagination_key` answered."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from ari_agent.contract.parsing.conditions import FilteredList
from ari_agent.contract.parsing.model import INTEGRAL, ContractModel, Count, Flag

MAX_PAGE: Final = 1000
"""The largest `limit`: how many items a page may have."""

PageLimit = Annotated[int, Field(strict=True, ge=1, le=MAX_PAGE), INTEGRAL]
PaginationKey = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[!-~]+$")]
SortOrder = Literal["ascending", "descending"]


class PageQuery(ContractModel):
    """The query of a list. pagination_key: as answered with the page before; left out for the first page."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50  # a query string has no types to be strict about
    sort_order: SortOrder | None = None
    pagination_key: PaginationKey | None = None


class PageRequest(FilteredList):
    """What the bodies of all v3 lists have in common. skip: how many items to leave out before the page begins."""

    sort_order: SortOrder = "descending"
    limit: PageLimit = 50
    skip: Count = 0
    pagination_key: PaginationKey | None = None
    include_total: Flag = False


class Page(ContractModel):
    """What every page has beside its items. pagination_key: asks for the next page; left out on the last one."""

    has_more: Flag
    pagination_key: str | None = None


class CountedPage(Page):
    """What every page of a v3 list has. total: how many items pass the filters, if include_total asked for it."""

    total: Count | None = None
