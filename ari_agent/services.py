"""What calls, chats and API are built upon, opened from the settings: database, artefacts, speech, webhooks, ARI."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from ipaddress import ip_address

import aiohttp

from ari_agent.artefacts.artefact_store import ArtefactStore
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.artefacts.links import Links
from ari_agent.artefacts.spool import Spool
from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.browser_phone import BrowserPhone
from ari_agent.calls.concurrency_slots import SlotPool, Slots
from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.calls.media.voice_ends import VoiceEnds
from ari_agent.calls.public_log.public_logs import FINISHERS as LOG_FINISHERS
from ari_agent.calls.realtime.realtime_agents import RealtimeAgents
from ari_agent.calls.scrubbed_recording import FINISHERS as RECORDING_FINISHERS
from ari_agent.calls.shared_slots import SharedSlots
from ari_agent.chats.chat_router import ChatRouter
from ari_agent.chats.chat_service import ChatService
from ari_agent.chats.dependencies import Analyses, ChatDependencies
from ari_agent.chats.notices import Notices
from ari_agent.clock import now_ms
from ari_agent.config import PREFIX, Settings
from ari_agent.contract.trace import Trace
from ari_agent.errors import ConfigurationError, SpeechUnavailable, StoreError
from ari_agent.gather import gather
from ari_agent.ids import new_chat_id, new_message_id
from ari_agent.nodes.node import Node
from ari_agent.nodes.only_process import only_process
from ari_agent.nodes.sole_node import AnyNode, SoleNode
from ari_agent.pii.personal_data import FindMore
from ari_agent.prompt_agents.chat_model import ChatModel, ModelServer
from ari_agent.prompt_agents.custom_function import CustomFunctions
from ari_agent.prompt_agents.prompt_agents import PromptAgents
from ari_agent.routing.dial_policy import DialRules
from ari_agent.speech import providers
from ari_agent.speech.providers import SpeechSettings
from ari_agent.speech.silero import SileroDetector
from ari_agent.store.database import make_folder
from ari_agent.store.nodes import Introduction
from ari_agent.store.store import Store
from ari_agent.webhooks.delivery import POLL_INTERVAL_S, SHARED_POLL_S, Delivery
from ari_agent.webhooks.inbound import InboundWebhook

log = logging.getLogger(__name__)


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """Open the database, making what is missing.

    Raises:
        ConfigurationError: it cannot be used as set.
    """
    async with AsyncExitStack() as stack:
        try:
            if settings.database_is_default:
                make_folder(settings.database_url)
            store = Store(settings.database_url, now_ms=now_ms)
            if store.file:
                stack.enter_context(only_process(store.file))
            await store.open()
        except StoreError as error:
            raise ConfigurationError(f"{PREFIX}DATABASE_URL: {error}") from None
        stack.push_async_callback(store.close)
        log.info("database opened", extra={"url": store.shown_url})
        yield store


@asynccontextmanager
async def joined_node(settings: Settings, store: Store) -> AsyncIterator[AnyNode]:
    """Make this process one of the controllers that share the database, where it is no file, until it leaves.

    Raises:
        ConfigurationError: it cannot join.
    """
    about = Introduction(settings.node_name or socket.gethostname(), settings.own_app, _node_url(settings))
    if not store.is_shared:
        yield SoleNode(about, started_ms=now_ms())
        return
    node = Node(store, about)
    node.takes_over(False)  # before there is who goes on with calls
    try:
        await node.join()
    except StoreError as error:
        raise ConfigurationError(f"{PREFIX}DATABASE_URL: {error}") from None
    try:
        yield node
    finally:
        await node.leave()


def _node_url(settings: Settings) -> str | None:
    """Return where other controllers reach the API; None where neither the settings nor their BIND say it."""
    host, port = settings.bind
    with suppress(ValueError):  # a name
        address = ip_address(host)
        host = "localhost" if address.is_loopback or address.is_unspecified else host
    if settings.node_url or host == "localhost" or not port:
        return settings.node_url
    return settings.bind.http_url


@asynccontextmanager
async def opened_artefacts(settings: Settings) -> AsyncIterator[Artefacts]:
    """Open the store and the spool of recordings and logs; what a crash has left there is completed.

    Raises:
        ConfigurationError: one of them cannot be used as set.
    """
    try:
        store = ArtefactStore(settings.artefacts_place)
    except ConfigurationError as error:
        raise ConfigurationError(f"{PREFIX}ARTEFACTS_URL: {error}") from None
    spool = Spool(settings.spool_folder, store, finishers={**RECORDING_FINISHERS, **LOG_FINISHERS})
    try:
        left = await spool.start()
    except ConfigurationError as error:
        raise ConfigurationError(f"{PREFIX}SPOOL_DIR: {error}") from None
    if settings.public_url is None:
        # A link that leads the customer to his own machine is hard to tell from one that has expired.
        where = {"url": settings.link_base_url}
        log.info("links to recordings and logs are for this machine: ARI_AGENT_PUBLIC_URL is not set", extra=where)
    links = Links(settings.link_base_url, Links.key_of(settings.api_key.get_secret_value()), settings.link_lifetime_s)
    try:
        yield Artefacts(spool, store, links, left)
    finally:
        await spool.close()


@contextmanager
def opened_voice_ends() -> Iterator[VoiceEnds | None]:
    """Load what tells voice from noise for the latency of audio agents; None where voice activity is not installed."""
    try:
        ends = VoiceEnds(SileroDetector())
    except SpeechUnavailable as error:
        log.info("the level alone tells when a caller's speech ended, for the latency of audio agents: %s", error)
        yield None
        return
    try:
        yield ends
    finally:
        ends.close()


async def opened_model(settings: Settings) -> ChatModel:
    """Open the model's server, which is not asked anything yet.

    Raises:
        ConfigurationError: a setting is wrong, or what is needed is not installed.
    """
    server = ModelServer(settings.llm_model, settings.llm_url, settings.llm_api_key.get_secret_value())
    return await asyncio.to_thread(ChatModel, server)  # its client takes a second to import


@asynccontextmanager
async def opened_prompts(
    settings: Settings, store: Store, http: aiohttp.ClientSession
) -> AsyncIterator[PromptAgents | None]:
    """Open what agents with a prompt need; None where no model is set.

    Raises:
        ConfigurationError: a setting is wrong, or what is needed is not installed.
    """
    if not settings.llm_model:
        yield None
        return
    model = await opened_model(settings)
    functions = CustomFunctions(http, settings.api_key.get_secret_value(), now_ms)
    try:
        yield PromptAgents(model, functions, store.retell_llms.get, store.conversation_flows.get)
    finally:
        await functions.close()
        await model.close()


def realtime_agents(settings: Settings, store: Store, http: aiohttp.ClientSession) -> RealtimeAgents | None:
    """Return what agents whose model hears and speaks itself share; None where no server of such is set.

    http: asks the customers' servers for custom tools.
    """
    if not settings.has_realtime:
        return None
    return RealtimeAgents(
        settings.realtime_url,
        settings.realtime_api_key.get_secret_value(),
        CustomFunctions(http, settings.api_key.get_secret_value(), now_ms),
        store.retell_llms.get,
        audio=settings.realtime_audio,
        transcription_model=settings.realtime_transcription_model,
    )


@asynccontextmanager
async def started_speech(
    settings: Settings, http: aiohttp.ClientSession, prompts: PromptAgents | None = None
) -> AsyncIterator[Speech | None]:
    """Start the speech to text and text to speech of text agents; None where they are not set.

    prompts: for the text agents that answer by a prompt.

    Raises:
        SpeechUnavailable: a provider lacks what it needs.
    """
    given = providers.chosen(_speech_settings(settings))
    recognizer, synthesizer, voices = providers.recognizer(given), providers.synthesizer(given), providers.voices(given)
    if recognizer is None or synthesizer is None:
        yield None
        return
    try:
        await recognizer.start()
        await synthesizer.start()
        log.info("text agents: %s listens, %s speaks", given.speech_to_text, given.text_to_speech)
        yield Speech(
            recognizer,
            synthesizer,
            SileroDetector(),
            http,
            now_ms,
            voices=voices,
            providers=(given.speech_to_text, given.text_to_speech),
            prompts=prompts,
        )
    finally:
        await gather(recognizer.close(), synthesizer.close())


def _speech_settings(settings: Settings) -> SpeechSettings:
    return SpeechSettings(
        speech_to_text=settings.speech_to_text,
        text_to_speech=settings.text_to_speech,
        openai_api_key=settings.openai_api_key.get_secret_value(),
        openai_stt_url=settings.openai_stt_url or settings.openai_base_url,
        openai_tts_url=settings.openai_tts_url or settings.openai_base_url,
        openai_stt_model=settings.openai_stt_model,
        openai_tts_model=settings.openai_tts_model,
        deepgram_api_key=settings.deepgram_api_key.get_secret_value(),
        deepgram_url=settings.deepgram_url,
        deepgram_model=settings.deepgram_model,
        elevenlabs_api_key=settings.elevenlabs_api_key.get_secret_value(),
        elevenlabs_url=settings.elevenlabs_url,
        elevenlabs_model=settings.elevenlabs_model,
        wyoming_stt_url=settings.wyoming_stt_url,
        wyoming_tts_url=settings.wyoming_tts_url,
        piper=settings.piper,
        piper_voices=settings.piper_voices,
        flite=settings.flite,
        fallback_voice=settings.fallback_voice,
        grammar=settings.grammar,
        moonshine_model=settings.moonshine_model,
        smart_turn_model=settings.smart_turn_model,
    )


def webhook_delivery(store: Store, http: aiohttp.ClientSession, settings: Settings, trace: Trace | None) -> Delivery:
    """Return what delivers the webhooks of the store's outbox, and is woken by it."""
    api_key, copies_data = settings.api_key.get_secret_value(), settings.webhook_data_copy
    poll_s = SHARED_POLL_S if store.is_shared else POLL_INTERVAL_S
    delivery = Delivery(store.outbox, http, api_key, copies_data=copies_data, now_ms=now_ms, poll_s=poll_s, trace=trace)
    store.outbox.on_added = delivery.wake
    return delivery


def slot_pool(store: Store, settings: Settings, *, inbound_wait_s: float) -> SlotPool:
    """Return the pool of concurrency slots: that of all controllers which share the database, or one in memory.

    inbound_wait_s: how long an inbound caller rings for a slot.
    """
    limits = (settings.concurrency_limit, settings.reserved_inbound_concurrency)
    if store.slots.node_id is None:
        return Slots(*limits, inbound_wait_s=inbound_wait_s)
    takes = settings.database_away == "take"
    return SharedSlots(store.slots, *limits, inbound_wait_s=inbound_wait_s, take_while_away=takes)


def browser_phone(settings: Settings, http: aiohttp.ClientSession) -> BrowserPhone | None:
    """Return the account of the telephone in the console; None where there is none, or it is turned off."""
    password = settings.browser_phone_password.get_secret_value()
    if settings.browser_phone == "off" or not password:
        return None
    return BrowserPhone(http, settings.ari_url, settings.browser_phone_account, password)


def ari_of(settings: Settings, *, acting_as: Callable[[], int | None] = lambda: 0) -> Ari:
    """Return Asterisk's REST interface, which is not connected yet. acting_as: see Rest."""
    return Ari(
        url=settings.ari_url,
        username=settings.ari_username,
        password=settings.ari_password.get_secret_value(),
        app=settings.own_app,
        text_messages=settings.text_messages == "on",
        acting_as=acting_as,
    )


def chat_service(
    settings: Settings,
    store: Store,
    http: aiohttp.ClientSession,
    ari: Ari,
    inbound_webhook: InboundWebhook,
    *,
    prompts: PromptAgents | None,
    dial_rules: DialRules,
    analyses: Analyses | None,
    find_more: FindMore | None,
) -> ChatService:
    """Return what leads chats, in text messages through Asterisk and over the API."""
    dependencies = ChatDependencies(
        prompts=prompts,
        store=store,
        http=http,
        send=ari.send_message,
        now_ms=now_ms,
        new_message_id=new_message_id,
        account_webhook_url=settings.webhook_url,
        dial_rules=dial_rules,
        notices=Notices(failure=settings.chat_failure_text, too_long=settings.chat_too_long_text),
        analyses=analyses,
        find_more=find_more,
    )
    router = ChatRouter(
        store=store,
        inbound_webhook=inbound_webhook,
        dice=random.SystemRandom().random,
        now_ms=now_ms,
        serves=dependencies.serves,
    )
    return ChatService(
        dependencies,
        router,
        app=settings.app,
        can_send=lambda: ari.connected,
        dice=random.SystemRandom().random,
        new_chat_id=new_chat_id,
    )
