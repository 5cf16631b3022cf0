// Reads {url, key, ...} and prints the outcomes of each method of the npm package, good and bad.
"use strict";

const fs = require("node:fs");
const { Retell } = require("retell-sdk");

const world = JSON.parse(fs.readFileSync(0, "utf8"));
const options = { baseURL: world.url, maxRetries: 0 };
const client = new Retell({ apiKey: world.key, ...options });
const stranger = new Retell({ apiKey: "wrong", ...options });
const llm = { type: "custom-llm", llm_websocket_url: "wss://agent.example.com/llm" };

async function outcome(attempt) {
  try {
    await attempt();
    return "ok";
  } catch (error) {
    if (!(error instanceof Retell.APIError) || error.status === undefined) return `${error.name}: ${error.message}`;
    return `${error.status} ${error.error?.status === "error" ? error.error.message : "no error: " + error.message}`;
  }
}

function needs(answer, ...keys) {
  for (const key of keys) if (answer[key] === undefined) throw new TypeError(`${key} is missing in the answer`);
  return answer;
}

async function main() {
  const { call, agent, phoneNumber, chat, chatAgent, llm: prompts, conversationFlow: flows } = client;
  const writes = { type: "custom-llm", llm_websocket_url: world.llm };
  const writer = (await chatAgent.create({ response_engine: writes })).agent_id;
  const own = world.new_number;
  const other = world.newer_number;
  const made = (await agent.create({ response_engine: llm, voice_id: "v" })).agent_id;
  const doomed = (await agent.create({ response_engine: llm, voice_id: "v" })).agent_id;
  const nobody = "+19995550000";
  const prompt = (await prompts.create({ general_prompt: "Be kind." })).llm_id;
  const unused = (await prompts.create({ general_prompt: "Be kind." })).llm_id;
  const nodes = [{ id: "hello", type: "conversation", instruction: { type: "static_text", text: "Hello." } }];
  const flow = (await flows.create({ start_speaker: "agent", nodes })).conversation_flow_id;
  const unusedFlow = (await flows.create({ start_speaker: "agent", nodes })).conversation_flow_id;
  let chatID = "chat_1";
  let ownChatID = "chat_2";
  const attempts = {
    "conversation_flow.create": [
      async () => needs(await flows.create({ start_speaker: "agent", nodes }), "conversation_flow_id", "version"),
      () => flows.create({ start_speaker: "agent", nodes: [] }),
    ],
    "conversation_flow.retrieve": [
      async () => needs(await flows.retrieve(flow), "nodes"),
      () => flows.retrieve("flow_unknown"),
    ],
    "conversation_flow.update": [
      () => flows.update(flow, { global_prompt: "Be kind." }),
      () => flows.update(flow, { start_node_id: "lost" }),
    ],
    "conversation_flow.list": [
      async () => needs(await flows.list({ limit: 5 }), "items", "has_more"),
      () => flows.list({ limit: 5000 }),
    ],
    "conversation_flow.delete": [() => flows.delete(unusedFlow), () => flows.delete("flow_unknown")],
    "llm.create": [
      async () => needs(await prompts.create({ general_prompt: "Be kind." }), "llm_id", "version"),
      () => prompts.create({ general_tools: [{ type: "book_appointment_cal", name: "x" }] }),
    ],
    "llm.retrieve": [async () => needs(await prompts.retrieve(prompt), "version"), () => prompts.retrieve("llm_unknown")],
    "llm.update": [
      () => prompts.update(prompt, { begin_message: "Hi." }),
      () => prompts.update(prompt, { model_temperature: 7 }),
    ],
    "llm.list": [
      async () => needs(await prompts.list({ limit: 5 }), "items", "has_more"),
      () => prompts.list({ limit: 5000 }),
    ],
    "llm.delete": [() => prompts.delete(unused), () => prompts.delete("llm_unknown")],
    "agent.create": [
      async () => needs(await agent.create({ response_engine: llm, voice_id: "v", agent_name: "Ada" }), "agent_id"),
      () => agent.create({ response_engine: llm, voice_id: "v", responsiveness: 2 }),
    ],
    "agent.retrieve": [async () => needs(await agent.retrieve(made), "version"), () => agent.retrieve("agent_unknown")],
    "agent.update": [
      () => agent.update(made, { agent_name: "Eve" }),
      () => agent.update(made, { max_call_duration_ms: 1 }),
    ],
    "agent.list": [
      async () => needs(await agent.list({ limit: 5 }), "items", "has_more"),
      () => agent.list({ limit: 5000 }),
    ],
    "agent.create_version": [
      () => agent.createVersion(made, { base_version: 0 }),
      () => agent.createVersion("agent_unknown", { base_version: 0 }),
    ],
    "agent.list_versions": [
      async () => needs(await agent.listVersions(made, { limit: 5 }), "items"),
      () => agent.listVersions("agent_unknown"),
    ],
    "agent.get_versions": [() => agent.getVersions(made), () => agent.getVersions("agent_unknown")],
    "agent.repair": [() => agent.repair(made), () => agent.repair("agent_unknown")],
    "agent.publish": [() => agent.publish(made, { version: 0 }), () => agent.publish(made, { version: 99 })],
    "agent.delete_version": [
      () => agent.deleteVersion(made, { version: "1" }),
      () => agent.deleteVersion(made, { version: "99" }),
    ],
    "agent.delete": [() => agent.delete(doomed), () => agent.delete("agent_unknown")],
    "phone_number.import_": [
      () => phoneNumber.import({ phone_number: own, termination_uri: "sip.example.com" }),
      () =>
        phoneNumber.import({
          phone_number: other,
          termination_uri: "sip.example.com",
          inbound_agents: [{ agent_id: made, weight: 0.5 }],
        }),
    ],
    "phone_number.create": [
      () => phoneNumber.create({ phone_number: other, nickname: "Office" }),
      () => phoneNumber.create({ phone_number: "+123" }),
    ],
    "phone_number.retrieve": [
      async () => needs(await phoneNumber.retrieve(own), "phone_number_type"),
      () => phoneNumber.retrieve(nobody),
    ],
    "phone_number.update": [
      () => phoneNumber.update(own, { nickname: "Sales" }),
      () => phoneNumber.update(own, { allowed_inbound_country_list: ["Germany"] }),
    ],
    "phone_number.list": [
      async () => needs(await phoneNumber.list({ limit: 1 }), "items", "has_more"),
      () => phoneNumber.list({ limit: 0 }),
    ],
    "phone_number.delete": [() => phoneNumber.delete(own), () => phoneNumber.delete(nobody)],
    "call.create_phone_call": [
      async () =>
        needs(await call.createPhoneCall({ from_number: world.number, to_number: "+14155550199" }), "call_id"),
      () => call.createPhoneCall({ from_number: nobody, to_number: "+14155550199" }),
    ],
    "call.register_phone_call": [
      async () => needs(await call.registerPhoneCall({ agent_id: world.agent }), "call_id"),
      () => call.registerPhoneCall({ agent_id: "agent_unknown" }),
    ],
    "call.create_web_call": [
      async () => needs(await call.createWebCall({ agent_id: world.agent }), "call_id", "access_token"),
      () => call.createWebCall({ agent_id: "agent_unknown" }),
    ],
    "call.retrieve": [
      async () => needs(await call.retrieve(world.ended), "disconnection_reason"),
      () => call.retrieve("call_unknown"),
    ],
    "call.list": [
      async () => needs(await call.list({ limit: 2, include_total: true }), "items", "has_more", "total"),
      () => call.list({ limit: 5000 }),
    ],
    "call.update": [
      () => call.update(world.ended, { metadata: { order: 8 } }),
      () => call.update("call_unknown", { metadata: {} }),
    ],
    "call.update_live": [
      () => call.updateLive(world.live, { fields_to_override: { metadata: { order: 8 } } }),
      () => call.updateLive("call_unknown", { fields_to_override: { metadata: {} } }),
    ],
    "call.listen_live": [() => call.listenLive(world.live), () => call.listenLive("call_unknown")],
    "call.take_over_live": [
      () => call.takeOverLive(world.live, { participant_id: "p" }),
      () => call.takeOverLive("call_unknown", { participant_id: "p" }),
    ],
    "call.stop": [() => call.stop(world.live), () => call.stop("call_unknown")],
    "call.rerun_analysis": [() => call.rerunAnalysis(world.ended), () => call.rerunAnalysis("call_unknown")],
    "call.delete": [() => call.delete(world.ended), () => call.delete("call_unknown")],
    "batch_call.create_batch_call": [
      () =>
        client.batchCall.createBatchCall({
          from_number: world.number,
          tasks: [{ to_number: "+14155550197" }],
          trigger_timestamp: 2 ** 42,
        }),
      () => client.batchCall.createBatchCall({ from_number: nobody, tasks: [] }),
    ],
    "concurrency.retrieve": [() => client.concurrency.retrieve(), () => stranger.concurrency.retrieve()],
    "identity.retrieve": [() => client.identity.retrieve(), () => stranger.identity.retrieve()],
    "chat.create_sms_chat": [
      async () => {
        const numbers = { from_number: world.number, to_number: "+14155550198", override_agent_id: writer };
        chatID = (await chat.createSMSChat(numbers)).chat_id;
      },
      () => chat.createSMSChat({ from_number: nobody, to_number: "+14155550198" }),
    ],
    "chat.create": [
      async () => {
        ownChatID = (await chat.create({ agent_id: writer, metadata: { order: 7 } })).chat_id;
      },
      () => chat.create({ agent_id: "agent_unknown" }),
    ],
    "chat.create_chat_completion": [
      async () => {
        const { messages } = await chat.createChatCompletion({ chat_id: ownChatID, content: "hello" });
        if (messages[0].content !== "you said hello") throw new TypeError("another answer");
      },
      () => chat.createChatCompletion({ chat_id: chatID, content: "a text" }),
    ],
    "chat.retrieve": [() => chat.retrieve(ownChatID), () => chat.retrieve("chat_unknown")],
    "chat.update": [
      async () => needs(await chat.update(ownChatID, { metadata: { order: 8 } }), "metadata"),
      () => chat.update("chat_unknown", { metadata: {} }),
    ],
    "chat.list": [
      async () => needs(await chat.list({ limit: 5 }), "items", "has_more"),
      () => chat.list({ limit: 5000 }),
    ],
    "chat.end": [() => chat.end(chatID), () => chat.end("chat_unknown")],
    "chat.rerun_analysis": [
      async () => needs(await chat.rerunAnalysis(chatID), "chat_analysis"),
      () => chat.rerunAnalysis(ownChatID),
    ],
    "chat.delete": [() => chat.delete(ownChatID), () => chat.delete("chat_unknown")],
    "chat_agent.create": [
      async () => needs(await chatAgent.create({ response_engine: writes, agent_name: "Ada" }), "agent_id"),
      () => chatAgent.create({ response_engine: writes, end_chat_after_silence_ms: 1 }),
    ],
    "chat_agent.get_versions": [() => chatAgent.getVersions(writer), () => chatAgent.getVersions("agent_unknown")],
    "chat_agent.retrieve": [
      async () => needs(await chatAgent.retrieve(writer), "version"),
      () => chatAgent.retrieve(made),
    ],
    "chat_agent.update": [
      () => chatAgent.update(writer, { agent_name: "Eve" }),
      () => chatAgent.update(made, { agent_name: "Eve" }),
    ],
    "chat_agent.list": [
      async () => needs(await chatAgent.list({ limit: 5 }), "items", "has_more"),
      () => chatAgent.list({ limit: 5000 }),
    ],
    "chat_agent.create_version": [
      () => chatAgent.createVersion(writer, { base_version: 0 }),
      () => chatAgent.createVersion(writer, { base_version: 99 }),
    ],
    "chat_agent.publish": [
      () => chatAgent.publish(writer, { version: 0 }),
      () => chatAgent.publish(writer, { version: 99 }),
    ],
    "chat_agent.delete_version": [
      () => chatAgent.deleteVersion(writer, { version: 1 }),
      () => chatAgent.deleteVersion(writer, { version: 99 }),
    ],
    "chat_agent.delete": [() => chatAgent.delete(writer), () => chatAgent.delete("agent_unknown")],
  };
  const outcomes = {};
  for (const [name, [good, bad]] of Object.entries(attempts)) outcomes[name] = [await outcome(good), await outcome(bad)];
  console.log(JSON.stringify(outcomes));
}

main();
