// The telephone of the page Phone: what may be done in which state, and JsSIP, which does it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const part = (name) => document.getElementById(`phone-${name}`);
  const root = document.getElementById("phone");
  const account = root.dataset.account;
  const TO_PAGE_MS = 300; // how long to look for more ways (ICE candidates) once there is one

  // state -> its words, and the buttons that work in it
  const STATES = {
    off: { words: () => "The telephone is off: turn it on to call and to be called.", can: ["on"] },
    connecting: { words: () => "Connecting ...", can: ["off"] },
    ready: { words: () => "Ready.", can: ["call", "off"] },
    asking: { words: () => "Waiting for the microphone ...", can: ["hang-up"] },
    calling: { words: (who) => `Calling ${who} ...`, can: ["hang-up"] },
    ringing: { words: (who) => `Ringing at ${who} ...`, can: ["hang-up"] },
    incoming: { words: (who) => `${who} is calling.`, can: ["answer", "refuse"] },
    talking: { words: (who) => `Talking with ${who}.`, can: ["hold", "mute", "transfer", "hang-up"] },
    held: { words: (who) => `${who} is on hold.`, can: ["resume", "transfer", "hang-up"] },
    transferring: { words: (who) => `Transferring ${who} ...`, can: ["hang-up"] },
  };
  const BUTTONS = ["on", "off", "call", "answer", "refuse", "hold", "resume", "mute", "transfer", "hang-up"];
  const MICROPHONE = {
    NotAllowedError: "The browser was not allowed to use the microphone: allow it for this page, and call again.",
    NotFoundError: "There is no microphone at this computer.",
    NotReadableError: "The microphone cannot be used: another program may have it.",
  };
  const INSECURE = "Browsers give the microphone only to pages at https:// addresses and at localhost: open the console there.";
  const REFUSED = "Asterisk does not know the account, or ARI_AGENT_BROWSER_PHONE_PASSWORD is not its password in pjsip.conf";
  const CAUSES = {
    Busy: "Busy.",
    Canceled: "",
    "Connection Error": "The connection to the console is lost.",
    "Incompatible SDP": "Browser and Asterisk have no way of speaking in common: the account needs webrtc = yes in pjsip.conf.",
    "No Answer": "Nobody answered.",
    "Not Found": "There is no such number.",
    "RTP Timeout": "No sound came any more.",
    "Request Timeout": "Asterisk did not answer.",
    "SIP Failure Code": "Not connected.",
    Unavailable: "Not available now.",
    "WebRTC Error": "The browser could not set up the sound.",
  };

  let state = "off";
  let ua = null;
  let session = null;
  let microphone = null;
  let who = "";
  let attempt = 0; // calls that wait for the microphone and are given up meanwhile are told by it
  let farewell = ""; // what is said when this call ends, in place of who has hung up
  let bell = null;

  const problem = (text) => {
    part("problem").textContent = text;
  };

  const show = (next) => {
    state = next;
    root.dataset.state = next;
    part("state").textContent = STATES[next].words(who);
    const hasKeys = next === "talking" || !session;
    for (const key of document.querySelectorAll("[data-key]")) key.disabled = !hasKeys;
    const focused = document.activeElement;
    for (const name of BUTTONS) part(name).disabled = !STATES[next].can.includes(name);
    if (focused && focused.disabled) BUTTONS.map(part).find((button) => !button.disabled)?.focus();
    ring(next === "incoming");
  };

  const code = (answer) => (answer?.status_code ? ` (${answer.status_code} ${answer.reason_phrase})` : "");
  const explained = ({ cause, message }) =>
    CAUSES[cause] === "" ? "" : (CAUSES[cause] ?? `It failed: ${cause}.`) + code(message);

  // ---- sound

  const ring = (isOn) => {
    clearInterval(bell?.timer);
    if (!isOn || !bell) return;
    const beep = () => {
      const tone = new OscillatorNode(bell.context, { frequency: 440 });
      tone.connect(new GainNode(bell.context, { gain: 0.1 })).connect(bell.context.destination);
      tone.start();
      tone.stop(bell.context.currentTime + 1);
    };
    beep();
    bell.timer = setInterval(beep, 3000);
  };

  const listen = async () => {
    if (!navigator.mediaDevices) throw new Error(INSECURE);
    const isCleaned = part("clean").checked;
    const audio = { echoCancellation: isCleaned, noiseSuppression: isCleaned, autoGainControl: isCleaned };
    try {
      return await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      throw new Error(MICROPHONE[error.name] ?? `The microphone cannot be used: ${error.message}`);
    }
  };

  const silence = () => {
    for (const track of microphone?.getTracks() ?? []) track.stop();
    microphone = null;
    part("heard").srcObject = null;
  };

  // ---- one call

  const over = (text) => {
    attempt += 1;
    session = null;
    farewell = "";
    silence();
    part("lasts").replaceChildren();
    part("mute").setAttribute("aria-pressed", "false");
    problem(text);
    show(ua?.isRegistered() ? "ready" : ua ? "connecting" : "off");
  };

  const HANDLERS = {
    peerconnection: ({ peerconnection }) => {
      peerconnection.addEventListener("track", ({ track }) => {
        part("heard").srcObject = new MediaStream([track]);
      });
    },
    icecandidate: ({ ready }) => setTimeout(ready, TO_PAGE_MS),
    progress: ({ originator }) => originator === "remote" && show("ringing"),
    confirmed: () => {
      const since = document.createElement("time");
      since.dateTime = new Date().toISOString();
      since.dataset.since = ""; // console.js counts
      part("lasts").replaceChildren(since);
      show("talking");
    },
    hold: ({ originator }) => originator === "local" && show("held"),
    unhold: ({ originator }) => originator === "local" && show("talking"),
    ended: ({ originator }) => over(farewell || (originator === "remote" ? "The other side has hung up." : "")),
    failed: (event) => over(event.originator === "local" && event.cause === "Rejected" ? "" : explained(event)),
  };

  const withMicrophone = async (go, without) => {
    const mine = (attempt += 1);
    problem("");
    try {
      const stream = await listen();
      if (mine !== attempt) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      microphone = stream;
      go({ mediaStream: stream, pcConfig: { iceServers: [] } });
    } catch (error) {
      if (mine === attempt) without(error.message);
    }
  };

  const call = (number) => {
    who = number;
    show("asking");
    withMicrophone((options) => {
      show("calling");
      session = ua.call(number, { ...options, eventHandlers: HANDLERS });
    }, over);
  };

  // Without a microphone it rings on, and may be answered once that is allowed.
  const answer = () => {
    part("answer").disabled = true; // a second microphone would stay on when the call is over
    withMicrophone(
      (options) => session.answer(options),
      (text) => {
        problem(text);
        if (state === "incoming") part("answer").disabled = false;
      },
    );
  };

  const ringsHere = (incoming) => {
    if (state !== "ready") {
      incoming.terminate({ status_code: 486 });
      return;
    }
    session = incoming;
    const caller = incoming.remote_identity;
    who = caller.display_name || caller.uri.user || "Somebody";
    for (const [name, handler] of Object.entries(HANDLERS)) incoming.on(name, handler);
    problem("");
    show("incoming");
  };

  const transfer = (target) => {
    const before = state;
    const back = (event) => {
      if (state !== "transferring") return;
      const answer = event.status_line ?? event.response;
      const hint = [404, 603].includes(answer?.status_code) ? ": see ARI_AGENT_CALLER_TRANSFERS" : "";
      problem(`Not transferred${code(answer)}${hint}.`);
      show(before);
    };
    problem("");
    show("transferring");
    const accepted = () => {
      farewell = "Transferred.";
      session?.terminate();
    };
    try {
      session.refer(target, { eventHandlers: { requestFailed: back, failed: back, accepted } });
    } catch (error) {
      problem(`Not transferred: ${error.message}`);
      show(before);
    }
  };

  // ---- the account

  const turnOn = () => {
    problem("");
    bell ??= { context: new AudioContext() };
    bell.context.resume();
    const token = document.querySelector("[name=csrf_token]").value;
    const address = new URL(`/console/phone/sip?csrf_token=${encodeURIComponent(token)}`, location);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const mine = (ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(address.href)],
      uri: new JsSIP.URI("sip", account, location.hostname).toString(),
      // The controller puts the real one's digest in its place.
      password: "not-the-password",
      register_expires: 120,
    }));
    // One that was turned off tells of its end when the next one may be on already.
    const on = (name, act) => mine.on(name, (event) => ua === mine && act(event));
    const connecting = () => session || show("connecting");
    on("connecting", connecting);
    on("disconnected", ({ code, reason }) => {
      problem(reason || (code === 1000 ? "" : "The console is not reached, or the login is over: trying again."));
      connecting();
    });
    on("registered", () => {
      problem("");
      if (!session && state !== "asking") show("ready");
    });
    on("registrationFailed", (event) => {
      const isRefused = [401, 403, 404].includes(event.response?.status_code);
      problem(isRefused ? `${REFUSED}${code(event.response)}.` : `Not registered: ${event.cause}${code(event.response)}.`);
      connecting();
    });
    on("newRTCSession", (event) => event.originator === "remote" && ringsHere(event.session));
    show("connecting");
    mine.start();
  };

  const turnOff = () => {
    const stopping = ua;
    ua = null;
    attempt += 1; // whoever still waits for the microphone
    stopping.stop();
    show("off");
  };

  addEventListener("beforeunload", (event) => session && event.preventDefault());
  addEventListener("pagehide", () => ua?.stop());

  // ---- what is pressed

  const ON_CLICK = {
    on: turnOn,
    off: turnOff,
    answer,
    refuse: () => session.terminate({ status_code: 486 }),
    hold: () => session.hold(),
    resume: () => session.unhold(),
    mute: () => {
      const isMuted = session.isMuted().audio;
      session[isMuted ? "unmute" : "mute"]({ audio: true });
      part("mute").setAttribute("aria-pressed", String(!isMuted));
    },
    "hang-up": () => (session && !session.isEnded() ? session.terminate() : over("")),
  };
  for (const [name, act] of Object.entries(ON_CLICK)) part(name).addEventListener("click", act);

  part("dial").addEventListener("submit", (event) => {
    event.preventDefault();
    const number = part("number").value.trim();
    if (number && state === "ready") call(number);
  });
  part("transfer-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const target = part("target").value.trim();
    if (target && STATES[state].can.includes("transfer")) transfer(target);
  });
  for (const button of document.querySelectorAll("[data-key]")) {
    button.addEventListener("click", () => {
      const { key } = button.dataset;
      if (state === "talking") session.sendDTMF(key, { transportType: JsSIP.C.DTMF_TRANSPORT.RFC2833 });
      else if (!session) part("number").value += key;
    });
  }
});
