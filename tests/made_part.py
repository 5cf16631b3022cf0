"""Parts of documents that a program writes: between a line that names the program and a line that ends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

END: Final = "<!-- end of what it made -->"


def renewed(text: str, begin: str, part: str) -> str:
    """The text with this part after the line `begin`, in the place of what was there up to the next end."""
    before, _, rest = text.partition(begin)
    assert END in rest, f"the document lacks {begin} or its end"
    return f"{before}{begin}\n{part}\n{END}{rest.partition(END)[2]}"


def write(arguments: Sequence[str], begin: str, make: Callable[[], str]) -> None:
    """Write the part into the file that is named, or print it."""
    if arguments:
        file = Path(arguments[0])
        file.write_text(renewed(file.read_text(), begin, make()))
    else:
        print(make())
