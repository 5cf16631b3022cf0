// The waveform of a recording, tied to the words of its transcript.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("waveform");
  const audio = document.getElementById("player");
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  WaveSurfer.create({
    container: box,
    media: audio,
    height: 48,
    cspNonce: document.body.dataset.styleNonce,
    splitChannels: [
      { waveColor: color("--user"), progressColor: color("--text") },
      { waveColor: color("--agent"), progressColor: color("--text") },
    ],
  });
  const words = [...document.querySelectorAll("button.word")];
  for (const word of words) {
    word.addEventListener("click", () => {
      audio.currentTime = Number(word.dataset.atS);
      audio.play();
    });
  }
  audio.addEventListener("timeupdate", () => {
    let spoken = null;
    for (const word of words) {
      word.classList.remove("spoken");
      if (Number(word.dataset.atS) <= audio.currentTime) spoken = word;
    }
    if (spoken && !audio.paused) spoken.classList.add("spoken");
  });
});
