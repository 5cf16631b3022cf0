"""Pages of a list: `limit`, `sort_order` and `pagination_key` are asked, `has_more` and `pagination_key` answered."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from ari_agent.contract.parsing.model import INTEGRAL, ContractModel, Count, Flag

MAX_PAGE: Final = 1000

PageLimit = Annotated[int, Field(strict=True, ge=1, le=MAX_PAGE), INTEGRAL]
PaginationKey = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[!-~]+$")]
SortOrder = Literal["ascending", "descending"]


class PageQuery(ContractModel):
    """Which page. pagination_key: as the page before answered it."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50  # a query string has no types to be strict about
    sort_order: SortOrder | None = None
    pagination_key: PaginationKey | None = None


class PageRequest(ContractModel):
    """Body of the v3 lists, beside their `filter_criteria`. skip: items left out before the first of the page."""

    sort_order: SortOrder = "descending"
    limit: PageLimit = 50
    skip: Count = 0
    pagination_key: PaginationKey | None = None
    include_total: Flag = False


class Page(ContractModel):
    """What every page says beside its items. pagination_key: of the next page; left out on the last one."""

    has_more: Flag
    pagination_key: str | None = None


class CountedPage(Page):
    """A page of a v3 list. total: how many the filters let through, if include_total asked for it."""

    total: Count | None = None
