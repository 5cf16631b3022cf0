// Talking to an agent: the microphone goes to the call's audio websocket, and what comes from there is played.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("talk");
  if (!form) return;
  const part = (id) => document.getElementById(id);
  const [callButton, mute, hangUp] = ["call", "mute", "hang-up"].map(part);
  const WANTED_HZ = 24000;
  const MOST_HZ = 48000;
  const MOST_LINES = 200;
  let talk = null;

  const say = (text) => (part("state").textContent = text);
  // -60 dBFS is an empty meter
  const show = (id, level) => (part(id).value = level ? Math.max(0, 1 + Math.log10(level) / 3) : 0);

  const ADVICE = {
    NotAllowedError: "The browser does not give the microphone to this page: allow it beside the address, and call again.",
    NotFoundError: "There is no microphone: connect one, and call again.",
    NotReadableError: "The microphone cannot be read: perhaps another program has it.",
  };
  const INSECURE =
    "Browsers give the microphone only to pages by https, or of the machine itself. Open the console by its https " +
    "address, or on your own machine: ssh -L 8080:127.0.0.1:8080 SERVER, then http://127.0.0.1:8080/console.";
  const ENDS = {
    1000: "The call has ended",
    1006: "The connection is lost",
    1008: "The call cannot be joined",
    1011: "The call has failed",
    1013: "No line is free: as many calls as are allowed are in progress",
  };

  class Refused extends Error {}

  const openMicrophone = async () => {
    if (!isSecureContext || !navigator.mediaDevices) throw new Refused(INSECURE);
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, channelCount: 1 } });
    } catch (error) {
      throw new Refused(ADVICE[error.name] || `The microphone cannot be used: ${error.message}`);
    }
  };

  // At 24 kHz where the browser brings the microphone there; Firefox leaves it at the rate of the sound card.
  const openSound = (stream) => {
    let context = new AudioContext({ sampleRate: WANTED_HZ });
    try {
      return [context, context.createMediaStreamSource(stream)];
    } catch {
      context.close();
      context = new AudioContext();
    }
    if (context.sampleRate > MOST_HZ) {
      context.close();
      throw new Refused(`The sound card runs at ${context.sampleRate} Hz: set it to ${MOST_HZ} Hz or less.`);
    }
    return [context, context.createMediaStreamSource(stream)];
  };

  const register = async (sampleRate) => {
    form.elements.sample_rate.value = sampleRate;
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (answer.redirected) throw new Refused("The login is over: load this page again.");
    if (answer.ok) return answer.json();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    throw new Refused(page.querySelector(".problem")?.textContent || `The server answers ${answer.status}.`);
  };

  const showTranscript = (transcript) => {
    const lines = transcript.slice(-MOST_LINES).map((said) => {
      const [line, speaker, text] = ["li", "span", "p"].map((name) => document.createElement(name));
      line.className = said.role === "user" ? "user" : "agent";
      speaker.className = "speaker";
      speaker.textContent = said.role === "user" ? "You" : "Agent";
      text.textContent = String(said.content ?? "");
      line.append(speaker, text);
      return line;
    });
    part("transcript").replaceChildren(...lines);
  };

  class Talk {
    async begin() {
      say("Asking for the microphone.");
      this.stream = await openMicrophone();
      if (this.over) return;
      [this.context, this.source] = openSound(this.stream);
      await this.context.audioWorklet.addModule(form.dataset.worklet);
      if (this.over) return;
      say("Connecting.");
      const { call_id: callId, websocket } = await register(this.context.sampleRate);
      if (this.over) return;
      const link = document.createElement("a");
      link.href = `/console/calls/${encodeURIComponent(callId)}`;
      link.textContent = `The call's page: ${callId}`;
      part("call-link").replaceChildren(link);
      this.connect(new URL(websocket, location.href));
    }

    connect(url) {
      url.protocol = url.protocol.replace("http", "ws");
      this.socket = new WebSocket(url);
      this.socket.binaryType = "arraybuffer";
      this.socket.onopen = () => this.start();
      this.socket.onmessage = ({ data }) => (typeof data === "string" ? this.told(data) : this.play(data));
      this.socket.onclose = ({ code, reason }) => {
        const why = reason.replaceAll("_", " ");
        end(`${ENDS[code] || `The connection is closed (${code})`}${why ? `: ${why}` : ""}.`);
      };
    }

    start() {
      const one = { numberOfInputs: 1, numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" };
      this.microphone = new AudioWorkletNode(this.context, "microphone", one);
      this.speaker = new AudioWorkletNode(this.context, "speaker", { numberOfInputs: 0, outputChannelCount: [1] });
      this.microphone.port.onmessage = ({ data }) => {
        if (this.socket.readyState === WebSocket.OPEN) this.socket.send(data.pcm);
        show("mine", data.level);
      };
      this.speaker.port.onmessage = ({ data }) => show("theirs", data);
      this.source.connect(this.microphone);
      this.speaker.connect(this.context.destination);
      mute.disabled = false;
      say("Talking.");
    }

    play(pcm) {
      const whole = pcm.byteLength % 2 ? pcm.slice(0, -1) : pcm;
      this.speaker.port.postMessage(whole, [whole]);
    }

    told(text) {
      if (text === "clear") return this.speaker.port.postMessage("clear");
      let message = null;
      try {
        message = JSON.parse(text);
      } catch {
        return;
      }
      if (message?.event_type === "update" && Array.isArray(message.transcript)) showTranscript(message.transcript);
    }

    set muted(isMuted) {
      this.microphone.port.postMessage({ muted: isMuted });
      mute.setAttribute("aria-pressed", isMuted);
      mute.textContent = isMuted ? "Speak again" : "Mute";
    }

    close() {
      this.over = true;
      if (this.socket) {
        this.socket.onclose = null;
        this.socket.close();
      }
      for (const track of this.stream?.getTracks() ?? []) track.stop();
      if (this.context && this.context.state !== "closed") this.context.close();
    }
  }

  const end = (text) => {
    if (!talk) return;
    talk.close();
    talk = null;
    say(text);
    for (const id of ["mine", "theirs"]) show(id, 0);
    mute.setAttribute("aria-pressed", false);
    mute.textContent = "Mute";
    mute.disabled = hangUp.disabled = true;
    callButton.disabled = false;
    if (document.activeElement === document.body) callButton.focus();
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (talk) return;
    const mine = (talk = new Talk());
    callButton.disabled = true;
    hangUp.disabled = false;
    for (const id of ["transcript", "call-link"]) part(id).replaceChildren();
    hangUp.focus();
    try {
      await mine.begin();
      if (mine.over) mine.close();
    } catch (error) {
      mine.close();
      if (talk === mine) end(error instanceof Refused ? error.message : `This failed: ${error.message}`);
    }
  });
  mute.addEventListener("click", () => (talk.muted = mute.getAttribute("aria-pressed") === "false"));
  hangUp.addEventListener("click", () => end("You have hung up."));
});
