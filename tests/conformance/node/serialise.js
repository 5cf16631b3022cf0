// Reads an array of JSON texts and prints each as a server has it that parses and serialises it again.
"use strict";

const fs = require("node:fs");

const bodies = JSON.parse(fs.readFileSync(0, "utf8"));
console.log(JSON.stringify(bodies.map((body) => JSON.stringify(JSON.parse(body)))));
