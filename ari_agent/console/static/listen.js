// Who speaks in each call in progress, as two meters; and listening to one of them.
"use strict";

(() => {
  const SILENT_DBFS = -60;
  const SIDES = ["Caller", "Agent"];
  let levels = {};

  const who = (voice) => voice.closest("tr")?.querySelector("a")?.textContent ?? "";

  const meter = (side) => {
    const made = document.createElement("meter");
    Object.assign(made, { min: SILENT_DBFS, max: 0, value: SILENT_DBFS, title: side });
    made.setAttribute("aria-label", `${side} speaks`);
    return made;
  };

  const show = (meters, values) => {
    SIDES.forEach((_, side) => {
      const [shown, value] = [meters[side], values[side]];
      if (shown.value !== value) {
        shown.value = value;
        shown.setAttribute("aria-valuetext", value > SILENT_DBFS ? `${value} dB` : "silent");
      }
    });
  };

  const showAll = () => {
    for (const voice of document.querySelectorAll(".voice")) {
      const meters = voice.querySelectorAll("meter");
      if (meters.length) show(meters, levels[voice.dataset.callId] || [SILENT_DBFS, SILENT_DBFS]);
    }
  };

  const fill = () => {
    const empty = document.querySelectorAll(".voice:empty");
    for (const voice of empty) {
      if (document.querySelector("[sse-connect]")) voice.append(...SIDES.map(meter));
      if (document.getElementById("listening")) {
        const button = document.createElement("button");
        Object.assign(button, { type: "button", id: `${voice.dataset.callId}-listen`, textContent: "Listen" });
        if (who(voice)) button.setAttribute("aria-label", `Listen to the call with ${who(voice)}`);
        voice.append(button);
      }
    }
    if (empty.length) showAll();
  };

  const take = (event) => {
    levels = JSON.parse(event.data);
    showAll();
  };

  document.addEventListener("htmx:sseOpen", (event) => event.detail.source.addEventListener("levels", take));
  document.addEventListener("htmx:sseError", () => take({ data: "{}" }));

  // One call at a time: its sound comes over a websocket, and is played by call_player.js.
  class Listening {
    constructor(callId, told) {
      this.callId = callId;
      this.told = told;
      this.gain = 1;
      this.isOver = false;
      this.player = null;
      this.early = [];
      this.socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/console/calls/${encodeURIComponent(callId)}/listen`);
      this.socket.binaryType = "arraybuffer";
      this.socket.addEventListener("message", (event) => {
        if (typeof event.data !== "string") this.play(event.data);
        else this.news(JSON.parse(event.data));
      });
      this.socket.addEventListener("close", () => this.end("the connection is lost, or the login is over"));
      told("Connecting", true);
    }

    news(said) {
      if (said.event === "over") this.end(said.why);
      else this.open(said.rate_hz).catch((error) => this.end(`the browser cannot play it: ${error.message}`));
    }

    async open(sampleRate) {
      this.context = new AudioContext({ sampleRate });
      await this.context.audioWorklet.addModule(document.getElementById("listening").dataset.worklet);
      await this.context.resume();
      if (this.isOver) return;
      const player = new AudioWorkletNode(this.context, "call-player", { numberOfInputs: 0, outputChannelCount: [2] });
      this.volume = new GainNode(this.context, { gain: this.gain });
      player.connect(this.volume).connect(this.context.destination);
      this.player = player;
      this.early.splice(0).forEach((sound) => this.play(sound));
      this.told("Listening: the caller is left, the agent right", true);
    }

    play(sound) {
      if (this.player) this.player.port.postMessage(sound, [sound]);
      else {
        this.early.push(sound);
        if (this.early.length > 40) this.early.shift();
      }
    }

    setVolume(gain) {
      this.gain = gain;
      if (this.volume) this.volume.gain.value = gain;
    }

    end(why) {
      if (this.isOver) return;
      this.isOver = true;
      this.socket.close();
      if (this.context) this.context.close();
      this.told(why ? `Listening is over: ${why}` : "", false);
    }
  }

  let listening = null;

  const told = (callId, caller) => (text, isOn) => {
    const bar = document.getElementById("listening");
    bar.querySelector("[role=status]").textContent = text && caller ? `${text} (${caller})` : text;
    bar.querySelector("label").hidden = !isOn;
    bar.querySelector("button").textContent = isOn ? "Stop" : "Close";
    bar.classList.toggle("on", text !== "");
    for (const button of document.querySelectorAll(".voice button")) {
      const isThis = isOn && button.id === `${callId}-listen`;
      button.setAttribute("aria-pressed", String(isThis));
    }
  };

  const stop = () => {
    if (listening?.isOver) listening.told("", false);
    else listening?.end("");
    listening = null;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".voice button");
    if (button) {
      const { callId } = button.parentElement.dataset;
      const isPlaying = listening && !listening.isOver && listening.callId === callId;
      stop();
      if (!isPlaying) {
        listening = new Listening(callId, told(callId, who(button.parentElement)));
        listening.setVolume(document.querySelector("#listening input").value / 100);
      }
    }
    if (event.target.closest("#listening button")) stop();
  });
  document.addEventListener("input", (event) => {
    if (listening && event.target.closest("#listening")) listening.setVolume(event.target.value / 100);
  });
  document.addEventListener("DOMContentLoaded", () => {
    fill();
    new MutationObserver(fill).observe(document.getElementById("content"), { childList: true, subtree: true });
  });
})();
