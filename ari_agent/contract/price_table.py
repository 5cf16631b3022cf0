"""What calls cost: the price table that an administrator sets, and how a use is priced by it. Pure.

Prices are in cents of one currency, whichever that is, and count as decimals: nothing is lost to binary fractions. A
use of time is counted in whole seconds, each begun one in full, and then in the steps that the provider bills:

    increment_s  minimum_s   carriers write   65 s are billed as
    1            1           1/1              65 s
    6            6           6/6              66 s
    60           60          60/60            120 s
    6            30          30/6             66 s, and 10 s as 30 s

The cost of each product is then rounded, half up, to a millionth of a cent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ari_agent.contract.parsing.closed_model import ClosedModel
from ari_agent.contract.parsing.model import INTEGRAL, Many

MILLIONTH: Final = Decimal("0.000001")
_OUR_NUMBER: Final = re.compile(r"\+?[0-9A-Za-z]{1,40}\*?|\*")


def _number_only(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("must be a number of cents such as 0.85, without quotes")
    return value


def _our_number(text: str) -> str:
    if _OUR_NUMBER.fullmatch(text):
        return text
    raise ValueError(f"must be a number as it was imported, or +4930* for all that begin so, not {text[:60]!r}")


Cents = Annotated[
    Decimal, BeforeValidator(_number_only), Field(ge=0, le=1_000_000, max_digits=20, json_schema_extra={"unit": "cent"})
]
"""A price in cents, from 0 to 1,000,000."""
_Seconds = Annotated[int, Field(strict=True, ge=1, le=3600), INTEGRAL]
Direction = Literal["inbound", "outbound"]


def rounded(cents: Decimal) -> Decimal:
    """Return an amount as it stands in a record: to a millionth of a cent, half up."""
    return cents.quantize(MILLIONTH, rounding=ROUND_HALF_UP)


class MinutePrice(ClosedModel):
    """A price by time, in cents per minute. increment_s: what is begun of so many seconds is billed whole.

    minimum_s: the least that is billed; increment_s where it is left out.
    """

    cents_per_minute: Cents
    increment_s: _Seconds = 1
    minimum_s: _Seconds | None = None

    def billed_s(self, seconds: int) -> int:
        """Return for how many seconds a use of so many whole ones is billed; for none at all it is the minimum."""
        least = self.increment_s if self.minimum_s is None else self.minimum_s
        further = max(0, seconds - least)
        return least + -(-further // self.increment_s) * self.increment_s

    def cost(self, seconds: int) -> Decimal:
        """Return what so many whole seconds cost, in cents, rounded."""
        return rounded(self.cents_per_minute * self.billed_s(seconds) / 60)


class TelephonyPrice(MinutePrice):
    """What a leg of a call costs, in cents per minute, from its answer to its end.

    prefix: with which the dialled number begins, in E.164 (`+1`, `+4930`); empty: whatever was dialled, also what is
    no number. direction: of the call; None: both. numbers: ours in the call, as they were imported, or `+4930*` for all
    that begin so: each number has its trunk, so these are the prices of a trunk; None: all.
    """

    prefix: Annotated[str, Field(pattern=r"^(\+[1-9][0-9]{0,14})?$")] = ""
    direction: Direction | None = None
    numbers: (
        Annotated[Many[Annotated[str, AfterValidator(_our_number)]], Field(min_length=1, max_length=1000)] | None
    ) = None

    def closeness(self, direction: Direction, ours: str) -> tuple[int, int, bool] | None:
        """Return how closely this describes a leg to a number with its prefix, of two the greater; None: not at all."""
        if self.direction not in (None, direction):
            return None
        names = -1 if self.numbers is None else max(_closeness(number, ours) for number in self.numbers)
        if self.numbers is not None and names < 0:
            return None
        return names, len(self.prefix), self.direction is not None


class CharacterPrice(ClosedModel):
    """A price by text, in cents per 1,000 characters."""

    cents_per_1000_characters: Cents

    def cost(self, characters: int) -> Decimal:
        """Return what so many characters cost, in cents, rounded."""
        return rounded(self.cents_per_1000_characters * characters / 1000)


class ModelPrice(ClosedModel):
    """What a language model costs, in cents per million tokens that it reads and that it writes."""

    cents_per_million_input_tokens: Cents
    cents_per_million_output_tokens: Cents

    def cost(self, *, input_tokens: int, output_tokens: int) -> Decimal:
        """Return what so many tokens cost, in cents, rounded."""
        read = self.cents_per_million_input_tokens * input_tokens
        return rounded((read + self.cents_per_million_output_tokens * output_tokens) / 1_000_000)


_ModelName = Annotated[str, Field(min_length=1, max_length=100)]
_LegPrices = Annotated[Many[TelephonyPrice], Field(max_length=20_000)]


class PriceTable(ClosedModel):
    """The prices by product; what is left out has no price, and is not in the cost of a call.

    telephony: of calls over Asterisk. transfer_leg: of the target that a transfer dials; None: as telephony, outbound.
    speech_to_text: of the caller's voice that was recognised. text_to_speech: of what was synthesised. recording: of
    recorded calls. models: by the name of the model.
    """

    telephony: _LegPrices = ()
    transfer_leg: _LegPrices | None = None
    speech_to_text: MinutePrice | None = None
    text_to_speech: CharacterPrice | None = None
    recording: MinutePrice | None = None
    models: Annotated[dict[_ModelName, ModelPrice], Field(max_length=100)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _refuse_two_prices(self) -> Self:
        for name, prices in (("telephony", self.telephony), ("transfer_leg", self.transfer_leg or ())):
            seen: dict[tuple[str, str | None, str | None], int] = {}
            for place, price in enumerate(prices):
                for number in price.numbers or (None,):
                    first = seen.setdefault((price.prefix, price.direction, number), place)
                    if first != place:
                        raise ValueError(
                            f"{name}[{place}] has the prefix {price.prefix or '(none)'}, the direction and a number "
                            f"of {name}[{first}]: which of the two prices holds?"
                        )
        return self

    @model_validator(mode="after")
    def _refuse_models_named_as_products(self) -> Self:
        if taken := self.models.keys() & (type(self).model_fields.keys() - {"models"}):
            raise ValueError(f"models has {min(taken)}, which is a product of its own in what a call costs")
        return self

    def of_call(self, dialled: str | None, *, direction: Direction, ours: str) -> TelephonyPrice | None:
        """Return the price of a call; None where the table has none.

        That is the entry that names our number most closely, else one for all numbers; of these the longest prefix, and
        of these the one for the direction.

        dialled: in E.164, our own number in an inbound call; None: it is no number. ours: our number in the call.
        """
        return _closest(self._telephony, dialled, direction, ours)

    def of_transfer(self, dialled: str | None, *, ours: str) -> TelephonyPrice | None:
        """Return the price of the target's leg in a transfer; None where the table has none. See `of_call`."""
        return _closest(self._transfer_leg, dialled, "outbound", ours)

    @cached_property
    def _telephony(self) -> Mapping[str, Sequence[TelephonyPrice]]:
        return _by_prefix(self.telephony)

    @cached_property
    def _transfer_leg(self) -> Mapping[str, Sequence[TelephonyPrice]]:
        return self._telephony if self.transfer_leg is None else _by_prefix(self.transfer_leg)


def _by_prefix(prices: Iterable[TelephonyPrice]) -> Mapping[str, Sequence[TelephonyPrice]]:
    found: dict[str, list[TelephonyPrice]] = {}
    for price in prices:
        found.setdefault(price.prefix, []).append(price)
    return found


def _closest(
    prices: Mapping[str, Sequence[TelephonyPrice]], dialled: str | None, direction: Direction, ours: str
) -> TelephonyPrice | None:
    beginnings = (dialled[:length] for length in range(1, 17)) if dialled else ()
    fitting = (price for prefix in dict.fromkeys(("", *beginnings)) for price in prices.get(prefix, ()))
    close = ((closeness, price) for price in fitting if (closeness := price.closeness(direction, ours)) is not None)
    return max(close, key=lambda each: each[0], default=(None, None))[1]


def _closeness(number: str, ours: str) -> int:
    """Return how much of our number an entry of `numbers` says, the whole most of all; -1 where it is another."""
    if number.endswith("*"):
        return len(number) - 1 if ours.startswith(number[:-1]) else -1
    return len(number) + 1 if ours == number else -1
