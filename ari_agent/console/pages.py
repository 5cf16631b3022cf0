"""Pages out of templates. Whatever is put into one is text: nothing that a caller or an agent says becomes markup.

Each answer has a policy that lets the browser load nothing but what this server has, and run nothing but its files.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ari_agent.console import words
from ari_agent.console.login.login_session import LoginSession, LoginSigner

_FILTERS: Final = {
    "clock_time": words.clock_time,
    "iso_time": words.iso_time,
    "lasted": words.lasted,
    "cents": words.cents,
}


GUARDS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": "microphone=(), camera=(), geolocation=()",
}
"""The headers of every answer that does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one page may do beyond what all may. policy: directives of its Content-Security-Policy, in place of ours.

    microphone: the page may ask for it (W3C, "Permissions Policy").
    """

    policy: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    microphone: bool = False


NOTHING_MORE: Final = Allowance()


@cache
def compiled_templates(static_path: Callable[[str], str]) -> Environment:
    """Return all templates, compiled once in a process: callers would hear it if that were done for a request.

    static_path: returns the path of a static file by its name.
    """
    templates = Environment(
        loader=PackageLoader("ari_agent.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters.update(_FILTERS, static=static_path)
    for name in templates.list_templates():
        templates.get_template(name)
    return templates


class Pages:
    """Renders the templates of the console.

    signer: makes the token that each change brings back. static_path: returns the path of a static file by its name.
    """

    def __init__(self, signer: LoginSigner, static_path: Callable[[str], str]) -> None:
        self._signer = signer
        self._templates = compiled_templates(static_path)

    def fragment(self, template: str, values: Mapping[str, object]) -> Markup:
        """Return a template's text by itself. Raises jinja2.TemplateError where template and values do not fit."""
        # what autoescape has made of the values: it may stand in a page as it is
        return Markup(self._templates.get_template(template).render(values))  # noqa: S704

    def macros(self, template: str) -> Any:
        """Return the macros of a template, each of which makes a piece of text of what it is given."""
        return self._templates.get_template(template).module

    def piece(self, template: str, values: Mapping[str, object], *, status: int = 200) -> web.Response:
        """Return a part of a page, for a page that is there already."""
        body = self.fragment(template, values).encode("utf-8", "replace")
        return web.Response(
            body=body,
            content_type="text/html",
            charset="utf-8",
            status=status,
            headers=headers(secrets.token_urlsafe(16)),
        )

    def page(
        self,
        template: str,
        session: LoginSession | None,
        *,
        status: int = 200,
        allowance: Allowance = NOTHING_MORE,
        **values: object,
    ) -> web.Response:
        """Return a whole page for somebody who is logged in, or for a stranger where `session` is None."""
        nonce = secrets.token_urlsafe(16)
        token = self._signer.csrf_token(session) if session else ""
        text = self.fragment(template, {**values, "session": session, "csrf_token": token, "style_nonce": nonce})
        # replace: a call in progress may hold half a surrogate pair, which no page can
        body = text.encode("utf-8", "replace")
        return web.Response(
            body=body, content_type="text/html", charset="utf-8", status=status, headers=headers(nonce, allowance)
        )


def headers(style_nonce: str, allowance: Allowance = NOTHING_MORE) -> Mapping[str, str]:
    """Return the headers of a page. style_nonce: lets the player's own style in, and no other.

    Source: W3C, "Content Security Policy Level 3".
    """
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": f"'self' 'nonce-{style_nonce}'",
        "img-src": "'self' data:",
        "media-src": "'self' blob:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        **allowance.policy,
    }
    return {
        **GUARDS,
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        **({"Permissions-Policy": "microphone=(self), camera=(), geolocation=()"} if allowance.microphone else {}),
    }
