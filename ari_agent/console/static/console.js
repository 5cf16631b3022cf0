// What a page does beyond showing: times in the reader's own zone, and how long a call has been going on.
"use strict";

(() => {
  const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });

  const lasted = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000));
    const two = (value) => String(value).padStart(2, "0");
    const hours = Math.floor(s / 3600);
    const minutes = Math.floor(s / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
  };

  const tick = () => {
    for (const time of document.querySelectorAll("time[data-since]")) {
      time.textContent = lasted(Date.now() - Date.parse(time.dateTime));
    }
  };

  const localize = (root) => {
    for (const time of root.querySelectorAll("time:not([data-since]):not([title])")) {
      time.title = time.textContent;
      time.textContent = FULL.format(new Date(time.dateTime));
    }
    tick();
  };

  document.addEventListener("DOMContentLoaded", () => localize(document));
  document.addEventListener("htmx:afterSettle", (event) => localize(event.target));
  document.addEventListener("htmx:sseMessage", () => tick());
  // A stream that is lost leaves old figures behind, which have to be seen as old.
  const live = (isLive) => {
    const notice = document.getElementById("lost");
    document.body.classList.toggle("old", !isLive);
    if (notice) notice.textContent = isLive ? "" : "The connection is lost, and this is old: trying again. If it stays so, load the page again.";
  };
  document.addEventListener("htmx:sseOpen", () => live(true));
  document.addEventListener("htmx:sseError", () => live(false));
  setInterval(tick, 1000);
})();
