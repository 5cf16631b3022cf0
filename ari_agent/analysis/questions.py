"""What a model is asked about a conversation, as a table of questions and as the JSON Schema of its answer. Pure.

Source: Retell, "Set up post-call analysis categories", "Rerun Post-Call/Chat Analysis" and the texts of its SDK 6.2.13
(2026-11): the results that are always there, of which an agent may replace the prompt (`system-presets`), and fields of
the agent's own, of four types. A `required` field that is not found makes the call unsuccessful; `conditional_prompt`
says when a field is to be filled in, and means nothing for a required one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, get_args

from ari_agent.contract.agent_options import EnumAnalysis, PostCallAnalysis, PresetAnalysis, StringAnalysis
from ari_agent.contract.call import Sentiment
from ari_agent.contract.chat_agent import ChatPresetAnalysis, PostChatAnalysis

CUSTOM: Final = "custom_analysis_data"
"""The key of the answer, and of the analysis, that holds the fields of the agent's own."""
MOST_CUSTOM: Final = 100
"""The most fields of its own that an agent may ask for; those beyond are left out."""
LONGEST_TEXT: Final = 4_000
"""The most characters of a description that are sent to the model."""


class Kind(StrEnum):
    """The type of a question's answer, as `post_call_analysis_data` spells it."""

    STRING = "string"
    ENUM = "enum"
    BOOLEAN = "boolean"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Question:
    """One value that a model is asked for.

    name: its key. asks: what is asked, for the model. choices: of an enum. required: null is no answer.
    """

    name: str
    kind: Kind
    asks: str
    choices: tuple[str, ...] = ()
    required: bool = True

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the answer, in the part of it that OpenAI's strict mode takes."""
        value: dict[str, Any] = {"type": "string" if self.kind is Kind.ENUM else self.kind.value}
        if self.kind is Kind.ENUM:
            value["enum"] = list(self.choices)
        described = {"description": self.asks}
        return {**value, **described} if self.required else {"anyOf": [value, {"type": "null"}], **described}


@dataclass(frozen=True, slots=True)
class Questions:
    """All that a model is asked about one conversation.

    built_in: results that every analysis has. custom: fields of the agent's own. left_out: fields that are not asked
    for, each with the reason.
    """

    built_in: tuple[Question, ...]
    custom: tuple[Question, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the whole answer."""
        properties = {question.name: question.schema() for question in self.built_in}
        if self.custom:
            properties[CUSTOM] = _object({question.name: question.schema() for question in self.custom})
        return _object(properties)


_SUMMARY: Final = "A summary of the conversation in two or three sentences, in the language of the conversation."
_SENTIMENT: Final = Question(
    "user_sentiment", Kind.ENUM, "The user's sentiment in the conversation.", choices=get_args(Sentiment)
)
OF_CALLS: Final[Sequence[Question]] = (
    Question("call_summary", Kind.STRING, _SUMMARY),
    _SENTIMENT,
    Question(
        "call_successful",
        Kind.BOOLEAN,
        "Whether the call was a success: the agent has done its task, and the call was not cut off before.",
    ),
)
"""The results that the analysis of every call has."""
IN_VOICEMAIL: Final = Question(
    "in_voicemail", Kind.BOOLEAN, "Whether the call has reached a voicemail or an answering machine, and no person."
)
"""Asked about outbound calls whose machine detection has heard no machine."""
OF_CHATS: Final[Sequence[Question]] = (
    Question("chat_summary", Kind.STRING, _SUMMARY),
    _SENTIMENT,
    Question("chat_successful", Kind.BOOLEAN, "Whether the chat was a success: the agent has done its task."),
)
"""The results that the analysis of every chat has."""


def questions(built_in: Sequence[Question], items: Iterable[PostCallAnalysis | PostChatAnalysis]) -> Questions:
    """Return all that a model is asked about a conversation.

    items: what its agent wants to know; of several with one name the first counts.
    """
    asked = {question.name: question for question in built_in}
    custom: dict[str, Question] = {}
    left_out: dict[str, str] = {}
    for item in items:
        if isinstance(item, PresetAnalysis | ChatPresetAnalysis):
            if item.name in asked:
                asked[item.name] = _preset(asked[item.name], item)
        elif item.name in custom:
            left_out[f"{CUSTOM}.{item.name}"[:300]] = "another field has the same name"
        elif len(custom) >= MOST_CUSTOM:
            left_out[f"{CUSTOM}.{item.name}"[:300]] = f"only the first {MOST_CUSTOM} fields are asked for"
        else:
            custom[item.name] = _custom(item)
    return Questions(tuple(asked.values()), tuple(custom.values()), left_out)


def _preset(question: Question, item: PresetAnalysis | ChatPresetAnalysis) -> Question:
    asks = _asks(item.description or question.asks, item)
    return replace(question, asks=asks, required=not _is_conditional(item))


def _custom(item: PostCallAnalysis | PostChatAnalysis) -> Question:
    asks = _asks(item.description or "", item)
    if isinstance(item, StringAnalysis) and item.examples:
        asks = f"{asks} Examples of its form: {'; '.join(item.examples)}"
    choices = item.choices if isinstance(item, EnumAnalysis) else ()
    return Question(item.name, Kind(item.type), asks[:LONGEST_TEXT], tuple(choices), required=bool(item.required))


def _asks(description: str, item: PostCallAnalysis | PostChatAnalysis) -> str:
    text = description[:LONGEST_TEXT]
    if _is_conditional(item):
        return f"{text} Fill this in only under this condition, otherwise null: {item.conditional_prompt}"[
            :LONGEST_TEXT
        ]
    return text


def _is_conditional(item: PostCallAnalysis | PostChatAnalysis) -> bool:
    return bool(item.conditional_prompt) and not item.required


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """An object that has these properties and no others: strict mode wants each of them required."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
