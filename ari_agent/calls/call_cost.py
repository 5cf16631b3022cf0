"""What a call has cost, by product, out of its call object and a price table. Pure.

    product          is used                                                     counted
    telephony        by a call with a telephone line of its own                  from the answer to the end
    transfer_leg     by each target that a transfer dialled                      from the target's answer to its end
    speech_to_text   by the caller's voice in a call of a text agent             as long as it was recognised
    text_to_speech   by what was synthesised; what is said from memory was not   characters
    recording        by a call that has a recording                              from the answer to the end
    <a model>        by a language model whose tokens are known to us            tokens read and written

Not counted, because it is not known here: tokens of a custom LLM server, what an audio agent costs, and what follows a
REFER, which leaves our trunk or is billed by it in a way of its own. What the table has no price for is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from ari_agent.contract.analysis_report import AnalysisReport
from ari_agent.contract.call import Call, CallCost, CallDirection, LlmTokenUsage, ProductCost
from ari_agent.contract.destination import is_extension
from ari_agent.contract.price_table import Direction, MinutePrice, PriceTable
from ari_agent.contract.sip_timeline import SipEvent
from ari_agent.prompt_agents.model import TokensUsed
from ari_agent.routing.dial_target import home_of, read_target

_LEG_ENDS: Final = frozenset({"BYE", "CANCEL", "failure"})
_UNIT_PLACES: Final = Decimal("0.0000000001")


@dataclass(slots=True)
class SpeechUsage:
    """What speech services and models did for a call so far. It counts up.

    heard_ms: for how long the caller was recognised. characters: that were synthesised, none from memory among them.
    model_requests: what each request to a prompt's model has cost.
    """

    heard_ms: int = 0
    characters: int = 0
    model_requests: list[TokensUsed] = field(default_factory=list)

    @property
    def tokens(self) -> LlmTokenUsage | None:
        """The tokens of each request to a model; None where there was none."""
        values = tuple(request.prompt + request.completion for request in self.model_requests)
        if not values:
            return None
        return LlmTokenUsage(values=values, average=round(sum(values) / len(values), 2), num_requests=len(values))


class DialledTarget(NamedTuple):
    """Whom a transfer dialled. after: how many entries the call's SIP timeline had when that began."""

    after: int
    destination: str


def call_cost(
    prices: PriceTable | None,
    call: Call,
    *,
    usage: SpeechUsage | None = None,
    targets: Sequence[DialledTarget] = (),
) -> CallCost | None:
    """Return what the call has cost until now; None without a table, and for a call that used nothing.

    call: with duration_ms, if it was answered, and what else is known of it. usage: of speech services. targets: whom
    its transfers dialled, in order; where there are none, the call's transfer_destination is meant.
    """
    if prices is None:
        return None
    products = [
        *_telephony(prices, call),
        *_transfer_legs(prices, call, targets),
        *_speech(prices, usage or SpeechUsage()),
        *_models(prices, (usage or SpeechUsage()).model_requests),
        *_recording(prices, call),
    ]
    if call.start_timestamp is None and not products:
        return None
    return _summed(products, seconds=whole_seconds(call.duration_ms or 0))


def with_product(cost: CallCost, product: ProductCost) -> CallCost:
    """Return the cost of a call with one more product, such as the model that has analysed it.

    What the product has cost before is added, so that a call that is analysed again and again has it once.
    """
    others = [each for each in cost.product_costs if each.product != product.product]
    before = (Decimal(str(each.cost)) for each in cost.product_costs if each.product == product.product)
    total = float(sum(before, Decimal(str(product.cost))))
    added = product.model_copy(update={"cost": total})
    return _summed((*others, added), seconds=int(cost.total_duration_seconds))


def model_cost(prices: PriceTable | None, model: str, *, input_tokens: int, output_tokens: int) -> ProductCost | None:
    """Return what a language model has cost for so many tokens; None where the table has no price for it."""
    price = prices.models.get(model) if prices else None
    if price is None:
        return None
    return ProductCost(product=model, cost=float(price.cost(input_tokens=input_tokens, output_tokens=output_tokens)))


def cost_with_analysis(prices: PriceTable | None, call: Call, report: AnalysisReport | None) -> CallCost | None:
    """Return what the call has cost, with the model that has analysed it as one more product.

    report: of that analysis; None where no model was asked. The cost stays as it is where the model has no price.
    """
    if report is None or report.model is None:
        return call.call_cost
    usage = report.usage
    product = model_cost(prices, report.model, input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens)
    if product is None:
        return call.call_cost
    before = call.call_cost or _summed((), seconds=whole_seconds(call.duration_ms or 0))
    return with_product(before, product)


def whole_seconds(duration_ms: float) -> int:
    """Return a duration in seconds, the last one in full if it has begun."""
    return -int(-duration_ms // 1000)


@lru_cache(maxsize=4096)
def dialled_number(destination: str, ours: str) -> str | None:
    """Return the number of the public network that a destination is, in E.164; None where it is none."""
    number = read_target(destination, home=home_of(ours)).number
    return number.shown if number and number.shown.startswith("+") else None


def our_number(call: Call) -> str:
    """Return our number in a call: the one that dialled or was dialled; empty in a call without numbers."""
    return (call.from_number if call.direction is CallDirection.OUTBOUND else call.to_number) or ""


def _summed(products: Iterable[ProductCost], *, seconds: int) -> CallCost:
    """Return the cost that adds up: sums of decimals, each of which a JSON number shows exactly."""
    products = tuple(products)
    unit_prices = (product.unit_price or 0 for product in products if not product.is_transfer_leg_cost)
    return CallCost(
        combined_cost=float(sum((Decimal(str(product.cost)) for product in products), Decimal())),
        product_costs=products,
        total_duration_seconds=seconds,
        total_duration_unit_price=float(sum((Decimal(str(price)) for price in unit_prices), Decimal())),
    )


def _timed(product: str, price: MinutePrice, seconds: int, *, is_transfer_leg: bool | None = None) -> ProductCost:
    return ProductCost(
        product=product,
        cost=float(price.cost(seconds)),
        unit_price=float((price.cents_per_minute / 60).quantize(_UNIT_PLACES)),
        is_transfer_leg_cost=is_transfer_leg,
    )


def _telephony(prices: PriceTable, call: Call) -> Iterator[ProductCost]:
    if call.start_timestamp is None or call.direction is None or not _has_line(call):
        return
    ours = our_number(call)
    direction: Direction = call.direction.value
    price = prices.of_call(dialled_number(call.to_number or "", ours), direction=direction, ours=ours)
    if price:
        yield _timed("telephony", price, whole_seconds(call.duration_ms or 0))


def _has_line(call: Call) -> bool:
    """Whether a call has a telephone line of its own.

    One that we placed has the Call-ID of its INVITE; the second agent's in a transfer has none, for it shares the line.
    A registered call has a line if it came in by SIP, and none where it came over the audio websocket.
    """
    by_sip = call.telephony_identifier is not None and call.telephony_identifier.sip_call_id is not None
    may_have_none = call.direction is CallDirection.OUTBOUND or call.audio_websocket_protocol is not None
    return call.call_type == "phone_call" and (by_sip or not may_have_none)


def _transfer_legs(prices: PriceTable, call: Call, targets: Sequence[DialledTarget]) -> Iterator[ProductCost]:
    ended_ms = (call.start_timestamp or 0) + (call.duration_ms or 0)
    ours = our_number(call)
    for place, lasted_ms in _answered_targets(call.sip or (), ended_ms=ended_ms):
        destination = next((to for after, to in reversed(targets) if after <= place), call.transfer_destination)
        if destination is None or is_extension(destination):
            continue
        if price := prices.of_transfer(dialled_number(destination, ours), ours=ours):
            yield _timed("transfer_leg", price, whole_seconds(lasted_ms), is_transfer_leg=True)


def _answered_targets(events: Sequence[SipEvent], *, ended_ms: int) -> Iterator[tuple[int, int]]:
    """Yield for each target that answered its place in the timeline, and how long its leg lasted, in milliseconds."""
    answered: tuple[int, int] | None = None
    for place, event in enumerate(events):
        if event.leg != "target":
            continue
        if event.event == "200" and answered is None:
            answered = place, event.timestamp
        elif event.event in _LEG_ENDS and answered is not None:
            yield answered[0], max(0, event.timestamp - answered[1])
            answered = None
    if answered is not None:
        yield answered[0], max(0, ended_ms - answered[1])


def _speech(prices: PriceTable, usage: SpeechUsage) -> Iterator[ProductCost]:
    if prices.speech_to_text and usage.heard_ms:
        yield _timed("speech_to_text", prices.speech_to_text, whole_seconds(usage.heard_ms))
    if prices.text_to_speech and usage.characters:
        yield ProductCost(product="text_to_speech", cost=float(prices.text_to_speech.cost(usage.characters)))


def _models(prices: PriceTable, requests: Sequence[TokensUsed]) -> Iterator[ProductCost]:
    for model in dict.fromkeys(request.model for request in requests):
        of_model = [request for request in requests if request.model == model]
        tokens = {"input_tokens": sum(r.prompt for r in of_model), "output_tokens": sum(r.completion for r in of_model)}
        if product := model_cost(prices, model, **tokens):
            yield product


def _recording(prices: PriceTable, call: Call) -> Iterator[ProductCost]:
    if prices.recording and (call.recording_url or call.recording_multi_channel_url):
        yield _timed("recording", prices.recording, whole_seconds(call.duration_ms or 0))
