// The picture of a recording, tied to the words of its transcript and to its turns.
// Its peaks come from the server: a long recording is never loaded whole.
"use strict";

document.addEventListener("DOMContentLoaded", async () => {
  const box = document.getElementById("waveform");
  const audio = document.getElementById("player");
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const play = (atS) => {
    audio.currentTime = Number(atS);
    audio.play();
  };
  document.addEventListener("click", (event) => {
    const place = event.target.closest("[data-at-s]");
    if (!place) return;
    event.preventDefault();
    play(place.dataset.atS);
  });

  // The keys of players; where something has the focus that takes them itself, they are its own.
  const TAKES_KEYS = "input, select, textarea, button, summary, a, audio, [contenteditable]";
  const STEPS = { ArrowLeft: -5, ArrowRight: 5 };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const has = event.target.closest(TAKES_KEYS);
    if (event.key === " " && !has) {
      event.preventDefault();
      if (audio.paused) audio.play();
      else audio.pause();
    } else if (event.key in STEPS && (!has || has.matches("button.word"))) {
      event.preventDefault();
      audio.currentTime = Math.max(0, audio.currentTime + STEPS[event.key]);
    }
  });

  // Both speak at once now and then: by their times, the latest word that has begun is the one that is heard.
  const words = [...document.querySelectorAll("button.word")]
    .map((element) => ({ element, atS: Number(element.dataset.atS) }))
    .sort((one, other) => one.atS - other.atS);
  let spoken = null;
  const mark = () => {
    let first = 0;
    let last = words.length;
    while (first < last) {
      const middle = (first + last) >> 1;
      if (words[middle].atS <= audio.currentTime) first = middle + 1;
      else last = middle;
    }
    const now = first > 0 ? words[first - 1].element : null;
    if (now !== spoken) {
      spoken?.classList.remove("spoken");
      now?.classList.add("spoken");
      spoken = now;
    }
    if (!audio.paused) requestAnimationFrame(mark);
  };
  audio.addEventListener("play", mark);
  audio.addEventListener("seeked", mark);

  const answer = await fetch(box.dataset.peaks);
  if (!answer.ok) {
    box.hidden = true; // the player alone works as well
    return;
  }
  const { duration_s: duration, channels } = await answer.json();
  const colors = channels.length > 1 ? ["--user", "--agent"] : ["--agent"];
  WaveSurfer.create({
    container: box,
    media: audio,
    peaks: channels.map((levels) => levels.map((level) => level / 100)),
    duration,
    height: 96 / channels.length,
    normalize: true,
    cspNonce: document.body.dataset.styleNonce,
    splitChannels: colors.map((name) => ({ waveColor: color(name), progressColor: color("--text") })),
  });
});
