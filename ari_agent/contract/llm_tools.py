"""The tools that a prompt's model may call (Retell, Create Retell LLM, 2026-11), one class a type."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from ari_agent.contract.agent_options import (
    BooleanAnalysis,
    EnumAnalysis,
    NumberAnalysis,
    StringAnalysis,
    ToolName,
)
from ari_agent.contract.call_control import HangupRequest, TransferRequest
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.parsing.model import (
    INTEGRAL,
    ContractModel,
    Flag,
    JsonObject,
    Many,
    StringMap,
    refuse_types,
    require_small,
)
from ari_agent.contract.parsing.url import WebhookUrl

MAX_TOOLS: Final = 64
"""Of one prompt or state: each is a part of every request to the model."""
DEFAULT_TIMEOUT_MS: Final = 120_000

_Text = Annotated[str, Field(max_length=4096)]
_Headers = Annotated[StringMap, Field(max_length=32)]
_JsonPaths = Annotated[StringMap, Field(max_length=64)]


class _Tool(ContractModel):
    """What all tools have.

    speak_during_execution: the agent says something while the tool runs: `execution_message_description`, which is
    either that text itself (`static_text`) or what the model is told to say something about (`prompt`).
    """

    name: ToolName
    description: _Text = ""
    speak_during_execution: Flag = False
    execution_message_type: Literal["prompt", "static_text"] = "prompt"
    execution_message_description: _Text = ""


def _check_hangup(headers: dict[str, str]) -> dict[str, str]:
    HangupRequest(headers=headers)
    return headers


ByeHeaders = Annotated[StringMap, AfterValidator(_check_hangup)]
"""SIP headers that are wanted with a hangup."""


class EndCallTool(_Tool):
    """Hangs up, once what the agent says has been heard."""

    type: Literal["end_call"]
    custom_sip_headers: ByeHeaders | None = None


class InferredDestination(ContractModel):
    """A destination that the model finds in the conversation, as `prompt` says."""

    type: Literal["inferred"]
    prompt: _Text


class TransferFields(ContractModel):
    """Where a call is transferred, and how. Both are those of a transfer, in Retell's shape."""

    transfer_destination: JsonObject
    transfer_option: JsonObject = Field(default={"type": "cold_transfer"})
    custom_sip_headers: StringMap | None = None
    ignore_e164_validation: Flag | None = None

    @model_validator(mode="after")
    def _check_transfer(self) -> Self:
        if self.transfer_destination.get("type") == "predefined" and not self.transfer_destination.get("number"):
            raise ValueError("transfer_destination: number is missing, which is where the call goes")
        try:
            self.request("+15555550100")
        except ValidationError as error:
            raise ValueError(explain(error, root="transfer")) from None
        return self

    @property
    def inferred(self) -> InferredDestination | None:
        """Return how the model finds the destination, or None where it is named."""
        if self.transfer_destination.get("type") != "inferred":
            return None
        return InferredDestination.model_validate(self.transfer_destination)

    def request(self, inferred_number: str) -> TransferRequest:
        """Return the transfer that is asked for. inferred_number: for a destination that the model has to find.

        Raises:
            pydantic.ValidationError: it is none; says which part.
        """
        destination = self.transfer_destination
        if self.inferred:
            destination = {"type": "predefined", "number": inferred_number}
        headers = {"custom_sip_headers": self.custom_sip_headers} if self.custom_sip_headers else {}
        return TransferRequest.model_validate(
            {"transfer_destination": destination, "transfer_option": self.transfer_option, **headers}
        )


class TransferCallTool(_Tool, TransferFields):
    """Transfers the call."""

    type: Literal["transfer_call"]


PressDelay = Annotated[int, Field(strict=True, ge=0, le=5000), INTEGRAL]
DEFAULT_PRESS_DELAY_MS: Final = 1000


class PressDigitTool(_Tool):
    """Presses keys of a phone menu, `delay_ms` after the agent wants them."""

    type: Literal["press_digit"]
    delay_ms: PressDelay = DEFAULT_PRESS_DELAY_MS


def _object_schema(schema: JsonObject) -> JsonObject:
    if schema.get("type") != "object" or not isinstance(schema.get("properties", {}), dict):
        raise ValueError('expected a JSON Schema of an object: {"type": "object", "properties": {...}}')
    require_small(schema)
    return schema


ArgumentSchema = Annotated[JsonObject, AfterValidator(_object_schema)]
"""A JSON Schema of a tool's arguments, which are an object; at most 50 kB."""


class CustomTool(_Tool):
    """Asks a server of the customer's by HTTP, and gives its answer to the model.

    timeout_ms: of one attempt. max_retry: further attempts. args_at_root: the arguments are the body, and not under
    `args`. response_variables: names of dynamic variables, and where in the JSON of the answer each is found.
    speak_after_execution: the model is asked again once the answer is there.
    """

    type: Literal["custom"]
    url: WebhookUrl
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: _Headers | None = Field(default=None, repr=False)
    query_params: _Headers | None = None
    parameters: ArgumentSchema | None = None
    parameter_type: Literal["json", "form"] | None = None
    args_at_root: Flag = False
    response_variables: _JsonPaths | None = None
    speak_after_execution: Flag = True
    enable_typing_sound: Flag = False
    timeout_ms: Annotated[int, Field(strict=True, ge=1000, le=600_000), INTEGRAL] = DEFAULT_TIMEOUT_MS
    max_retry: Annotated[int, Field(strict=True, ge=0, le=5), INTEGRAL] = 0


Extracted = Annotated[StringAnalysis | EnumAnalysis | BooleanAnalysis | NumberAnalysis, Field(discriminator="type")]


ExtractedVariables = Annotated[Many[Extracted], Field(min_length=1, max_length=50)]


class ExtractVariablesTool(_Tool):
    """Keeps what the model finds in the conversation as dynamic variables."""

    type: Literal["extract_dynamic_variable"]
    variables: ExtractedVariables
    enable_typing_sound: Flag = False


SERVED: Final = ("end_call", "transfer_call", "press_digit", "custom", "extract_dynamic_variable")


_UNSERVED: Final = frozenset(
    {
        "agent_swap",
        "book_appointment_cal",
        "bridge_transfer",
        "cancel_transfer",
        "check_availability_cal",
        "code",
        "integration_app",
        "mcp",
        "send_sms",
    }
)
"""The other types that Retell has."""


LlmTool = Annotated[
    Annotated[
        EndCallTool | TransferCallTool | PressDigitTool | CustomTool | ExtractVariablesTool, Field(discriminator="type")
    ],
    refuse_types("tools", dict.fromkeys(_UNSERVED, f"expected one of {', '.join(SERVED)}")),
]
Tools = Annotated[Many[LlmTool], Field(max_length=MAX_TOOLS)]
