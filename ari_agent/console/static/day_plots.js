// The last day as small plots, drawn from the table beside them, and anew when that has changed.
"use strict";

(() => {
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const HOUR = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const COLORS = { calls: "--agent", answered: "--good", p50: "--agent", p95: "--user" };

  const column = (rows, name) => rows.map((row) => (row.dataset[name] === "" ? null : Number(row.dataset[name])));

  const draw = () => {
    const rows = [...document.querySelectorAll("#day tbody tr")];
    const hours = rows.map((row) => Number(row.dataset.sinceS));
    for (const box of document.querySelectorAll(".plot")) {
      const names = box.dataset.column.split(" ");
      const axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
      box.replaceChildren();
      new uPlot(
        {
          width: box.clientWidth,
          height: box.clientHeight,
          legend: { show: false },
          cursor: { show: false },
          scales: { x: { range: (_, first, last) => [first - 1800, last + 1800] }, y: { range: (_, __, most) => [0, names[0] === "answered" ? 100 : Math.max(most || 0, 1)] } },
          axes: [
            { ...axis, space: 70, size: 22, values: (_, at) => at.map((s) => HOUR.format(new Date(s * 1000))) },
            { ...axis, space: 28, size: 44 },
          ],
          series: [
            {},
            ...names.map((name) => ({
              stroke: color(COLORS[name]),
              fill: name === "calls" ? color(COLORS[name]) : undefined,
              width: 1.5,
              dash: name === "p95" ? [5, 3] : undefined,
              paths: name === "calls" ? uPlot.paths.bars({ size: [0.7] }) : undefined,
              points: { show: name !== "calls", size: 4 },
            })),
          ],
        },
        [hours, ...names.map((name) => column(rows, name))],
        box,
      );
    }
  };

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("htmx:sseMessage", (event) => {
    if (event.target.getAttribute("sse-swap") === "day") draw();
  });
  let waits = 0;
  addEventListener("resize", () => {
    clearTimeout(waits);
    waits = setTimeout(draw, 200);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
