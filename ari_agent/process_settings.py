"""The settings of controllers that share the calls of one Asterisk: their names, and how they are reached.

Part of Settings, see config.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from ari_agent.process_share import suffix_of
from ari_agent.setting_values import Address, PlainUrl, lower, read_address, read_app_name, unset_if_empty


class ProcessSettings(BaseSettings):
    """What a controller is called in Asterisk, and how many of them `ari-agent serve` runs."""

    app: Annotated[str, AfterValidator(read_app_name)] = Field("ari_agent", description="name as in Stasis(ari_agent)")
    app_suffix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,32}$")] = Field(
        "", description="what follows APP and an underscore in the name of one of several controllers of one Asterisk"
    )
    processes: int = Field(
        1, ge=1, le=64, description="how many controllers `serve` runs, each on a core of its own; needs PostgreSQL"
    )
    node_name: str = Field("", max_length=64, description="what people call this controller; empty: the host's name")
    node_bind: Annotated[Address, NoDecode, BeforeValidator(read_address)] = Field(
        Address("127.0.0.1", 0),
        description="where each of several processes alone is reached: the first at this port, and so on",
    )
    node_url: Annotated[PlainUrl | None, BeforeValidator(unset_if_empty)] = Field(
        None, description="what other controllers reach this one's API under; empty: http://BIND, or NODE_BIND's"
    )
    text_messages: Annotated[Literal["on", "off"], BeforeValidator(lower)] = Field(
        "on", description="whether SIP MESSAGEs are received; on at one of the controllers of an Asterisk"
    )

    @property
    def own_app(self) -> str:
        """The name of this controller's own application in Asterisk, which no other controller has."""
        return f"{self.app}_{self.app_suffix}" if self.app_suffix else self.app

    @property
    def all_apps(self) -> Sequence[str]:
        """The names of the applications of all processes, from the settings that are those of all of them."""
        if self.processes == 1:
            return (self.own_app,)
        return [f"{self.app}_{suffix_of(self.app_suffix, number)}" for number in range(1, self.processes + 1)]

    @property
    def apps_behind_port(self) -> Sequence[str]:
        """The names of the applications of all processes behind this one's port, from the settings of one of them."""
        if not self.shares_port:
            return (self.own_app,)
        shared, _, _ = self.own_app.rpartition("_")
        return [suffix_of(shared, number) for number in range(1, self.processes + 1)]

    @property
    def shares_port(self) -> bool:
        """Whether this is one of several processes behind one API port."""
        return self.processes > 1
