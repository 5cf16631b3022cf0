// Reads {url, key} and prints the outcome of each method beyond the phone side, and the names of the others.
"use strict";

const fs = require("node:fs");
const { Retell } = require("retell-sdk");

const world = JSON.parse(fs.readFileSync(0, "utf8"));
const client = new Retell({ apiKey: world.key, baseURL: world.url, maxRetries: 0 });
const PHONE_SIDE = ["agent", "batchCall", "call", "chat", "chatAgent", "concurrency", "conversationFlow", "identity", "llm", "phoneNumber"];

const snake = (name) =>
  name
    .replace("SMS", "Sms")
    .replace(/[A-Z]/g, (letter) => "_" + letter.toLowerCase())
    .replace(/^import$/, "import_");

async function outcome(attempt) {
  try {
    await attempt();
    return "ok";
  } catch (error) {
    if (!(error instanceof Retell.APIError) || error.status === undefined) return `${error.name}: ${error.message}`;
    return `${error.status} ${error.error?.status === "error" ? error.error.message : "no error: " + error.message}`;
  }
}

async function main() {
  const outcomes = {};
  for (const [noun, resource] of Object.entries(client)) {
    if (!resource?._client) continue;
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(resource))) {
      if (name === "constructor") continue;
      const key = `${snake(noun)}.${snake(name)}`;
      outcomes[key] = "";
      if (PHONE_SIDE.includes(noun)) continue;
      const rest = { knowledge_base_id: "x" };
      for (const given of [["x", rest], [rest]]) {
        outcomes[key] = await outcome(() => resource[name](...given));
        if (/^\d/.test(outcomes[key])) break;
      }
    }
  }
  console.log(JSON.stringify(outcomes));
}

main();
