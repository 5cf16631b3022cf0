"""The rules of the house, asserted on the imports of every module: what is pure, and which folder may know which."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parents[1] / "ari_agent"

PURE: Final = (
    "errors",
    "contract.*",
    "asterisk.causes",
    "asterisk.events",
    "asterisk.fallback",
    "asterisk.messages",
    "asterisk.names",
    "asterisk.refer",
    "asterisk.sip_headers",
    "media.audio",
    "media.concealment",
    "media.jitter",
    "media.lowpass",
    "media.playout",
    "media.resampler",
    "media.rtp",
    "media.transcoder",
    "agents.token_bucket",
    "agents.control",
    "agents.media_shape",
    "agents.message",
    "agents.twilio",
    "agents.web",
    "agents.llm",
    "speech.deepgram_messages",
    "speech.grammar",
    "speech.grammar_wire",
    "speech.recognizer",
    "speech.utterance",
    "speech.sentences",
    "speech.speakable",
    "speech.turn_settings",
    "speech.turn_words",
    "speech.turns",
    "speech.voice_activity",
    "speech.alignment",
    "speech.pcm_stream",
    "speech.synthesizer",
    "speech.voice_name",
    "agents.llm_requests",
    "chats.exchange",
    "chats.notices",
    "chats.record",
    "calls.dialogue.call_latency",
    "calls.hold",
    "calls.media.call_media",
    "calls.media.commands",
    "calls.media.silence_watch",
    "calls.teardown",
    "calls.web.pre_answer_audio",
    "calls.web.playback_position",
    "calls.dialogue.keypad",
    "calls.record",
    "routing.inbound",
    "calls.dialogue.speech_of_agent",
    "calls.dialogue.spoken_dialogue",
    "calls.dialogue.spoken_orders",
    "calls.dialogue.spoken_sentence",
    "calls.dialogue.spoken_transcript",
    "calls.state",
    "routing.system_variables",
    "calls.web.user_audio",
    "calls.transcript",
    "routing.variables",
    "webhooks.signature",
)
"""Bytes and decisions: time and dice are passed in. A star stands for every module of a folder."""

WAITING: Final = frozenset(
    {
        "aiohttp",
        "aiosqlite",
        "alembic",
        "asyncio",
        "concurrent",
        "multiprocessing",
        "os",
        "picows",
        "pydantic_settings",
        "queue",
        "random",
        "secrets",
        "select",
        "selectors",
        "signal",
        "socket",
        "sqlalchemy",
        "sqlite3",
        "ssl",
        "subprocess",
        "threading",
        "time",
        "urllib.request",
        "uuid",
        "uvloop",
    }
)
"""Sockets, clocks, dice, threads and files: what a pure module does not import."""

MAY_IMPORT: Final[Mapping[str, frozenset[str]]] = {
    "errors": frozenset({"contract"}),
    "config": frozenset({"contract", "errors"}),
    "contract": frozenset({"contract", "errors"}),
    "asterisk": frozenset({"asterisk", "contract", "errors"}),
    "media": frozenset({"media", "contract", "errors"}),
    "agents": frozenset({"agents", "media.audio", "contract", "errors"}),
    # providers of speech have rates of their own, and what a caller hears goes through one resampler
    "speech": frozenset({"speech", "media.audio", "media.resampler", "contract", "errors"}),
    "webhooks": frozenset({"webhooks", "clock", "contract", "errors"}),
    "store": frozenset({"store", "clock", "contract", "errors"}),
    "routing": frozenset({"routing", "contract", "errors"}),
    "calls": frozenset(
        {
            "calls",
            "routing",
            "asterisk",
            "media",
            "agents",
            "speech",
            "webhooks",
            "store",
            "gather",
            "contract",
            "errors",
        }
    ),
    "chats": frozenset({"chats", "routing", "asterisk", "agents", "webhooks", "store", "contract", "errors"}),
    "api": frozenset({"api", "clock", "calls", "store", "contract", "errors"}),
}
"""Folder (or module) of the package -> what of the package it may import; the closest one counts.

Who is absent constructs: it knows all.
"""


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its name inside the package, and the full names that it imports."""

    name: str
    imports: frozenset[str]

    @property
    def folder(self) -> str:
        """The first part of the name."""
        return self.name.partition(".")[0]

    def own_imports(self) -> Iterator[str]:
        """What it imports of this package, without the package's name."""
        for name in self.imports:
            if name.startswith("ari_agent."):
                yield name.removeprefix("ari_agent.")


def _module(path: Path) -> Module:
    relative = path.relative_to(PACKAGE).with_suffix("")
    parts = [part for part in relative.parts if part != "__init__"]
    imports: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}: relative import"
            imports.add(node.module)
            # `from ari_agent.media import audio` names a module too
            imports.update(f"{node.module}.{alias.name}" for alias in node.names if _is_module(node.module, alias.name))
    return Module(".".join(parts), frozenset(imports))


def _is_module(package: str, name: str) -> bool:
    folder = PACKAGE.parent.joinpath(*package.split("."))
    return (folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists()


MODULES: Final = {module.name: module for path in sorted(PACKAGE.rglob("*.py")) if (module := _module(path)).name}


def _is_pure(name: str) -> bool:
    return name in PURE or f"{name.partition('.')[0]}.*" in PURE


def _covers(allowed: str, name: str) -> bool:
    return name == allowed or name.startswith(f"{allowed}.")


@pytest.mark.parametrize("name", [name for name in PURE if not name.endswith("*")])
def test_every_pure_module_exists(name: str) -> None:
    assert name in MODULES


@pytest.mark.parametrize("name", [name for name in MODULES if _is_pure(name)])
def test_a_pure_module_imports_nothing_that_waits(name: str) -> None:
    waiting = {found for found in MODULES[name].imports if any(_covers(what, found) for what in WAITING)}
    assert not waiting


@pytest.mark.parametrize("name", [name for name in MODULES if _is_pure(name)])
def test_a_pure_module_imports_only_pure_ones_of_the_package(name: str) -> None:
    packages = {module.rpartition(".")[0] for module in MODULES}
    impure = {found for found in MODULES[name].own_imports() if found not in packages and not _is_pure(found)}
    assert not impure


@pytest.mark.parametrize("name", [name for name, module in MODULES.items() if module.folder in MAY_IMPORT])
def test_a_folder_imports_only_what_it_may_know(name: str) -> None:
    module = MODULES[name]
    allowed = MAY_IMPORT[max((folder for folder in MAY_IMPORT if _covers(folder, name)), key=len)]
    strange = {
        found
        for found in module.own_imports()
        if not any(_covers(what, found) or _covers(found, what) for what in allowed)
    }
    assert not strange


def test_only_those_who_construct_read_the_configuration() -> None:
    readers = {name for name, module in MODULES.items() if "config" in module.own_imports()}
    assert {name for name in readers if not name.startswith("demo.")} <= {"app", "__main__"}


def test_the_walk_sees_the_package() -> None:
    assert {"errors", "contract.call", "asterisk.ari", "media.rtp"} <= set(MODULES)
    assert "contract.disconnection" in set(MODULES["errors"].own_imports())


def _roots(tree: ast.AST, package: str) -> set[str]:
    """The names under which a module knows a package, or what it imports from it."""
    return {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if ((node.module or "") if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0] == package
    }


def _is_private(name: object) -> bool:
    return isinstance(name, str) and name.startswith("_") and not name.endswith("__")


def _private_names(tree: ast.AST, package: str) -> Iterator[str]:
    """The private names that a module uses of other objects, and that its classes share with a base in the package."""
    roots = _roots(tree, package)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and _is_private(node.attr)
            and ast.unparse(node.value) not in ("self", "cls")
        ):
            yield ast.unparse(node)
        bases = node.bases if isinstance(node, ast.ClassDef) else []
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).partition(".")[0] in roots for base in bases):
            for inside in ast.walk(node):
                name = getattr(inside, "attr", None) or getattr(inside, "name", None)
                if inside is not node and _is_private(name):
                    yield f"{node.name}.{name}"


def test_nothing_private_of_aiohttp_is_used() -> None:
    """Private names change without notice."""
    paths = sorted(PACKAGE.rglob("*.py"))
    trees = {str(path.relative_to(PACKAGE)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    users = {name: tree for name, tree in trees.items() if _roots(tree, "aiohttp")}
    assert "api/http_server.py" in users, "the walk sees who imports it"
    assert {name: found for name, tree in users.items() if (found := set(_private_names(tree, "aiohttp")))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "from aiohttp import web\nclass Runner(web.AppRunner):\n  async def _make_server(self): ...",
        "import aiohttp\nclass Session(aiohttp.ClientSession):\n  def close(self): self._connector = None",
        "from aiohttp import ClientSession\ndef end(session: ClientSession): session._connector.close()",
    ],
)
def test_what_is_private_is_found_however_it_is_used(text: str) -> None:
    assert list(_private_names(ast.parse(text), "aiohttp"))


def _importers() -> Mapping[str, set[str]]:
    """Each module of the package with those that it imports, also for types alone."""
    return {name: {found for found in module.own_imports() if found in MODULES} for name, module in MODULES.items()}


def test_no_module_imports_itself_by_way_of_others() -> None:
    left = {name: set(imports) for name, imports in _importers().items()}
    while free := {name for name, imports in left.items() if not imports & left.keys()}:
        for name in free:
            del left[name]
    while idle := left.keys() - {found for imports in left.values() for found in imports}:
        for name in idle:
            del left[name]
    assert not left
