"""What is wrong when a bucket refuses something, in words without secrets: read out of obstore's error. Pure.

Its text holds the whole answer of the server: the status, and a body with the provider's error code. Sources: Amazon,
"Amazon S3: Error responses"; Google, "Cloud Storage XML API: status and error codes"; Microsoft, "Blob Storage error
codes". Text that is none of these is cut to one line, without what may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final


class StoreTrouble(Enum):
    """A kind of fault. Its value: what it is, in words, and what to do about it."""

    NO_OBJECT = "there is no such object", "see whether it was deleted"
    NO_BUCKET = "there is no such bucket or container", "make it, or correct its name in the URL"
    NO_RIGHT = "the credentials lack the right to that", "let them read, write, list and delete objects there"
    WRONG_CREDENTIALS = "the credentials are refused", "correct them, or renew them if they have expired"
    REFUSED = "the credentials are refused, or lack the right to that", "see whether they are right, and may do that"
    NO_CREDENTIALS = (
        "no credentials are set, and this machine has none of its own",
        "set the provider's variables in the environment of the controller",
    )
    CLOCK = "this machine's clock is wrong", "set it by NTP"
    REGION = "the bucket is in another region", "set AWS_REGION to the region of the bucket"
    UNREACHABLE = (
        "the server is not reached",
        "see whether its host and port are right, and the network is up",
    )
    UNAVAILABLE = "the server does not serve now", "see the state of the server; the files wait meanwhile"
    NO_REQUEST = (
        "no request can be made of the settings",
        "see whether the endpoint that is set is a URL of http or https",
    )
    ANSWER = "the server refuses that", "see what the server's log says, and whether the provider's variables are right"
    OTHER = "", "see whether the bucket is there, and the provider's variables are set"


_CODES: Final[Mapping[str, StoreTrouble]] = {
    "NoSuchKey": StoreTrouble.NO_OBJECT,
    "BlobNotFound": StoreTrouble.NO_OBJECT,
    "NoSuchBucket": StoreTrouble.NO_BUCKET,
    "InvalidBucketName": StoreTrouble.NO_BUCKET,
    "ContainerNotFound": StoreTrouble.NO_BUCKET,
    "ContainerBeingDeleted": StoreTrouble.NO_BUCKET,
    "InvalidResourceName": StoreTrouble.NO_BUCKET,
    "AccessDenied": StoreTrouble.NO_RIGHT,
    "AuthorizationPermissionMismatch": StoreTrouble.NO_RIGHT,
    "AuthorizationResourceTypeMismatch": StoreTrouble.NO_RIGHT,
    "AuthorizationServiceMismatch": StoreTrouble.NO_RIGHT,
    "InsufficientAccountPermissions": StoreTrouble.NO_RIGHT,
    "AuthorizationFailure": StoreTrouble.REFUSED,
    "AuthenticationFailed": StoreTrouble.WRONG_CREDENTIALS,
    "AuthenticationRequired": StoreTrouble.WRONG_CREDENTIALS,
    "ExpiredToken": StoreTrouble.WRONG_CREDENTIALS,
    "InvalidAccessKeyId": StoreTrouble.WRONG_CREDENTIALS,
    "InvalidAuthenticationInfo": StoreTrouble.WRONG_CREDENTIALS,
    "InvalidSecurity": StoreTrouble.WRONG_CREDENTIALS,
    "InvalidToken": StoreTrouble.WRONG_CREDENTIALS,
    "NoAuthenticationInformation": StoreTrouble.WRONG_CREDENTIALS,
    "SignatureDoesNotMatch": StoreTrouble.WRONG_CREDENTIALS,
    "RequestTimeTooSkewed": StoreTrouble.CLOCK,
    "AuthorizationHeaderMalformed": StoreTrouble.REGION,
    "IllegalLocationConstraintException": StoreTrouble.REGION,
    "PermanentRedirect": StoreTrouble.REGION,
}
_STATUSES: Final[Mapping[str, StoreTrouble]] = {
    "301": StoreTrouble.REGION,
    "401": StoreTrouble.WRONG_CREDENTIALS,
    "403": StoreTrouble.REFUSED,
    "404": StoreTrouble.NO_OBJECT,
    "429": StoreTrouble.UNAVAILABLE,
}
"""Where there is no code that is known. Any 5xx is UNAVAILABLE."""
_WORDS: Final[Sequence[tuple[re.Pattern[str], StoreTrouble]]] = (
    # Where no credentials are set, obstore asks the machine for its own: at these hosts, whatever comes of it.
    (re.compile(r"//(169\.254\.169\.254|metadata\.google\.internal|metadata)[:/]"), StoreTrouble.NO_CREDENTIALS),
    (re.compile(r"specified container does not exist"), StoreTrouble.NO_BUCKET),  # of a batch there is no code
    (re.compile(r"specified blob does not exist"), StoreTrouble.NO_OBJECT),
    (re.compile(r"^rust future panicked"), StoreTrouble.NO_REQUEST),
)
_CODE: Final = re.compile(r"<Code>\s*(\w{1,64})\s*</Code>")
_STATUS: Final = re.compile(r"status code: (\d{3})")
_NOT_SENT: Final = re.compile(r"HTTP error: ")
_HOST: Final = re.compile(r"Error performing [A-Z]+ https?://(?:[^@/\s]*@)?([^/?#\s]+)")
_URL: Final = re.compile(r"(\w+://)\S+")
_QUOTED: Final = re.compile(r"\"[^\"]*\"?|`[^`]*`?")
_PREFIX: Final = re.compile(r"^Generic \w+ error: ")


@dataclass(frozen=True, slots=True)
class StoreFault:
    """A fault in words: what it is, on one line, and the kind of it, which knows what to do."""

    trouble: StoreTrouble
    what: str

    @property
    def remedy(self) -> str:
        """Return what an administrator can do about this trouble, as half a sentence."""
        return self.trouble.value[1]


def store_fault(text: str) -> StoreFault:
    """Return what is wrong by the text of an obstore error. Neither part of it holds a secret or a second line."""
    told = text.partition("\n\nDebug source:")[0].strip()
    code, status = _first(_CODE, told), _first(_STATUS, told)
    trouble = _trouble(told, code, status)
    if trouble is StoreTrouble.OTHER:
        return StoreFault(trouble, _one_line(told))
    host = _first(_HOST, told)
    facts = " ".join(filter(None, (status, code, f"at {host}" if host else "")))
    return StoreFault(trouble, f"{trouble.value[0]} ({facts})" if facts else trouble.value[0])


def _trouble(told: str, code: str, status: str) -> StoreTrouble:
    for words, trouble in _WORDS:
        if words.search(told):
            return trouble
    if code in _CODES:
        return _CODES[code]
    if status.startswith("5"):
        return StoreTrouble.UNAVAILABLE
    if not status and _NOT_SENT.search(told):
        return StoreTrouble.UNREACHABLE
    return _STATUSES.get(status, StoreTrouble.ANSWER if status else StoreTrouble.OTHER)


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _one_line(told: str) -> str:
    """Return the first line, without what stands in quotes or in a URL: both may be a setting with a secret in it."""
    line = told.splitlines()[0] if told else "it does not say why"
    return _URL.sub(r"\1...", _QUOTED.sub("...", _PREFIX.sub("", line)))
