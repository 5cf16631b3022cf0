// The quality of a call's audio over its time as a plot, drawn from the table beside it.
"use strict";

(() => {
  const LINES = {
    lost_percent: { scale: "%", stroke: "--bad", width: 2 },
    there_loss_percent: { scale: "%", stroke: "--bad", dash: [2, 4] },
    jitter_ms: { scale: "ms", stroke: "--user", width: 2 },
    there_jitter_ms: { scale: "ms", stroke: "--user", dash: [2, 4] },
    round_trip_ms: { scale: "ms", stroke: "--good", dash: [8, 4] },
    concealed_ms: { scale: "ms", stroke: "--agent", dash: [6, 2] },
    late: { scale: "packets", stroke: "--quiet", dash: [1, 3] },
  };
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const text = (cell) => cell.textContent.trim();

  const draw = () => {
    const box = document.getElementById("course");
    const table = document.getElementById(box.dataset.table);
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows];
    const column = (at) => rows.map((row) => (text(row.cells[at]) === "" ? null : Number(text(row.cells[at]))));
    const shown = heads.map((head, at) => ({ at, label: text(head), line: LINES[head.dataset.name] })).filter(({ line }) => line);
    const axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const range = (_, __, most) => [0, Math.max(most || 0, 5)];
    box.replaceChildren();
    new uPlot(
      {
        width: box.clientWidth,
        height: 220,
        scales: { x: { time: false }, ms: { range }, "%": { range }, packets: { range } },
        axes: [
          { ...axis, values: (_, at) => at.map((s) => `${s} s`) },
          { ...axis, scale: "ms", values: (_, at) => at.map((value) => `${value} ms`), size: 60 },
          { ...axis, scale: "%", values: (_, at) => at.map((value) => `${value} %`), size: 50, side: 1, grid: { show: false } },
        ],
        series: [
          { label: "until, s" },
          ...shown.map(({ label, line }) => ({ ...line, label, stroke: color(line.stroke), points: { show: rows.length < 60 } })),
        ],
      },
      [column(0), ...shown.map(({ at }) => column(at))],
      box,
    );
  };

  document.addEventListener("DOMContentLoaded", draw);
  let waits = 0;
  addEventListener("resize", () => {
    clearTimeout(waits);
    waits = setTimeout(draw, 200);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
