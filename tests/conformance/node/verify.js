// Reads [{body, key, signature}] and prints what Retell's verifier of the npm package says of each.
"use strict";

const fs = require("node:fs");
const { Retell, verify } = require("retell-sdk");

async function main() {
  const answers = [];
  for (const { body, key, signature } of JSON.parse(fs.readFileSync(0, "utf8"))) {
    const valid = await Retell.verify(body, key, signature);
    if (valid !== (await verify(body, key, signature))) throw new Error("the two ways to call it disagree");
    answers.push(valid);
  }
  console.log(JSON.stringify(answers));
}

main();
