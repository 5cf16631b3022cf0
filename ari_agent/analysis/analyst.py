"""Has a model analyse one conversation: asked once, and once more where its answer was bad, within a limit of time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ari_agent.analysis.answer import WHOLE, Answer, read_answer
from ari_agent.analysis.chat_completions import ChatCompletions, CompletionFailed, Tally
from ari_agent.analysis.conversation import Conversation, conversation
from ari_agent.analysis.prompt import corrected, messages
from ari_agent.analysis.questions import CUSTOM, Questions
from ari_agent.contract.analysis_report import AnalysisReport
from ari_agent.errors import CallError

log = logging.getLogger(__name__)

_TRANSCRIPT: Final = "transcript"


@dataclass(frozen=True, slots=True)
class Matter:
    """One conversation that is to be analysed, and what is asked about it.

    subject: its call_id or chat_id, for the log. items: of its transcript with tool calls, as JSON. facts: what else is
    known of it, by name. model: the one that its agent wants; None: the one of the settings.
    """

    subject: str
    questions: Questions
    items: Sequence[Mapping[str, Any]]
    facts: Mapping[str, object] = field(default_factory=dict)
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model has found in one conversation.

    report: what was asked of which model, and what failed. values: built-in results, by name. custom: the agent's own
    fields; None where it has none, or nothing was answered. lacks_required: the model was asked, and has not given a
    field that the agent requires.
    """

    report: AnalysisReport
    values: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] | None = None
    lacks_required: bool = False

    def fields(self, *, success: str) -> Mapping[str, Any]:
        """Return the fields of an analysis that the model has found. success: the one that says whether it was one.

        Without a required field the conversation was none (Retell's SDK 6.2.13).
        """
        custom = {} if self.custom is None else {CUSTOM: dict(self.custom)}
        return {**self.values, **custom, **({success: False} if self.lacks_required else {})}


NO_MODEL: Final = Reading(AnalysisReport(failure="no model is set up any more: set ARI_AGENT_ANALYSIS_MODEL"))
"""What is found of a conversation that waits for its analysis since a model was set up."""


class AnalysisFailed(CallError):
    """Raised when a repeated analysis has no result: 502. why: what went wrong with the model."""

    http_status = 502

    def __init__(self, subject: str, why: str) -> None:
        super().__init__(f"{subject} is not analysed again, and its analysis stays as it was: {why}")
        self.why = why


class Analyst:
    """Has a model analyse conversations.

    at_once: how many at the same time; the others wait, which counts to the time that they have. most_characters: how
    many of a conversation are read. now_ms: returns milliseconds since 1970.
    """

    def __init__(
        self, completions: ChatCompletions, *, at_once: int, most_characters: int, now_ms: Callable[[], int]
    ) -> None:
        self._completions = completions
        self._most_characters = most_characters
        self._now_ms = now_ms
        self._room = asyncio.Semaphore(at_once)

    async def analyse(self, matter: Matter, *, deadline_ms: int) -> Reading:
        """Return what the model finds until the deadline, in milliseconds since 1970. Never raises.

        What failed, and why, says the report of the result.
        """
        left_s = max(0.0, (deadline_ms - self._now_ms()) / 1000)
        read = Conversation("")
        tally = Tally()
        answers: list[Answer] = []
        failure: str | None = None
        try:
            if not left_s:
                raise CompletionFailed("no time was left to ask the model")
            read = await asyncio.to_thread(conversation, matter.items, most_characters=self._most_characters)
            async with asyncio.timeout(left_s), self._room:
                await self._ask(matter, read, answers, tally)
        except TimeoutError:
            failure = _late(left_s, tally)
        except CompletionFailed as error:
            failure = str(error)
        except Exception:  # whatever it is, what is known must be told all the same
            failure = "of a defect, which the controller's log describes"
            log.exception("an analysis failed", extra={"call_id": matter.subject})
        if failure:
            log.warning("analysis by a model failed: %s", failure, extra={"call_id": matter.subject})
        return _reading(matter.questions, read, answers, tally, failure)

    async def _ask(self, matter: Matter, read: Conversation, answers: list[Answer], tally: Tally) -> None:
        asked = messages(matter.questions, read, matter.facts)
        schema = matter.questions.schema()
        text = await self._completions.ask(asked, schema, model=matter.model, tally=tally)
        answers.append(read_answer(text, matter.questions))
        if problems := answers[0].problems:
            log.info("the model is asked again: %s", "; ".join(problems), extra={"call_id": matter.subject})
            asked = corrected(asked, text, problems)
            text = await self._completions.ask(asked, schema, model=matter.model, tally=tally)
            answers[0] = answers[0].completed_by(read_answer(text, matter.questions))


def _late(left_s: float, tally: Tally) -> str:
    if tally.model is None:
        return (
            f"other analyses took all of the {left_s:.0f} s that were left for this one: ask for more at the same time "
            "by ARI_AGENT_ANALYSIS_CONCURRENCY, or wait longer by ARI_AGENT_ANALYSIS_WAIT_S"
        )
    why = f": {tally.trouble}" if tally.trouble else ""
    return f"the model has not answered within the {left_s:.0f} s that were left{why}"


def _reading(
    questions: Questions, read: Conversation, answers: list[Answer], tally: Tally, failure: str | None
) -> Reading:
    answer = answers[0] if answers else Answer()
    problems = dict(answer.problems)
    whole = problems.pop(WHOLE, None)
    left_out = {**questions.left_out, **problems}
    if read.left_out:
        left_out[_TRANSCRIPT] = f"{read.left_out} lines in the middle were not read: it is too long"
    usable = bool(answers) and whole is None
    report = AnalysisReport(
        model=tally.model,
        usage=tally.usage(),
        failure=None if usable else f"{failure or f'the answer of the model cannot be used: {whole}'}",
        left_out=left_out or None,
    )
    if not usable:
        return Reading(report)
    required = [f"{CUSTOM}.{question.name}" for question in questions.custom if question.required]
    custom = answer.custom if questions.custom else None
    lacks_required = any(name in problems for name in required)
    return Reading(report, answer.built_in, custom, lacks_required)
