"""Presidio as an extra. The package itself is tried where it and a model of spaCy are installed."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ari_agent.errors import ConfigurationError
from ari_agent.pii import presidio
from ari_agent.pii.personal_data import PersonalData, Recognizer, Said
from ari_agent.pii.presidio import ENTITIES, NEEDS_PRESIDIO, LazyPresidio, Presidio


class Found:
    """A result as Presidio's RecognizerResult has it."""

    def __init__(self, entity_type: str, start: int, end: int) -> None:
        self.entity_type, self.start, self.end = entity_type, start, end


class Analyzer:
    """Finds "Bob" as a person; it must not be asked by two threads at once."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Sequence[str], float]] = []
        self._busy = threading.Lock()

    def analyze(self, text: str, language: str, entities: Sequence[str], score_threshold: float) -> Sequence[Found]:
        with self._busy:
            assert not self._busy.acquire(blocking=False)
            self.asked.append((text, language, entities, score_threshold))
            at = text.find("Bob")
            return [Found("PERSON", at, at + 3)] if at >= 0 else []


def test_what_presidio_finds_has_our_names() -> None:
    analyzer: Any = Analyzer()
    found = Presidio(analyzer)(["I am Bob", "and you?"])
    assert found == [[PersonalData("person_name", 5, 8)], []]
    assert analyzer.asked[0] == ("I am Bob", "en", list(ENTITIES), 0.4)


def test_names_are_found_beside_what_rules_find() -> None:
    analyzer: Any = Analyzer()
    recognizer = Recognizer(frozenset({"person_name", "credit_card"}), find_more=Presidio(analyzer))
    (found,) = recognizer.find([Said("Bob, 4111 1111 1111 1111")])
    assert [data.category for data in found] == ["person_name", "credit_card"]


def test_some_categories_are_recognised_with_presidio_alone() -> None:
    assert {"person_name", "address", "passport", "driver_license"} == NEEDS_PRESIDIO


def test_without_the_package_or_the_model_nothing_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'ari-agent\[presidio\]'"):
        LazyPresidio("en_core_web_sm")
    found: dict[str, object] = {"presidio_analyzer": object()}
    monkeypatch.setattr(importlib.util, "find_spec", found.get)
    with pytest.raises(ConfigurationError, match="python -m spacy download en_core_web_sm"):
        LazyPresidio("en_core_web_sm")


def test_the_model_is_loaded_when_it_is_first_asked_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(model: str) -> Analyzer:
        loaded.append(model)
        return Analyzer()

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(presidio, "_analyzer", load)
    lazy = LazyPresidio("en_core_web_sm")
    assert loaded == []
    assert lazy(["Bob"]) == lazy(["Bob"]) == [[PersonalData("person_name", 0, 3)]]
    assert loaded == ["en_core_web_sm"]


def test_the_engine_is_asked_for_as_presidio_documents_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {}

    class Provider:
        def __init__(self, **options: Any) -> None:
            made["provider"] = options

        def create_engine(self) -> str:
            return "engine"

    package, engines = ModuleType("presidio_analyzer"), ModuleType("presidio_analyzer.nlp_engine")
    package.AnalyzerEngine = lambda **options: options  # type: ignore[attr-defined]
    engines.NlpEngineProvider = Provider  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "presidio_analyzer", package)
    monkeypatch.setitem(sys.modules, "presidio_analyzer.nlp_engine", engines)
    assert presidio._analyzer("a_model") == {"nlp_engine": "engine", "supported_languages": ["en"]}
    models = [{"lang_code": "en", "model_name": "a_model"}]
    assert made["provider"] == {"nlp_configuration": {"nlp_engine_name": "spacy", "models": models}}


def test_the_package_itself_finds_names() -> None:
    pytest.importorskip("presidio_analyzer")
    spacy = pytest.importorskip("spacy")
    models = spacy.util.get_installed_models() or [pytest.skip("no model of spaCy is installed")]
    text = "My name is Robert Miller, and my mail is bob@example.com."
    (found,) = LazyPresidio(models[0])([text])
    assert ("person_name", "Robert Miller") in [(data.category, text[data.start : data.end]) for data in found]
    assert ("email", "bob@example.com") in [(data.category, text[data.start : data.end]) for data in found]
