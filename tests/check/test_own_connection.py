"""What a controller that checks itself says of its own connection to Asterisk, which another one may hold."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from pydantic import SecretStr

from ari_agent.asterisk.inspection import Inspection
from ari_agent.check.asterisk import check_application
from ari_agent.check.finding import Status
from ari_agent.check.stored import Stored
from ari_agent.check.surroundings import DatabaseFacts, Surroundings
from ari_agent.config import Settings
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk


@pytest.mark.parametrize(
    ("connected", "taken", "status", "said"),
    [
        (True, True, Status.OK, f"this controller is connected as {APP}"),
        (False, True, Status.FAILED, f"another controller is connected to Asterisk as {APP}, and this one is not"),
        (False, False, Status.FAILED, f"this controller is not connected to Asterisk as {APP}, and takes no calls"),
        (None, True, Status.OK, f"the controller that runs here is connected as {APP}"),
    ],
)
async def test_the_connection_is_its_own(
    connected: bool | None, taken: bool, status: Status, said: str, tmp_path: Path
) -> None:
    async with FakeAsterisk(lambda _: (200, {"name": APP}) if taken else (404, {"message": "none"})) as asterisk:
        inspection = Inspection(url=asterisk.url, username="ari", password=PASSWORD, app=APP)
        around = Surroundings(
            settings=Settings(api_key=SecretStr("key_x")),
            inspection=inspection,
            database=DatabaseFacts(""),
            stored=Stored(),
            serving=True,
            secret_files=[],
            start_speech=lambda: nullcontext(None),
            now_s=lambda: 0.0,
            connected=connected,
        )
        [finding] = await check_application(around)
        await inspection.close()
    assert (finding.status, finding.what) == (status, said)
