"""Which answers one call's model is asked for: one at a time, and what is to be said in it is not lost. Pure."""

from __future__ import annotations


class AskedAnswers:
    """Instructions are for one answer, in place of the prompt; "" for none.

        ask ──▶ waits, while an answer is given or the caller speaks ──▶ next ──▶ began ──▶ ended

    A caller who speaks is answered without being asked for. So an answer without instructions waits for no caller, and
    one with them is given after theirs.
    """

    def __init__(self) -> None:
        self._next: str | None = None  # None: nothing waits
        self._last = ""
        self._is_given = False

    @property
    def waits(self) -> bool:
        """Whether an answer waits to be asked for."""
        return self._next is not None

    def ask(self, instructions: str | None = None) -> None:
        """Have an answer wait. Of several that wait the last instructions are kept."""
        self._next = instructions or self._next or ""

    def ask_again(self) -> None:
        """Have the last answer wait once more, because it was not given; what was asked since goes first."""
        self.ask(self._next or self._last)

    def next(self, *, user_speaks: bool) -> str | None:
        """Return the instructions of the answer that the server is to be asked for now; None where it is for none."""
        if self._next is None or self._is_given:
            return None
        if user_speaks:
            self._next = self._next or None
            return None
        self._last, self._next, self._is_given = self._next, None, True
        return self._last

    def began(self) -> None:
        """Take note that the model begins an answer, asked or not."""
        self._is_given = True

    def ended(self) -> None:
        """Take note that no answer is given any more."""
        self._is_given = False
