"""Pronunciations in two alphabets, as the symbols of one."""
# ruff: noqa: RUF001

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.speech.flite_synthesizer import unpronounceable
from ari_agent.speech.phonemes import CONSONANTS, VOWELS, cmu_symbols
from ari_agent.speech.pronunciation import PhonemeRefused, Pronunciation
from ari_agent.speech.synthesizer import Voice


@pytest.mark.parametrize(
    ("alphabet", "phoneme", "symbols"),
    [
        ("cmu", "AE1 S T ER0 IH0 S K", "AE1 S T ER0 IH0 S K"),
        ("cmu", "  k ae1  t", "K AE1 T"),
        ("cmu", "K AE T", "K AE0 T"),
        ("ipa", "təˈmeɪˌtoʊ", "T AH0 M EY1 T OW2"),
        ("ipa", "/ˈæktʃuəli/", "AE1 K CH UW0 AH0 L IY0"),
        ("ipa", "ˈɛn.dʒɪnˌɛks", "EH1 N JH IH0 N EH2 K S"),
        ("ipa", "[ˈnɜːrsɪz]", "N ER1 S IH0 Z"),
        ("ipa", "ˈθɪŋk ðɪs", "TH IH1 NG K DH IH0 S"),
        ("ipa", "ˈʃiːlə", "SH IY1 L AH0"),
        ("ipa", "ˈt͡ʃɔɪs", "CH OY1 S"),
    ],
)
def test_sounds_of_english_are_known(alphabet: str, phoneme: str, symbols: str) -> None:
    assert " ".join(cmu_symbols(Pronunciation("word", alphabet, phoneme))) == symbols


@pytest.mark.parametrize(
    ("alphabet", "phoneme", "says"),
    [
        ("cmu", "K AE3 T", "'AE3' is no symbol of CMU's dictionary"),
        ("cmu", "K1 AE1 T", "'K1' is no symbol"),
        ("cmu", "QQ", "'QQ' is no symbol"),
        ("cmu", " ", "the pronunciation of 'word' is empty"),
        ("ipa", "ˈ.", "is empty"),
        ("ipa", "ʘa", "'ʘ' is no sound of English in IPA"),
        ("ipa", "你", "'你' is no sound"),
        ("pinyin", "ni3 hao3", "is in pinyin; here it must be in ipa or cmu"),
    ],
)
def test_others_are_refused_by_name(alphabet: str, phoneme: str, says: str) -> None:
    with pytest.raises(PhonemeRefused, match=re.escape(says)):
        cmu_symbols(Pronunciation("word", alphabet, phoneme))


@given(st.sampled_from(["ipa", "cmu"]), st.text("aæɪʊˈˌː. ʃt1AEKT2", max_size=20) | st.text(max_size=10))
def test_any_pronunciation_is_symbols_or_refused(alphabet: str, phoneme: str) -> None:
    entry = Pronunciation("word", alphabet, phoneme)
    try:
        symbols = cmu_symbols(entry)
    except PhonemeRefused:
        assert unpronounceable(Voice(pronunciations=(entry,)))
        return
    assert {symbol.rstrip("012") for symbol in symbols} <= VOWELS | CONSONANTS
    assert unpronounceable(Voice(pronunciations=(entry,))) is None
