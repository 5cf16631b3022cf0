// The dialog in which a call of the list is hung up, transferred and sent keys: open as soon as its forms are there.
"use strict";

(() => {
  let opener = "";

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.matches("a.act")) opener = event.target.id;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const dialog = document.getElementById("control");
    if (event.target.id === "control-forms" && dialog && !dialog.open) dialog.showModal();
  });
  // A call that has ended has left the list.
  document.addEventListener("htmx:sseMessage", () => {
    const over = document.querySelector("#control[open] #control-over");
    if (!over || document.getElementById(opener)) return;
    over.hidden = false;
    for (const part of document.querySelectorAll("#control-forms :is(input, select, button)")) part.disabled = true;
  });
  document.addEventListener("htmx:sendError", (event) => {
    const outcome = event.detail.target;
    if (outcome && outcome.id === "outcome") outcome.textContent = "The controller did not answer; the call's page tells what happened.";
  });
  document.addEventListener("DOMContentLoaded", () => {
    const dialog = document.getElementById("control");
    if (!dialog) return;
    dialog.addEventListener("close", () => {
      document.getElementById("control-forms").replaceChildren();
      const back = document.getElementById(opener);
      if (back) back.focus();
    });
  });
})();
