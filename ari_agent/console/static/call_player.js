// Plays the sound of a call as it comes: waits for a little of it, and leaves some out where too much has come.
"use strict";

const START_S = 0.15;
const MOST_S = 0.5;

class CallPlayer extends AudioWorkletProcessor {
  constructor() {
    super();
    this.pieces = []; // of 16-bit samples, left and right by turns
    this.at = 0; // in the first of them
    this.waiting = 0; // samples of both sides together
    this.isPlaying = false;
    this.port.onmessage = (event) => this.take(new Int16Array(event.data));
  }

  take(piece) {
    this.pieces.push(piece);
    this.waiting += piece.length;
    if (this.waiting <= 2 * MOST_S * sampleRate) return;
    while (this.waiting > 2 * START_S * sampleRate && this.pieces.length > 1) this.drop();
  }

  drop() {
    this.waiting -= this.pieces.shift().length - this.at;
    this.at = 0;
  }

  process(_, [[left, right]]) {
    if (!this.isPlaying && this.waiting < 2 * START_S * sampleRate) return true;
    this.isPlaying = true;
    for (let index = 0; index < left.length; index += 1) {
      if (this.waiting === 0) {
        this.isPlaying = false; // what is left of this block stays silent
        return true;
      }
      const piece = this.pieces[0];
      left[index] = piece[this.at] / 32768;
      right[index] = piece[this.at + 1] / 32768;
      this.at += 2;
      this.waiting -= 2;
      if (this.at === piece.length) {
        this.pieces.shift();
        this.at = 0;
      }
    }
    return true;
  }
}

registerProcessor("call-player", CallPlayer);
