"""The E-model against the values that ITU-T G.107, G.107.1 and G.113 print, or that follow from them by hand."""

from __future__ import annotations

import pytest

from ari_agent.media.e_model import CODECS, G711, G722, CodecQuality, mos, rating

G711_WITHOUT_CONCEALMENT = CodecQuality(impairment=0.0, robustness=4.3)


def test_the_default_values_give_the_rating_and_the_opinion_that_g_107_prints() -> None:
    assert rating(G711) == 93.2
    assert mos(93.2) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(("r", "score"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)])
def test_opinions_are_those_of_table_b_1_of_g_107(r: float, score: float) -> None:
    assert mos(r) == pytest.approx(score, abs=0.0061)  # of R = 80 the table prints 4.03, and the formula gives 4.024


@pytest.mark.parametrize(("r", "score"), [(0, 1.0), (3, 1.0), (100, 4.5), (120, 4.5)])
def test_opinions_stay_between_1_and_4_5(r: float, score: float) -> None:
    assert mos(r) == score


def test_wideband_has_a_scale_of_its_own() -> None:
    assert rating(G722) == 129 - 13
    assert mos(129, is_wideband=True) == 4.5
    assert mos(rating(G722), is_wideband=True) == mos(116 / 1.29)


@pytest.mark.parametrize(
    ("impairment", "robustness", "loss_percent", "score"),
    [
        (0, 4.3, 0, 4.5),
        (1, 4.3, 0, 4.4940),
        (8, 4.3, 0, 4.4206),
        (13, 4.3, 0, 4.3371),
        (41, 4.3, 0, 3.5123),
        (56, 4.3, 0, 2.9220),
        (20, 4.3, 2, 3.4062),
    ],
)
def test_wideband_opinions_are_those_of_another_implementation_of_g_107_1(
    impairment: float, robustness: float, loss_percent: float, score: float
) -> None:
    """Of sipnab, src/rtp/emodel_wb.rs, with what G.113 (09/2024) Tables IV.1, IV.3 and IV.4 have for AMR-WB."""
    codec = CodecQuality(impairment, robustness, is_wideband=True)
    assert mos(rating(codec, loss_percent=loss_percent), is_wideband=True) == pytest.approx(score, abs=0.0005)


def test_lost_packets_of_g_722_count_as_much_as_those_of_the_least_robust_wideband_codec() -> None:
    table_iv_4 = (4.3, 4.6, 4.9)
    assert G722.robustness == min(table_iv_4)
    assert "opus" not in CODECS


@pytest.mark.parametrize(
    ("codec", "loss_percent", "burst_ratio", "lost"),
    [
        (G711, 5, 1, 95 * 5 / 30.1),
        (G711_WITHOUT_CONCEALMENT, 5, 1, 95 * 5 / 9.3),
        (G711, 5, 2, 95 * 5 / 27.6),
        (G711, 5, 0.5, 95 * 5 / 30.1),
        (G711, 5, 50, 95 * 5 / (0.625 + 25.1)),
        (CODECS["g729"], 0, 1, 11),
        (CODECS["g729"], 5, 1, 11 + 84 * 5 / 24),
    ],
)
def test_loss_costs_what_ie_eff_says(codec: CodecQuality, loss_percent: float, burst_ratio: float, lost: float) -> None:
    found = rating(codec, loss_percent=loss_percent, burst_ratio=burst_ratio)
    assert found == pytest.approx(93.2 - lost)


@pytest.mark.parametrize(("delay_ms", "lost"), [(0, 0), (100, 0), (200, 3.04), (400, 24.07)])
def test_a_delay_above_100_ms_costs_what_idd_says(delay_ms: float, lost: float) -> None:
    assert rating(G711, delay_ms=delay_ms) == pytest.approx(93.2 - lost, abs=0.05)


def test_a_rating_never_is_negative() -> None:
    assert rating(G711_WITHOUT_CONCEALMENT, loss_percent=100, burst_ratio=8, delay_ms=2000) == 0
    assert rating(G722, loss_percent=100, burst_ratio=8, delay_ms=2000) == 0
