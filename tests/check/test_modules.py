from __future__ import annotations

from ari_agent.asterisk.modules import NEEDED, WANTED
from ari_agent.check.finding import Status
from ari_agent.check.modules import missing_modules

ALL = {*NEEDED, *WANTED}


def test_with_all_modules_nothing_is_missing() -> None:
    (found,) = missing_modules(ALL, ())
    assert found.status is Status.OK


def test_a_module_that_calls_need_is_a_failure_and_one_of_a_feature_is_a_warning() -> None:
    (found,) = missing_modules(ALL - {"chan_rtp.so"}, ())
    assert found.status is Status.FAILED
    assert "chan_rtp.so (every call's audio): add `load = chan_rtp.so`" in str(found)
    (found,) = missing_modules(ALL - {"app_amd.so", "app_transfer.so"}, ())
    assert found.status is Status.WARNING
    assert str(found).startswith("not loaded in Asterisk: app_transfer.so (transfers by REFER), app_amd.so")


def test_a_module_of_a_feature_in_use_is_a_failure_beside_what_else_is_missing() -> None:
    missing = {"app_amd.so", "app_transfer.so"}
    failed, warning = missing_modules(ALL - missing, {"recognising answering machines"})
    assert failed.status is Status.FAILED and "app_amd.so" in failed.what
    assert warning.status is Status.WARNING and "app_transfer.so" in warning.what
    assert "app_amd.so" not in warning.what
