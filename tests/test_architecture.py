"""The rules of the house, asserted on the imports of every module: what is pure, and which folder may know which."""

from __future__ import annotations

import ast
import functools
import graphlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parents[1] / "ari_agent"

PURE: Final = (
    "analysis.answer",
    "analysis.conversation",
    "analysis.prompt",
    "analysis.questions",
    "errors",
    "one_line",
    "contract.*",
    "routing.*",
    "routing.system_variables",
    "routing.variables",
    "asterisk.answers",
    "asterisk.caller_refer",
    "asterisk.causes",
    "asterisk.codecs",
    "asterisk.digest",
    "asterisk.phone_message",
    "asterisk.trunk_destinations",
    "asterisk.trunk_objects",
    "asterisk.trunk_status",
    "asterisk.registration_states",
    "asterisk.events",
    "asterisk.fallback",
    "asterisk.media_encryption",
    "asterisk.messages",
    "asterisk.modules",
    "asterisk.names",
    "asterisk.refer",
    "asterisk.rtp_statistics",
    "asterisk.sip_headers",
    "asterisk.target",
    "asterisk.untold_steps",
    "artefacts.artefact_name",
    "artefacts.links",
    "artefacts.store_fault",
    "media.agent_encoding",
    "media.audio",
    "media.concealment",
    "media.e_model",
    "media.ambient_sounds",
    "media.background",
    "media.g722",
    "media.jitter_buffer",
    "media.key_holes",
    "media.line",
    "media.line_recorder",
    "media.lowpass",
    "media.peaks",
    "media.playout",
    "media.preceded_playout",
    "media.recorder",
    "media.resampler",
    "media.rtp",
    "media.sound_file",
    "media.sound",
    "media.speech_edges",
    "media.transcoder",
    "media.wave_file",
    "agents.bad_messages",
    "agents.control",
    "agents.llm",
    "agents.llm_requests",
    "agents.media_template",
    "agents.message",
    "agents.noted_protocol",
    "agents.payload",
    "agents.protocol",
    "agents.round_trips",
    "agents.schema.control_messages",
    "agents.schema.llm_messages",
    "agents.schema.message_model",
    "agents.schema.message_tables",
    "agents.schema.twilio_messages",
    "agents.schema.web_messages",
    "agents.token_bucket",
    "agents.realtime",
    "agents.realtime_events",
    "agents.twilio",
    "agents.twilio_signature",
    "agents.wav_header",
    "agents.text_agent",
    "agents.web",
    "speech.alignment",
    "speech.barge_in",
    "speech.decoder",
    "speech.deepgram_messages",
    "speech.echo",
    "speech.endpointing",
    "speech.english_rules",
    "speech.english_words",
    "speech.grammar",
    "speech.nods",
    "speech.normalized",
    "speech.pcm_stream",
    "speech.phonemes",
    "speech.pronunciation",
    "speech.recognizer",
    "speech.sentences",
    "speech.speakable",
    "speech.spoken_numbers",
    "speech.synthesizer",
    "speech.turn_settings",
    "speech.turn_words",
    "speech.turns",
    "speech.utterance",
    "speech.voice_activity",
    "speech.voice_end",
    "speech.voice_name",
    "speech.voices",
    "speech.worker_wire",
    "speech.wyoming_events",
    "prompt_agents.chat_messages",
    "prompt_agents.conversation",
    "prompt_agents.flow_equations",
    "prompt_agents.flow_state",
    "prompt_agents.flow_tools",
    "prompt_agents.flow_transcript",
    "prompt_agents.model",
    "prompt_agents.model_steps",
    "prompt_agents.prompt_state",
    "prompt_agents.tool_actions",
    "prompt_agents.tool_specs",
    "webhooks.data_copy",
    "webhooks.signature",
    "client_address",
    "process_share",
    "console.one_call.artefact_links",
    "console.one_call.call_log",
    "console.agents.agent_changes",
    "console.agents.agent_query",
    "console.agents.agent_settings",
    "console.agents.agent_text",
    "console.one_call.call_story",
    "console.now.day_figures",
    "console.now.live_call_row",
    "console.one_call.call_variables",
    "console.one_call.cause_words",
    "console.one_call.end_phase",
    "console.agents.installation",
    "console.live_record",
    "console.one_call.log_choice",
    "console.one_call.log_entries",
    "console.numbers.number_story",
    "console.login.login_guesses",
    "console.login.login_session",
    "console.one_call.media_course",
    "console.one_call.recording_choice",
    "console.one_call.routing_facts",
    "console.calls.said_words",
    "console.one_call.shown_to_others",
    "console.one_call.sip_ladder",
    "spent_ids",
    "console.one_call.transcript_rows",
    "console.one_call.turn_times",
    "console.one_call.waterfall",
    "console.webhooks.webhook_query",
    "console.words",
    "nodes.lease",
    "nodes.pace",
    "nodes.passed_on",
    "calls.bound_agent",
    "calls.call_cost",
    "calls.call_window",
    "calls.caller_gone",
    "calls.claim_delay",
    "calls.transfer.handoff",
    "calls.transfer.handoff_plan",
    "calls.hold",
    "calls.key_presses",
    "calls.asterisk_loss",
    "calls.quality_meter",
    "calls.dialogue.turn_steps",
    "calls.public_log.log_events",
    "calls.public_log.log_messages",
    "calls.public_log.log_redaction",
    "calls.public_log.public_log",
    "calls.record",
    "calls.public_log.routing_log",
    "calls.signs_of_life",
    "calls.resumption",
    "calls.sip_timeline",
    "calls.state",
    "calls.stored_content",
    "calls.teardown",
    "calls.trace_steps",
    "calls.traced_agent",
    "calls.transcript",
    "calls.dialogue.agent_actions",
    "calls.dialogue.agent_settings",
    "calls.dialogue.agent_speech",
    "calls.dialogue.agent_turn",
    "calls.dialogue.asked_of_call",
    "calls.dialogue.events",
    "calls.dialogue.keypad",
    "calls.dialogue.orders",
    "calls.dialogue.phases",
    "calls.dialogue.playback_tracker",
    "calls.dialogue.spoken_dialogue",
    "calls.dialogue.spoken_sentence",
    "calls.dialogue.spoken_transcript",
    "calls.dialogue.told_events",
    "calls.dialogue.transcript_updates",
    "calls.dialogue.user_words",
    "calls.web.playback_position",
    "calls.web.pre_answer_audio",
    "calls.web.rate_estimate",
    "calls.web.user_audio",
    "store.call_parts",
    "store.told_content",
    "pii.cards",
    "pii.emails",
    "pii.national_ids",
    "pii.personal_data",
    "pii.phone_numbers",
    "pii.plain_text",
    "pii.record_fields",
    "pii.scrubber",
    "pii.spoken_digits",
    "calls.web.web_recording",
    "calls.web.web_tone",
    "chats.exchange",
    "chats.notices",
    "chats.record",
    "check.dial_question",
    "chats.stored_content",
    "check.dialplan",
    "check.finding",
    "check.modules",
    "check.report",
    "demo.pbx_errors",
    "demo.rule_model",
    "demo.sip",
    "calls.media.announcement",
    "calls.media.arrival_watch",
    "calls.media.audio_stop_watch",
    "calls.media.beep_detector",
    "calls.media.greeting_listener",
    "calls.media.greeting_tap",
    "calls.media.call_latency",
    "calls.media.call_media",
    "calls.media.call_tap",
    "calls.media.commands",
    "calls.media.owed_marks",
    "calls.media.redial",
    "calls.media.silence_watch",
    "calls.media.speech_watch",
    "calls.media.turn_clock",
    "calls.media.turn_voice",
    "calls.realtime.asked_answers",
    "calls.realtime.heard_audio",
    "calls.realtime.realtime_prompt",
    "calls.realtime.realtime_transcript",
    "try_agent.advice",
    "try_agent.arguments",
    "try_agent.findings",
    "try_agent.hearing",
    "try_agent.options",
    "try_agent.report",
    "try_agent.watched_protocol",
    "try_agent.wire_log",
)
"""The modules that decide: bytes and values in, values out, with time and dice passed in.

The docstring of each says "Pure". A star stands for every module of a folder, whose docstring says so.
"""

WAITING: Final = (
    "analysis.analysed_kind",
    "analysis.analyst",
    "analysis.chat_completions",
    "analysis.runner",
    "__main__",
    "app",
    "shared_parts",
    "artefacts.artefact_response",
    "artefacts.artefact_store",
    "artefacts.artefacts",
    "artefacts.spool",
    "background",
    "clock",
    "config",
    "console_sources.*",
    "conversation_analyses",
    "endpoint",
    "file_limit",
    "gather",
    "http_client",
    "http_listener",
    "ids",
    "logs",
    "otlp",
    "own_loop",
    "provider_api",
    "metric_samples",
    "name_resolver",
    "one_of_several",
    "probes",
    "default_database",
    "drain",
    "process_settings",
    "processes",
    "reach",
    "self_check",
    "serve",
    "services",
    "setting_values",
    "stop_signals",
    "timed_wait",
    "asterisk.agent_variables",
    "asterisk.ari",
    "asterisk.browser_phone",
    "slow_readers",
    "asterisk.channel_variables",
    "asterisk.event_socket",
    "asterisk.header_reader",
    "asterisk.inspection",
    "asterisk.provisional_response",
    "asterisk.rest",
    "asterisk.shared_channels",
    "asterisk.stasis_entries",
    "asterisk.trunk_diagnosis",
    "asterisk.trunk_inquiry",
    "asterisk.trunks",
    "media.bridge",
    "media.bridge_tap",
    "media.recorded_bridge",
    "media.socket",
    "media.wheel",
    "agents.audio_socket",
    "agents.frame_listener",
    "agents.intake",
    "agents.read_pauses",
    "agents.llm_connection",
    "agents.llm_socket",
    "agents.schema.schema_files",
    "agents.tcp_connection",
    "speech.attempts",
    "speech.deepgram_recognizer",
    "speech.elevenlabs_synthesizer",
    "speech.flite_synthesizer",
    "speech.grammar_decoder",
    "speech.grammar_recognizer",
    "speech.moonshine_decoder",
    "speech.moonshine_recognizer",
    "speech.network_recognizer",
    "speech.network_synthesizer",
    "speech.open_recognitions",
    "speech.openai_recognizer",
    "speech.openai_synthesizer",
    "speech.piper_process",
    "speech.piper_synthesizer",
    "speech.providers",
    "speech.smart_turn",
    "speech.recognition_pool",
    "speech.recognition_worker",
    "speech.request_failures",
    "speech.silero",
    "speech.speech_cache",
    "speech.speech_program",
    "speech.utterances",
    "speech.worker_recognizer",
    "speech.wyoming_connection",
    "speech.wyoming_recognizer",
    "speech.wyoming_synthesizer",
    "check.models",
    "check.realtime",
    "prompt_agents.bounded_http",
    "prompt_agents.chat_model",
    "prompt_agents.custom_function",
    "prompt_agents.flow_agent",
    "prompt_agents.model_answers",
    "prompt_agents.prompt_agent",
    "prompt_agents.prompt_agents",
    "prompt_agents.stored_engine",
    "prompt_agents.tool_runs",
    "webhooks.delivery",
    "webhooks.inbound",
    "webhooks.retention",
    "webhooks.signed_post",
    "webhooks.traced_post",
    "store.*",
    "calls.batch_scheduler",
    "calls.call_analysis",
    "calls.call_log",
    "calls.call_monitoring",
    "calls.call_retention",
    "calls.call_files",
    "calls.call_requests",
    "calls.caller_hold",
    "calls.caller_identity",
    "calls.caller_leg",
    "calls.transfer.caller_transfer",
    "calls.channel_end",
    "calls.concurrency_slots",
    "calls.shared_slots",
    "calls.adopted_call",
    "calls.agent_absence",
    "calls.resumed_call",
    "calls.take_over",
    "calls.left_calls",
    "calls.asterisk_state",
    "calls.failover",
    "calls.transfer.agentic_transfer",
    "calls.transfer.transfer_agent_call",
    "calls.transfer.transfer_agent_order",
    "calls.transfer.asked_transfer",
    "calls.bound_agents",
    "calls.dial_guard",
    "calls.dial_trial",
    "calls.transfer.bridged_recording",
    "calls.transfer.consultation",
    "calls.digits",
    "calls.transfer.handoff_speech",
    "calls.inbound_call",
    "calls.inbound_decider",
    "calls.inbound_router",
    "calls.latency_histograms",
    "calls.transfer.machine_detector",
    "calls.originator",
    "calls.public_log.log_file",
    "calls.public_log.log_lines",
    "calls.public_log.media_log",
    "calls.new_media_spec",
    "calls.public_log.public_logs",
    "calls.orphan_sweep",
    "calls.shared_calls",
    "calls.outbound_call",
    "calls.outright_ends",
    "calls.pending_answers",
    "calls.phone_call",
    "calls.quality_histograms",
    "calls.quality_watch",
    "calls.reconciliation",
    "calls.record_writer",
    "calls.recording_peaks",
    "calls.recording_consent",
    "calls.transfer.hold_music",
    "calls.transfer.invite_transfer",
    "calls.transfer.refer_transfer",
    "calls.sip_audio",
    "calls.referable_call",
    "calls.transfer.snooped_line",
    "calls.transfer.target_leg",
    "calls.two_leg_call",
    "calls.waiting_call",
    "calls.webhook_trial",
    "calls.transfer.warm_transfer",
    "calls.registrar",
    "calls.scrubbed_recording",
    "calls.session",
    "calls.dialogue.agent_line",
    "calls.session_dependencies",
    "calls.session_events",
    "calls.switchboard",
    "calls.transcript_writer",
    "calls.transfer.transfers",
    "calls.trunk_attempts",
    "calls.trunk_sync",
    "calls.dialogue.agent_voice",
    "calls.dialogue.caller_hearing",
    "calls.dialogue.speech_output",
    "calls.dialogue.text_agent_leg",
    "calls.media.agent_background",
    "calls.media.agent_leg",
    "calls.media.line_recording",
    "calls.media.audio_agent_leg",
    "calls.media.media_half",
    "calls.media.media_session",
    "calls.media.voice_ends",
    "calls.media.recording_file",
    "calls.media.socket_leg",
    "calls.realtime.answer_watch",
    "calls.realtime.model_session",
    "calls.realtime.realtime_agents",
    "calls.realtime.realtime_commands",
    "calls.realtime.realtime_leg",
    "calls.realtime.realtime_server",
    "calls.realtime.realtime_tools",
    "calls.realtime.spoken_items",
    "calls.realtime.timers",
    "calls.web.front_end",
    "calls.web.front_end_writer",
    "calls.web.web_acceptor",
    "calls.web.web_call",
    "calls.web.web_media",
    "calls.web.web_tap",
    "chats.agent_line",
    "chats.chat_analysis",
    "chats.chat_recovery",
    "chats.chat_router",
    "chats.chat_service",
    "chats.content_to_store",
    "chats.dependencies",
    "chats.events",
    "chats.inbox",
    "chats.live_chats",
    "chats.sender",
    "chats.session",
    "check.analysis",
    "check.artefacts",
    "check.asterisk",
    "check.audio",
    "check.browser_phone",
    "check.contexts",
    "check.dial",
    "check.each",
    "check.machine",
    "check.peers",
    "check.runner",
    "check.sip_options",
    "check.stored",
    "check.surroundings",
    "check.table",
    "check.trunks",
    "pii.presidio",
    "nodes.*",
    "api.*",
    "console.*",
    "demo.*",
    "try_agent.line",
    "try_agent.run",
    "try_agent.script",
    "try_agent.spoken_stand_ins",
    "try_agent.watched_websocket",
)
"""All other modules: they wait, read a clock, throw dice, or belong to what does.

A star stands for every module of a folder that PURE does not name.
"""

WAITING_LIBRARIES: Final = frozenset(
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
    "client_address": frozenset(),
    "clock": frozenset(),
    "file_limit": frozenset(),
    "gather": frozenset(),
    "http_client": frozenset({"name_resolver"}),
    "name_resolver": frozenset(),
    "reach": frozenset({"name_resolver"}),
    "ids": frozenset(),
    "logs": frozenset({"one_line"}),
    "one_line": frozenset(),
    "console_sources.settings_rows": frozenset({"config", "setting_values", "console", "calls"}),
    "otlp": frozenset({"contract", "errors"}),
    "background": frozenset(),
    "own_loop": frozenset(),
    "stop_signals": frozenset(),
    "timed_wait": frozenset(),
    "slow_readers": frozenset(),
    "spent_ids": frozenset(),
    "endpoint": frozenset({"http_client", "contract", "errors"}),
    "drain": frozenset({"http_client", "contract", "errors"}),
    "provider_api": frozenset({"endpoint"}),
    "errors": frozenset({"contract"}),
    "default_database": frozenset(),
    "config": frozenset({"default_database", "setting_values", "process_settings", "contract", "errors"}),
    "process_settings": frozenset({"setting_values", "process_share"}),
    "process_share": frozenset(),
    "setting_values": frozenset({"contract"}),
    "contract": frozenset({"contract", "errors"}),
    "routing": frozenset({"routing", "contract", "errors"}),
    # Neighbours, which do not know one another: calls and chats bring them together.
    "analysis": frozenset({"analysis", "endpoint", "provider_api", "timed_wait", "contract", "errors"}),
    "asterisk": frozenset({"asterisk", "http_client", "reach", "timed_wait", "contract", "errors"}),
    "media": frozenset({"media", "contract", "errors"}),
    "artefacts": frozenset({"artefacts", "slow_readers", "timed_wait", "contract", "errors"}),
    "pii": frozenset({"pii", "contract", "errors"}),
    "agents": frozenset({"agents", "name_resolver", "contract", "errors"}),
    # Providers of speech have rates of their own, and what a caller hears goes through one resampler.
    "speech": frozenset(
        {"speech", "endpoint", "provider_api", "timed_wait", "media.audio", "media.resampler", "contract", "errors"}
    ),
    # Prompts are agents like those behind websockets, and their functions are signed as webhooks are.
    "prompt_agents": frozenset(
        {"prompt_agents", "agents", "routing", "endpoint", "webhooks.signature", "contract", "errors"}
    ),
    "webhooks": frozenset({"webhooks", "clock", "timed_wait", "contract", "errors"}),
    "store": frozenset({"store", "routing.dialled_number", "clock", "contract", "errors"}),
    "nodes": frozenset({"nodes", "store", "contract", "errors"}),
    # Neighbours as well.
    "calls": frozenset(
        {
            "calls",
            "routing",
            "analysis",
            "asterisk",
            "media",
            "agents",
            "prompt_agents",
            "speech",
            "artefacts",
            "pii",
            "webhooks",
            "store",
            "endpoint",
            "gather",
            "timed_wait",
            "contract",
            "errors",
        }
    ),
    "chats": frozenset(
        {
            "chats",
            "routing",
            "analysis",
            "asterisk",
            "agents",
            "prompt_agents",
            "webhooks",
            "store",
            "contract",
            "errors",
            "pii",
        }
    ),
    "check": frozenset(
        {
            "check",
            "agents.llm",
            "agents.twilio_signature",
            "analysis.chat_completions",
            "api.connection_limits",
            "artefacts",
            "asterisk",
            "endpoint",
            "calls.dial_guard",
            "calls.transfer.machine_detector",
            "media",
            "store",
            "routing",
            "file_limit",
            "http_client",
            "one_line",
            "reach",
            "contract",
            "errors",
        }
    ),
    "try_agent": frozenset(
        {
            "try_agent",
            "agents",
            "calls",
            "media",
            "speech",
            "demo.caller_audio",
            "demo.sounds",
            "http_client",
            "clock",
            "ids",
            "one_line",
            "contract",
            "errors",
        }
    ),
    "console": frozenset(
        {
            "console",
            "slow_readers",
            "spent_ids",
            "check.finding",
            "check.report",
            "client_address",
            "clock",
            "artefacts",
            "calls",
            "chats",
            "routing",
            "speech.voices",
            "speech.voice_name",
            "store",
            "contract",
            "errors",
        }
    ),
    "api": frozenset(
        {
            "api",
            "client_address",
            "clock",
            "artefacts",
            "calls",
            "chats",
            "nodes.passed_on",
            "spent_ids",
            "pii",
            "store",
            "contract",
            "errors",
        }
    ),
}
"""Folder or module of the package -> what of the package it may import; the longest name counts.

Those of CONSTRUCTS are absent: they know all.
"""

CONSTRUCTS: Final = frozenset(
    {
        "__main__",
        "app",
        "console_sources",
        "conversation_analyses",
        "demo",
        "http_listener",
        "metric_samples",
        "one_of_several",
        "probes",
        "processes",
        "self_check",
        "serve",
        "services",
        "shared_parts",
    }
)


@dataclass(frozen=True)
class Module:
    """One file, read when something is first asked of it: this file is collected by every process that runs tests."""

    path: Path

    @functools.cached_property
    def name(self) -> str:
        """Its name inside the package."""
        parts = self.path.relative_to(PACKAGE).with_suffix("").parts
        return ".".join(part for part in parts if part != "__init__")

    @functools.cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    def tree(self) -> ast.Module:
        """Its syntax tree, made anew: all of them together would fill the memory of the process."""
        return ast.parse(self.text)

    @property
    def says_pure(self) -> bool:
        """Whether its docstring says "Pure"."""
        return self._facts[0]

    @property
    def imports(self) -> frozenset[str]:
        """The full names that it imports."""
        return self._facts[1]

    @property
    def functions(self) -> Mapping[str, int]:
        """Name and first line of each function -> how many lines it has."""
        return self._facts[2]

    @functools.cached_property
    def _facts(self) -> tuple[bool, frozenset[str], Mapping[str, int]]:
        tree = self.tree()
        imports: set[str] = set()
        functions: dict[str, int] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imports.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0 and node.module, f"{self.path}: relative import"
                imports.add(node.module)
                # `from ari_agent.media import audio` names a module too
                imports.update(f"{node.module}.{a.name}" for a in node.names if _is_module(node.module, a.name))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions[f"{node.name}, line {node.lineno}"] = (node.end_lineno or 0) - node.lineno + 1
        says_pure = re.search(r"\bPure\b", ast.get_docstring(tree) or "") is not None
        return says_pure, frozenset(imports), functions

    @property
    def folder(self) -> str:
        """The first part of the name."""
        return self.name.partition(".")[0]

    def own_imports(self) -> Iterator[str]:
        """What it imports of this package, without the package's name."""
        for name in self.imports:
            if name.startswith("ari_agent."):
                yield name.removeprefix("ari_agent.")


@functools.cache
def _is_module(package: str, name: str) -> bool:
    folder = PACKAGE.parent.joinpath(*package.split("."))
    return (folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists()


FILES: Final = [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
MODULES: Final = {module.name: module for module in FILES if module.name}

PACKAGES: Final = {name.rpartition(".")[0] for name in MODULES}
"""Folders: they hold no code of their own, or what brings a database up to date."""


def _is_listed(name: str, names: Collection[str]) -> bool:
    """By itself or by a star; a name that stands in the other list goes before a star."""
    if name in PURE or name in WAITING:
        return name in names
    return any(listed.endswith(".*") and name.startswith(listed[:-1]) for listed in names)


def _covers(allowed: str, name: str) -> bool:
    return name == allowed or name.startswith(f"{allowed}.")


PURE_MODULES: Final = [name for name in MODULES if name not in PACKAGES and _is_listed(name, PURE)]


def test_every_module_is_listed_as_pure_or_as_waiting_and_every_name_in_the_lists_is_one() -> None:
    unlisted = {name for name in MODULES if name not in PACKAGES and not _is_listed(name, PURE + WAITING)}
    folders = {f"{package}.*" for package in PACKAGES}
    gone = {name for name in PURE + WAITING if name not in MODULES and name not in folders}
    assert (unlisted, gone) == (set(), set()), "not in PURE or WAITING, and there without being a module"
    assert len(set(PURE + WAITING)) == len(PURE + WAITING)


def test_the_docstrings_of_pure_modules_say_so_and_no_others_do() -> None:
    should = {name for name in PURE if name in MODULES} | {name[:-2] for name in PURE if name.endswith(".*")}
    silent = {name for name in should if not MODULES[name].says_pure}
    wrong = {name for name, module in MODULES.items() if module.says_pure and not _is_listed(name, PURE)} - should
    assert (silent, wrong) == (set(), set()), "pure but not saying so, and saying so but not in PURE"


def test_a_pure_module_imports_nothing_that_waits() -> None:
    waiting = {
        (name, found)
        for name in PURE_MODULES
        for found in MODULES[name].imports
        if any(_covers(what, found) for what in WAITING_LIBRARIES)
    }
    assert waiting == set()


def test_a_pure_module_imports_only_pure_ones_of_the_package() -> None:
    harmless = PACKAGES | set(PURE_MODULES)
    impure = {(name, found) for name in PURE_MODULES for found in MODULES[name].own_imports() if found not in harmless}
    assert impure == set()


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports for types alone count too: two files that need each other are one."""
    graph = {name: [found for found in module.own_imports() if found in MODULES] for name, module in MODULES.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        raise AssertionError(" imports ".join(reversed(error.args[1]))) from None


def test_every_module_has_a_line_in_the_table_of_imports_or_constructs() -> None:
    assert {module.folder for module in MODULES.values()} == CONSTRUCTS | {
        name.partition(".")[0] for name in MAY_IMPORT
    }


def test_a_folder_imports_only_what_it_may_know() -> None:
    strange = {
        (name, found)
        for name, module in MODULES.items()
        if module.folder in MAY_IMPORT
        for found in module.own_imports()
        if not any(_covers(what, found) or _covers(found, what) for what in _may_import(name))
    }
    assert strange == set()


@functools.cache
def _may_import(name: str) -> frozenset[str]:
    return MAY_IMPORT[max((folder for folder in MAY_IMPORT if _covers(folder, name)), key=len)]


def test_only_those_who_construct_read_the_configuration() -> None:
    readers = {name for name, module in MODULES.items() if "config" in module.own_imports()}
    assert {name for name in readers if not name.startswith("demo.")} <= {
        "app",
        "console_sources.page_tools",
        "console_sources.settings_rows",
        "conversation_analyses",
        "http_listener",
        "one_of_several",
        "processes",
        "self_check",
        "serve",
        "services",
        "shared_parts",
        "__main__",
    }


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
    users = [module for module in FILES if any(_covers("aiohttp", found) for found in module.imports)]
    assert "api.http_server" in {module.name for module in users}, "the walk sees who imports it"
    assert {module.name: found for module in users if (found := set(_private_names(module.tree(), "aiohttp")))} == {}


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


MOST_LINES_OF_A_FILE: Final = 450
MOST_LINES_OF_A_FUNCTION: Final = 60
SOURCES: Final = [module for module in FILES if "versions" not in module.path.parts]
"""All but the scripts of released migrations, which are never edited."""


def test_no_file_is_longer_than_the_house_allows() -> None:
    lines = {module.name: len(module.text.splitlines()) for module in SOURCES}
    assert {name: count for name, count in lines.items() if count > MOST_LINES_OF_A_FILE} == {}


def test_no_function_is_longer_than_the_house_allows() -> None:
    lengths = {(module.name, name): length for module in SOURCES for name, length in module.functions.items()}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES_OF_A_FUNCTION} == {}
