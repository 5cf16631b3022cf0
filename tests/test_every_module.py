"""Every module of 60 lines or more has its own test file, or a line here that says which file tests it, and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[1] / "ari_agent"
TESTS: Final = Path(__file__).parent
LINES: Final = 60

ELSEWHERE: Final[Mapping[str, tuple[str, str]]] = {
    "analysis/analysed_kind": ("calls/test_call_analysis", "calls are one of two kinds; chats/test_chat_analysis"),
    "artefacts/artefacts": ("api/test_artefacts", "spool, store and links together, as HTTP shows them"),
    "agents/frame_listener": ("agents/test_audio_socket", "what frames mean is told by what the socket hands on"),
    "agents/intake": ("agents/test_audio_socket", "long audio goes through it, and what comes behind that"),
    "agents/read_pauses": ("agents/test_audio_socket", "an agent that sends too much, or a message that takes long"),
    "agents/llm_socket": ("agents/test_llm_connection", "the connection opens it: each of its ends is a scene there"),
    "agents/protocol": ("agents/test_noted_protocol", "the interface of both protocols, all of it used there"),
    "agents/schema/control_messages": ("agents/schema/test_schema_files", "models, told by the schemas that they make"),
    "agents/schema/llm_messages": ("agents/schema/test_schema_files", "models, told by the schemas that they make"),
    "agents/schema/message_model": ("agents/schema/test_schema_files", "the base and the table of those models"),
    "agents/schema/twilio_messages": ("agents/schema/test_schema_files", "models, told by the schemas that they make"),
    "agents/schema/web_messages": ("agents/schema/test_schema_files", "models, told by the schemas that they make"),
    "store/slot_rows": ("calls/test_shared_slots", "told by which calls of several nodes get a slot"),
    "store/slot_session": ("calls/test_shared_slots", "a connection, lost there at each of its requests"),
    "store/due_events": (
        "store/test_outbox",
        "what is due is told by the outbox; test_outbox_claims has several nodes",
    ),
    "calls/failover": ("integration/test_several_controllers", "two controllers, one of which is killed or stopped"),
    "calls/left_calls": ("integration/test_resumed_calls", "calls of a controller that was killed, in Asterisk"),
    "shared_parts": ("test_app", "a controller is built upon them, and stops in the reverse order"),
    "nodes/sole_node": ("test_services", "what a controller with a SQLite file is among the nodes"),
    "slow_readers": ("console/test_slow_readers", "pages of the console are the long answers"),
    "media/agent_encoding": ("media/test_bridge", "what a bridge makes of audio; test_line has the other rates"),
    "api/agent_resource": ("api/test_agents", "its paths are those of agents; test_chat_agents has the other kind"),
    "api/call_selection": ("api/test_list_calls", "what is selected is told by which calls a list answers"),
    "console/agents/agent_changes": (
        "console/agents/test_agent_pages",
        "told on the page",
    ),
    "console/agents/agent_list": ("console/agents/test_agent_pages", "a page"),
    "console/agents/agent_page": ("console/agents/test_agent_pages", "a page"),
    "console/agents/agent_settings": ("console/agents/test_agent_pages", "a part of the page"),
    "console/console": ("console/login/test_access", "its table of routes, each of which is asked for by a stranger"),
    "console/calls/call_query": (
        "console/calls/test_call_list",
        "told by which calls are listed",
    ),
    "console/one_call/cause_words": ("console/one_call/test_call_story", "two tables, which the sentences take"),
    "console/one_call/end_phase": ("console/one_call/test_call_story", "a part of the sentence"),
    "calls/agent_absence": ("integration/test_lost_agent", "what a caller hears meanwhile, which Asterisk plays"),
    "calls/recording_peaks": ("console/one_call/test_call_sound", "what it reads, and how often, is told over HTTP"),
    "artefacts/artefact_response": ("api/test_artefacts", "parts and headers, as HTTP shows them"),
    "console/one_call/read_log": (
        "console/one_call/test_call_page",
        "told by what the page shows",
    ),
    "console/one_call/log_choice": ("console/one_call/test_routing_facts", "out of the same lines of a log"),
    "console/one_call/call_variables": (
        "console/one_call/test_routing_facts",
        "beside what a call was given",
    ),
    "console/one_call/waterfall": ("console/one_call/test_turn_times", "the picture of the turns"),
    "console/dependencies": (
        "console/conftest",
        "interfaces and nothing else: every test of pages builds on them",
    ),
    "console/login/login": ("console/login/test_access", "a form, a cookie and a link, as a browser has them"),
    "console/now/now": ("console/test_live_feed", "a page that keeps itself up to date"),
    "console/pages": ("console/test_hostile_text", "what is put into a template is text"),
    "console/calls/said_words": ("console/calls/test_call_search", "what is found is the whole of it"),
    "console/webhooks/webhook_list": ("console/webhooks/test_webhooks", "the list, and what a click on it sends again"),
    "console/webhooks/webhook_page": ("console/webhooks/test_webhooks", "a page, and what a click on it sends again"),
    "console/webhooks/webhook_query": (
        "console/webhooks/test_webhooks",
        "told by which webhooks are listed",
    ),
    "console/one_call/transcript_rows": (
        "console/one_call/test_call_page",
        "test_odd_records has its bounds",
    ),
    "console/one_call/sip_ladder": ("console/one_call/test_call_page", "a part of the page"),
    "api/dependencies": ("api/conftest", "interfaces and nothing else: every test of the API builds on them"),
    "api/http_server": ("api/test_malformed_http", "what a server makes of bytes is told by what comes back for them"),
    "api/route": ("api/test_openapi", "the form of the tables that routes, openapi and errors are made of"),
    "nodes/dead_nodes": ("nodes/test_node", "nodes that die, stand still and come back, in processes of their own"),
    "store/nodes": ("nodes/test_node", "what nodes read and write is told by what they know of one another"),
    "store/own_session": ("nodes/test_node", "a connection that is cut, shared by a pooler, and comes back"),
    "api/server": ("api/test_auth", "the application: every test of the API runs it"),
    "api/webhook_description": ("api/test_openapi", "a part of the document that is tested there"),
    "asterisk/channel_variables": ("asterisk/test_ari", "the variables of Ari, one by one and many at once"),
    "asterisk/header_reader": ("asterisk/test_real_asterisk", "the limits that it works around are Asterisk's own"),
    "asterisk/inspection": ("integration/test_check", "what it looks into is a real Asterisk, whole and broken"),
    "asterisk/modules": ("check/test_modules", "two tables, and who is told of what they lack"),
    "asterisk/shared_channels": ("calls/test_shared_calls", "claims and marks what shared_calls hears of"),
    "serve": ("test_main", "a process, as it is started and ended"),
    "one_of_several": ("test_processes", "what one process says to the other is told by both"),
    "process_settings": ("test_processes", "a part of Settings, which test_config reads"),
    "asterisk/rest": ("asterisk/test_ari", "every request of Ari goes through it, with its errors and totals"),
    "contract/sip_timeline": ("calls/test_sip_timeline", "models, told by the timeline that makes them"),
    "contract/node": ("nodes/test_node", "what controllers tell one another of themselves"),
    "contract/destination": ("contract/test_call_control", "a destination is read in a request to transfer"),
    "calls/transfer/agentic_transfer": ("integration/test_agentic_transfer", "who hears whom is Asterisk's doing"),
    "calls/transfer/transfer_agent_call": ("integration/test_agentic_transfer", "its audio goes through Asterisk"),
    "calls/quality_watch": (
        "integration/test_media_quality",
        "when it looks is told by what a record holds at its end",
    ),
    "calls/call_requests": ("calls/test_switchboard", "values that the switchboard posts to a call"),
    "calls/transfer/caller_transfer": (
        "integration/test_caller_transfers",
        "a phone asks, a target answers: both on SIP",
    ),
    "calls/resumed_call": ("integration/test_resumed_calls", "a caller who is in a real Asterisk"),
    "calls/caller_leg": ("integration/test_hangup", "a channel of Asterisk, which only Asterisk can hang up"),
    "calls/dialogue/orders": ("calls/dialogue/test_spoken_dialogue", "the values that a dialogue answers with"),
    "calls/dialogue/user_words": (
        "calls/dialogue/test_spoken_dialogue",
        "its words are part of a conversation",
    ),
    "calls/transfer/warm_transfer": ("integration/test_warm_transfer", "who hears whom is Asterisk's doing"),
    "calls/transfer/hold_music": ("integration/test_invite_transfer", "what is heard is made by Asterisk"),
    "calls/bound_agents": ("console/numbers/test_number_page", "who would answer, as the page of a number says it"),
    "calls/dial_trial": ("console/numbers/test_dial_page", "each way, verdict and price is a line of the page"),
    "calls/webhook_trial": ("console/numbers/test_number_page", "a webhook is tried out by a button of the page"),
    "console/check/check_runs": ("console/check/test_check_page", "what a run has found is seen on the page"),
    "console/words": ("console/calls/test_call_list", "figures, times and links are words of a page"),
    "console/numbers/number_story": ("console/numbers/test_number_page", "each sentence is one of the page"),
    "console_sources/page_tools": ("integration/test_console_check", "built by app.py alone, for the console's pages"),
    "calls/inbound_decider": ("calls/test_inbound_router", "its second half, from the country to the agent"),
    "calls/inbound_call": ("integration/test_routing", "from StasisStart to the session: both are Asterisk's"),
    "calls/transfer/invite_transfer": (
        "integration/test_invite_transfer",
        "a target is called by Asterisk, and answers it",
    ),
    "calls/media/agent_leg": ("calls/media/test_media_session", "interfaces of the two kinds of legs"),
    "calls/media/socket_leg": ("calls/media/test_media_session", "the base of the legs with a websocket"),
    "calls/realtime/model_session": ("calls/realtime/test_realtime_leg", "its session, taken and refused"),
    "calls/realtime/realtime_agents": ("calls/realtime/test_realtime_leg", "what the legs of all calls share"),
    "calls/realtime/realtime_commands": ("calls/realtime/test_realtime_leg", "what its model is told"),
    "calls/realtime/realtime_server": ("check/test_realtime", "who tries it out"),
    "calls/realtime/realtime_tools": ("calls/realtime/test_realtime_leg", "tools, as its model calls them"),
    "calls/realtime/spoken_items": ("calls/realtime/test_realtime_leg", "what its model says"),
    "agents/realtime_events": ("agents/test_realtime", "values that the protocol reads"),
    "calls/media/audio_agent_leg": ("calls/media/test_media_session", "a leg lives in a session"),
    "calls/media/call_media": ("calls/media/test_media_session", "opens the sockets that a session joins"),
    "calls/media/media_half": (
        "calls/media/test_media_session",
        "the base class of both media halves; web calls test it as well",
    ),
    "calls/public_log/log_events": ("documentation/test_public_log_page", "a table, held against the one for people"),
    "calls/originator": ("api/test_phone_calls", "takes or refuses what the API asks for"),
    "calls/outbound_call": ("integration/test_outbound", "dials, which Asterisk does"),
    "calls/reconciliation": ("calls/test_switchboard", "what is compared are the calls of a switchboard"),
    "calls/referable_call": ("integration/test_caller_transfers", "its caller's phone says what is asked for"),
    "calls/transfer/refer_transfer": ("integration/test_transfer", "a REFER has its outcome from a SIP peer"),
    "calls/session_dependencies": ("calls/test_switchboard", "what all calls share, made there"),
    "calls/session": (
        "integration/test_agent_failures",
        "a call between Asterisk and an agent",
    ),
    "calls/session_events": ("calls/transfer/test_transfers", "values that are posted to a call"),
    "calls/media/line_recording": (
        "calls/transfer/test_bridged_recording",
        "ports and a clock for what it hears",
    ),
    "calls/transfer/snooped_line": ("calls/transfer/test_bridged_recording", "one of the two lines that are recorded"),
    "calls/transfer/target_leg": (
        "integration/test_invite_transfer",
        "a channel of Asterisk, which only Asterisk can dial",
    ),
    "calls/trunk_attempts": ("integration/test_trunk_failover", "what counts is which carrier is called"),
    "calls/two_leg_call": ("integration/test_transfer_cases", "who is hung up when, between a caller and a target"),
    "calls/web/front_end_writer": ("calls/web/test_front_end", "writes what the front end is to hear"),
    "calls/web/web_acceptor": ("api/test_audio_websocket", "joins the websocket of a client with a registered call"),
    "calls/web/web_call": ("api/test_web_call_ends", "from the first message to the record"),
    "calls/web/web_media": ("api/test_web_call_limits", "media between two websockets, with its limits"),
    "chats/dependencies": ("chats/test_session", "what a session is given"),
    "chats/agent_line": ("chats/test_session", "a session is what it talks for"),
    "chats/live_chats": ("chats/test_chat_recovery", "the chats of this process, begun and taken up again"),
    "check/asterisk": ("integration/test_check", "a real Asterisk is asked, whole and broken"),
    "check/audio": ("integration/test_check", "what is heard is a real Asterisk's"),
    "check/contexts": ("integration/test_check", "the dialplan of a real Asterisk"),
    "check/surroundings": ("integration/test_check", "what is brought together there for the checks"),
    "check/table": ("integration/test_check", "a table, whose lines are run there"),
    "check/trunks": ("integration/test_check", "the trunk of a number, there and away"),
    "contract/agent_base": ("contract/test_agent", "the fields that both kinds of agents have"),
    "contract/agent_options": ("contract/test_agent", "values of an agent's fields; its samples hold one of each"),
    "contract/call_filters": ("store/test_call_filters", "what a filter means is told by the calls that it finds"),
    "conversation_analyses": ("calls/test_call_analysis", "what it puts together is run there, and for chats"),
    "demo/bound_number": ("demo/test_run", "made and removed over the API of a controller that runs"),
    "demo/enclosure": ("demo/test_pbx", "what lives in the namespaces, and dies with them, is an Asterisk"),
    "demo/warm_call": ("demo/test_run", "a script whose steps are seen on a real Asterisk"),
    "pii/cards": ("pii/test_personal_data", "what is recognised, and what is not, in one table"),
    "pii/emails": ("pii/test_personal_data", "what is recognised, and what is not, in one table"),
    "pii/national_ids": ("pii/test_personal_data", "what is recognised, and what is not, in one table"),
    "api/routes": ("api/test_openapi", "the tables of all resources: what is described there is what is served"),
    "setting_values": ("test_config", "values are read there as the environment has them"),
    "self_check": (
        "integration/test_check",
        "what it brings together is run there, in this process and in one of its own",
    ),
    "speech/recognition_pool": ("speech/test_grammar_recognizer", "processes that die are replaced in its scenes"),
    "speech/nods": ("speech/test_turn_words", "a table"),
    "speech/worker_recognizer": ("speech/test_grammar_recognizer", "what all engines share, seen there with one"),
    "agents/text_agent": ("agents/test_llm_connection", "the interface; whoever has it has its test"),
    "contract/flow_edges": ("contract/test_conversation_flow", "the ways of flows"),
    "contract/flow_nodes": ("contract/test_conversation_flow", "the nodes of flows"),
    "contract/model_settings": ("contract/test_retell_llm", "what prompts and flows share"),
    "contract/llm_tools": ("contract/test_retell_llm", "the tools of prompts"),
    "store/versioned_engines": ("api/test_versioned_engines", "prompts and flows, written and read"),
    "prompt_agents/bounded_http": ("prompt_agents/test_hostile_model", "floods, and what is packed, of a real server"),
    "prompt_agents/chat_messages": ("prompt_agents/test_prompt_state", "messages that a model is told"),
    "prompt_agents/custom_function": ("prompt_agents/test_prompt_agent", "asks a server, as an agent does"),
    "prompt_agents/flow_tools": ("prompt_agents/test_flow_agent", "tools that nodes are, as an agent uses them"),
    "prompt_agents/flow_transcript": ("prompt_agents/test_flow_agent", "what was heard, as an agent sees it"),
    "prompt_agents/model_answers": ("prompt_agents/test_prompt_agent", "answers, as a prompt's agent makes them"),
    "prompt_agents/tool_specs": ("prompt_agents/test_prompt_state", "tools that a model is told of"),
    "prompt_agents/model": ("prompt_agents/test_prompt_state", "values, and the parts of tool calls"),
    "calls/dialogue/agent_line": ("integration/test_prompt_agent", "chooses by the engine who is asked"),
    "speech/wyoming_connection": ("speech/test_wyoming_recognizer", "seen there and in test_wyoming_synthesizer"),
    "speech/piper_process": ("speech/test_piper_synthesizer", "seen there, with its voices"),
    "speech/recognizer": ("speech/test_network_recognizer", "the interface; each provider's file is its test"),
    "speech/english_rules": ("speech/test_normalized", "a table of what is said"),
    "speech/english_words": ("speech/test_normalized", "words of the rules"),
    "speech/spoken_numbers": ("speech/test_normalized", "numbers in the same table"),
    "speech/speakable": ("speech/test_sentences", "what is read aloud of a sentence"),
    "speech/synthesizer": ("speech/test_network_synthesizer", "the interface; each provider's file is its test"),
    "store/agent_rows": ("store/test_agents", "rows of agents, written and read"),
    "store/call_filter": ("store/test_call_filters", "filters as SQL"),
    "store/call_index": ("store/test_call_filters", "columns that filters look at"),
    "store/filter_conditions": ("store/test_call_filters", "conditions as SQL, told by the calls that are found"),
    "store/call_records": ("store/test_calls", "records, written and read"),
    "store/database": ("store/test_opening", "opened, migrated, and failing to be"),
    "store/kept_webhook": ("store/test_webhook_deliveries", "what is kept of calls and chats with each setting"),
    "store/store": ("store/test_opening", "all repositories of one database"),
    "try_agent/line": ("try_agent/test_run", "a line to an agent that a trial call is played on"),
    "try_agent/script": ("try_agent/test_run", "the steps of a trial call, told by its report"),
    "store/tables": ("store/test_opening", "compared there with what the migrations make"),
}
"""Module -> the file that tests it most, and why it has none of its own."""


def _modules() -> list[str]:
    return [
        str(path.relative_to(PACKAGE).with_suffix(""))
        for path in sorted(PACKAGE.rglob("*.py"))
        if "migrations" not in path.parts and len(path.read_text(encoding="utf-8").splitlines()) >= LINES
    ]


def _own_test(module: str) -> Path:
    path = Path(module)
    return TESTS / path.parent / f"test_{path.name.strip('_')}.py"


def test_a_module_has_its_test_or_a_reason_for_having_none() -> None:
    wrong = {
        f"ari_agent/{module}.py needs {_own_test(module)} or a line in ELSEWHERE, not both"
        for module in _modules()
        if _own_test(module).exists() == (module in ELSEWHERE)
    }
    assert wrong == set()


def test_what_is_tested_elsewhere_is_there_and_so_is_its_test() -> None:
    named = {PACKAGE / f"{module}.py" for module in ELSEWHERE} | {
        TESTS / f"{test}.py" for test, _ in ELSEWHERE.values()
    }
    assert {str(path) for path in named if not path.exists()} == set()
