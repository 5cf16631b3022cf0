"""Personal data that no rule finds, such as names and addresses, by Microsoft Presidio and a model of spaCy.

An extra, `pip install ari-agent[presidio]`, imported when it is first asked. Source: Presidio, "Analyzer" and
"Supported entities" (presidio-analyzer 2.2). Dates are left: which of them is a date of birth it does not say.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ari_agent.contract.agent_options import PiiCategory
from ari_agent.errors import ConfigurationError
from ari_agent.pii.personal_data import BUILT_IN, PersonalData

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

ENTITIES: Final[Mapping[str, PiiCategory]] = {
    "PERSON": "person_name",
    "LOCATION": "address",
    "US_PASSPORT": "passport",
    "US_DRIVER_LICENSE": "driver_license",
    "US_BANK_NUMBER": "bank_account",
    "IBAN_CODE": "bank_account",
    "MEDICAL_LICENSE": "medical_id",
    "UK_NHS": "medical_id",
    "US_SSN": "ssn",
    "US_ITIN": "ssn",
    "CREDIT_CARD": "credit_card",
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone_number",
}
"""What Presidio finds, and what it is called here."""
NEEDS_PRESIDIO: Final = frozenset(ENTITIES.values()) - BUILT_IN
"""The categories that are recognised with Presidio alone."""
LANGUAGE: Final = "en"
_LEAST_SCORE: Final = 0.4
"""Below it Presidio only guesses: it gives every nine digits 0.05 as a passport."""


class Presidio:
    """Finds personal data with an analyzer, one text at a time: spaCy's models are for one thread."""

    def __init__(self, analyzer: AnalyzerEngine) -> None:
        self._analyzer = analyzer
        self._one_at_a_time = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[PersonalData]]:
        """Return what is found in each text. Takes some milliseconds a sentence."""
        with self._one_at_a_time:
            return [self._in_text(text) for text in texts]

    def _in_text(self, text: str) -> Sequence[PersonalData]:
        found = self._analyzer.analyze(text, LANGUAGE, entities=list(ENTITIES), score_threshold=_LEAST_SCORE)
        return [PersonalData(ENTITIES[each.entity_type], each.start, each.end) for each in found]


class LazyPresidio:
    """Presidio with a model of spaCy for English, which is loaded when it is first asked: that takes seconds.

    Raises:
        ConfigurationError: Presidio or the model is not installed; nothing is downloaded.
    """

    def __init__(self, model: str) -> None:
        if importlib.util.find_spec("presidio_analyzer") is None:
            raise ConfigurationError("Presidio is not installed: pip install 'ari-agent[presidio]'")
        if importlib.util.find_spec(model) is None:
            raise ConfigurationError(f"the spaCy model {model} is not installed: python -m spacy download {model}")
        self._model = model
        self._loading = threading.Lock()
        self._presidio: Presidio | None = None

    def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[PersonalData]]:
        """Return what is found in each text."""
        with self._loading:
            if self._presidio is None:
                self._presidio = Presidio(_analyzer(self._model))
        return self._presidio(texts)


def _analyzer(model: str) -> Any:
    from presidio_analyzer import AnalyzerEngine  # noqa: PLC0415 - an extra
    from presidio_analyzer.nlp_engine import NlpEngineProvider  # noqa: PLC0415

    configuration = {"nlp_engine_name": "spacy", "models": [{"lang_code": LANGUAGE, "model_name": model}]}
    engine = NlpEngineProvider(nlp_configuration=configuration).create_engine()
    return AnalyzerEngine(nlp_engine=engine, supported_languages=[LANGUAGE])
