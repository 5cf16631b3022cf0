// The API's description in the colours of the console, light or dark.
"use strict";

document.addEventListener("DOMContentLoaded", async () => {
  const page = document.getElementById("api");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const paint = () => {
    page.setAttribute("theme", dark.matches ? "dark" : "light");
    page.setAttribute("bg-color", color("--ground"));
    page.setAttribute("text-color", color("--text"));
    page.setAttribute("primary-color", color("--link"));
    page.setAttribute("nav-bg-color", color("--panel"));
    page.setAttribute("nav-text-color", color("--text"));
    page.setAttribute("nav-hover-bg-color", color("--line"));
    page.setAttribute("nav-hover-text-color", color("--text"));
  };
  dark.addEventListener("change", paint);
  paint();
  await customElements.whenDefined("rapi-doc");
  const { webhooks, ...description } = await (await fetch(page.dataset.description)).json();
  // What RapiDoc does with 3.1 takes ten seconds of a processor; as 3.0, which has no webhooks, it is shown at once.
  page.loadSpec({ ...description, openapi: "3.0.3" });
});
