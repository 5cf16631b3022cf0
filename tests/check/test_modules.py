from __future__ import annotations

from ari_agent.asterisk.modules import NEEDED, WANTED
from ari_agent.check.finding import Finding
from ari_agent.check.modules import missing_modules


def test_with_all_modules_nothing_is_missing() -> None:
    assert str(missing_modules({*NEEDED, *WANTED})) == "ok"


def test_a_module_that_calls_need_is_a_problem_and_one_of_a_feature_is_a_warning() -> None:
    found = missing_modules({*NEEDED, *WANTED} - {"chan_rtp.so"})
    assert found.problem and "chan_rtp.so (every call's audio): add `load = chan_rtp.so`" in found.problem
    found = missing_modules({*NEEDED, *WANTED} - {"app_amd.so", "app_transfer.so"})
    assert found.problem is None
    assert str(found).startswith("ok, but not loaded in Asterisk: app_transfer.so (transfers by REFER), app_amd.so")


def test_a_problem_is_said_rather_than_a_warning() -> None:
    assert str(Finding("it", problem="wrong", warning="odd")) == "wrong"
    assert str(Finding("it")) == "ok"
