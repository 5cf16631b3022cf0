"""The pictures in the documentation: there is one for each page of the table, small, and shown."""

from __future__ import annotations

import re
import struct

import numpy as np
from playwright.async_api import Page

from tests.console.browser.screenshots import FOLDER, MOST_BYTES, PICTURES, WIDTH, palette_png, pixels_of


def test_each_page_has_a_small_picture_that_is_shown() -> None:
    names = {f"{picture.name}.png" for picture in PICTURES}
    assert {path.name for path in FOLDER.glob("*.png")} == names
    assert set(re.findall(r"\(images/([^)]+)\)", (FOLDER.parent / "console.md").read_text())) == names
    for name in names:
        content = (FOLDER / name).read_bytes()
        assert len(content) <= MOST_BYTES, name
        assert struct.unpack_from(">I", content, 16)[0] <= WIDTH, name


async def test_a_browser_sees_the_colours_that_were_given(console_page: Page) -> None:
    most = np.full((40, 30, 3), (255, 128, 0), np.uint8)
    most[:20, :10] = (1, 2, 3)
    rare = np.random.default_rng(1).integers(0, 256, (10, 30, 3), np.uint8)
    image = palette_png(np.vstack([most, rare]))
    assert np.array_equal((await pixels_of(console_page, image))[:40], most)
