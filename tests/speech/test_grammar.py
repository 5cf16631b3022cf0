"""Grammars, and what of the dictionary they need."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.grammar import MAX_PHRASES, parse_grammar, pronunciations

DICTIONARY = ["yes Y EH S", "no N OW", "please P L IY Z", "agent EY JH AH N T", "an AE N", "an(2) AH N"]


def test_a_list_of_phrases_is_a_grammar() -> None:
    grammar = parse_grammar("# answers\nYes\n  yes   please # polite\n\nno\nyes\n")
    assert grammar.words == {"yes", "please", "no"}
    assert "public <phrase> = yes | yes please | no;" in grammar.jsgf


def test_the_words_of_jsgf_are_all_that_is_no_syntax() -> None:
    grammar = parse_grammar(
        """#JSGF V1.0 ISO8859-1 en;
        /* a menu */
        grammar com.example.menu;
        public <Request> = /0.8/ YES [please] {polite} | /2/ <Person>+ | (no)*; // nothing else
        <Person> = an agent { x = "1;2" };
        """
    )
    assert grammar.words == {"yes", "please", "no", "an", "agent"}
    assert "<Person>" in grammar.jsgf  # names of rules keep their case
    assert "1;2" not in grammar.jsgf


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "list of phrases is empty"),
        ("yes\nno | maybe\n", "line 2"),
        ("yes\n" + "\x00" + "\n", "line 2"),
        ("\n".join(f"a{'b' * n}" for n in range(MAX_PHRASES + 1)), f"{MAX_PHRASES} are the most"),
        ("#JSGF V1.0", "semicolon"),
        ("#JSGF V1.0;\npublic <a> = yes;", "no name"),
        ("#JSGF V1.0;\ngrammar g;\n<a> = yes;", "no public rule"),
        ("#JSGF V1.0;\ngrammar g;\nimport <other.rule>;\npublic <a> = yes;", "imports"),
        ("#JSGF V1.0;\ngrammar g;\npublic <a> = yes | <nowhere>;", "no rule <nowhere>"),
        ("#JSGF V1.0;\ngrammar g;\npublic <a> = <b>; <b> = <NULL>;", "without a word"),
    ],
)
def test_what_is_no_grammar_says_why(text: str, why: str) -> None:
    with pytest.raises(SpeechUnavailable, match=why):
        parse_grammar(text)


@given(st.text(max_size=300) | st.text(max_size=300).map("#JSGF V1.0;\ngrammar g;\npublic <a> = ".__add__))
def test_any_text_is_a_grammar_or_an_error(text: str) -> None:
    try:
        assert parse_grammar(text).words
    except SpeechUnavailable as error:
        assert str(error)


def test_the_dictionary_of_a_grammar_is_small_and_has_every_variant() -> None:
    small = pronunciations(frozenset({"an", "yes"}), DICTIONARY)
    assert small.lines == ("yes Y EH S", "an AE N", "an(2) AH N")
    assert small.phones == {"yes": 3, "an": 2}


def test_words_that_the_dictionary_lacks_are_named() -> None:
    with pytest.raises(SpeechUnavailable, match="lacks: maybe, qux;"):
        pronunciations(frozenset({"yes", "qux", "maybe"}), DICTIONARY)
