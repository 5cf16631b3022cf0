// Reads {endpoint, call_id, sample_rate, talk_s} and has a conversation with retell-client-js-sdk, as a browser that is
// not Chrome: what the SDK asks of a browser is made here, the microphone is a tone of 440 Hz. Prints the names of the
// events, what `update` and `metadata` said, how the conversation ended, and the level of what was played, in dBFS.
"use strict";

const fs = require("node:fs");

const world = JSON.parse(fs.readFileSync(0, "utf8"));
const SAMPLES = 2048;

let capture;
class Context {
  constructor({ sampleRate }) {
    this.sampleRate = sampleRate;
    this.destination = {};
  }
  createMediaStreamSource() {
    return { connect() {} };
  }
  createScriptProcessor(samples) {
    if (samples !== SAMPLES) throw new RangeError(`${samples} samples`);
    capture = { connect() {}, disconnect() {}, onaudioprocess: null };
    return capture;
  }
  suspend() {}
  close() {}
}

const microphone = { getTracks: () => [{ stop() {} }] };
Object.defineProperty(globalThis, "navigator", {
  value: { userAgent: "Firefox", vendor: "", mediaDevices: { getUserMedia: async () => microphone } },
  configurable: true,
});
globalThis.AudioContext = Context;

const { RetellWebClient } = require("retell-client-js-sdk");

async function main() {
  const client = new RetellWebClient(world.endpoint);
  const events = [];
  let energy = 0;
  let samples = 0;
  let ended;
  const over = new Promise((resolve) => {
    client.on("conversationEnded", (how) => {
      ended = { code: how.code, reason: String(how.reason) };
      resolve();
    });
  });
  for (const name of ["conversationStarted", "conversationEnded", "error", "disconnect", "reconnect", "update"])
    client.on(name, () => events.push(name));
  const told = [];
  for (const name of ["update", "metadata"]) client.on(name, (message) => told.push(message));
  for (const name of ["agentStartTalking", "agentStopTalking"])
    client.on(name, () => events.includes(name) || events.push(name));
  client.on("audio", (bytes) => {
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length; at += 2) energy += (view.getInt16(at, true) / 32768) ** 2;
    samples += bytes.length / 2;
  });

  await client.startConversation({ callId: world.call_id, sampleRate: world.sample_rate, enableUpdate: true });
  let phase = 0;
  const speak = () => {
    const input = new Float32Array(SAMPLES);
    for (let at = 0; at < SAMPLES; at++) input[at] = 0.5 * Math.sin((2 * Math.PI * 440 * phase++) / world.sample_rate);
    const output = new Float32Array(SAMPLES);
    capture?.onaudioprocess?.({
      inputBuffer: { getChannelData: () => input },
      outputBuffer: { getChannelData: () => output },
    });
  };
  // The clock of a sound card: a timer that comes late does not slow it down.
  const begun = performance.now();
  const quantum = setInterval(() => {
    while (phase + SAMPLES <= ((performance.now() - begun) / 1000) * world.sample_rate) speak();
  }, 10);
  const enough = setTimeout(() => client.stopConversation(), 1000 * world.talk_s);
  await over;
  clearInterval(quantum);
  clearTimeout(enough);
  const level = samples && energy ? 10 * Math.log10(energy / samples) : -100;
  console.log(JSON.stringify({ events, told, ended, level_dbfs: level }));
}

main();
