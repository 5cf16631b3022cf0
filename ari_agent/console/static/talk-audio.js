// Sound of a talk with an agent, in the audio thread: the microphone as s16le, and what the agent says, played in time.
"use strict";

const SILENT = 1e-4;
const level = (sum, count) => (count ? Math.sqrt(sum / count) : 0);

// Sends pieces of 20 ms, each an ArrayBuffer of s16le, and how loud each was (0 to 1).
class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(Math.round(sampleRate / 50));
    this.filled = 0;
    this.sum = 0;
    this.muted = false;
    this.port.onmessage = ({ data }) => (this.muted = data.muted);
  }

  process([[channel]]) {
    for (const sample of channel || []) {
      const heard = this.muted ? 0 : Math.max(-1, Math.min(1, sample));
      this.sum += heard * heard;
      this.piece[this.filled++] = heard < 0 ? heard * 0x8000 : heard * 0x7fff;
      if (this.filled === this.piece.length) this.send();
    }
    return true;
  }

  send() {
    const pcm = this.piece.buffer;
    this.port.postMessage({ pcm, level: level(this.sum, this.filled) }, [pcm]);
    this.piece = new Int16Array(this.filled);
    this.filled = this.sum = 0;
  }
}

// Plays pieces of s16le one after the other. A talkspurt begins when 60 ms wait, or when the first piece is that old, so
// that pieces which come unevenly are heard evenly. "clear" drops what waits.
const AHEAD_S = 0.06;
const LONGEST_S = 600;

class Speaker extends AudioWorkletProcessor {
  constructor() {
    super();
    this.clear();
    this.sum = this.count = 0;
    this.port.onmessage = ({ data }) => (data === "clear" ? this.clear() : this.add(new Int16Array(data)));
  }

  clear() {
    this.pieces = [];
    this.at = this.waiting = this.age = 0;
    this.playing = false;
  }

  add(piece) {
    if (!piece.length || this.waiting > LONGEST_S * sampleRate) return;
    this.pieces.push(piece);
    this.waiting += piece.length;
  }

  process(_inputs, [[out]]) {
    if (!this.playing && this.waiting) {
      this.age += out.length;
      this.playing = Math.max(this.waiting, this.age) >= AHEAD_S * sampleRate;
    }
    for (let i = 0; this.playing && i < out.length; i++) {
      out[i] = this.pieces[0][this.at++] / 0x8000;
      this.sum += out[i] * out[i];
      this.waiting--;
      if (this.at === this.pieces[0].length) {
        this.pieces.shift();
        this.at = 0;
        if (!this.pieces.length) this.clear();
      }
    }
    this.count += out.length;
    if (this.count >= sampleRate / 20) {
      const loud = level(this.sum, this.count);
      this.port.postMessage(loud > SILENT ? loud : 0);
      this.sum = this.count = 0;
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
registerProcessor("speaker", Speaker);
