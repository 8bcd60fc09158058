/* The last minutes of the fleet, or of one server, as five charts on one axis.
 *
 * Rules of this file:
 * 1. A chart is drawn by uPlot; this file says what is in it.
 * 2. Each chart also says its newest value in words, so nothing is told by the picture alone.
 */

import { h, say } from "./dom.js";
import { quantile } from "./series.js";
import { rate, seconds } from "./words.js";

const HEIGHT_PX = 96;
const POINTS = 150;

/** What is drawn: for each line its name, its colour, and its value in some seconds. */
const CHARTS = [
  { title: "Requests/s", lines: [["requests", "--blue", perSecond("requests")]], shown: rate },
  { title: "Tokens/s", lines: [["tokens", "--green", null]], shown: rate },
  {
    title: "First token",
    lines: [
      ["p50", "--blue", (series, from, to) => quantile(series.waits(from, to), 0.5)],
      ["p95", "--violet", (series, from, to) => quantile(series.waits(from, to), 0.95)],
    ],
    shown: seconds,
  },
  {
    title: "Requests",
    lines: [["active", "--green", highest("active")], ["queued", "--violet", highest("queued")]],
    shown: (value) => String(Math.round(value)),
    whole: true,
  },
  {
    title: "Errors/s",
    lines: [["errors", "--red", perSecond("errors")], ["client left", "--amber", perSecond("left")]],
    shown: rate,
  },
];

function perSecond(name) {
  return (series, from, to) => series.between(name, from, to).reduce((a, b) => a + b, 0) / (to - from);
}

/** The highest of what was seen; null if nobody looked. */
function highest(name) {
  return (series, from, to) => {
    const seen = series.between(name, from, to).filter((value) => !Number.isNaN(value));
    return seen.length && series.newest !== null ? Math.max(...seen) : null;
  };
}

export class Charts {
  constructor(store) {
    this.store = store;
    this.box = document.getElementById("charts");
    this.span = document.getElementById("chart-span");
    this.whose = document.getElementById("chart-of");
    this.marks = [];
    this.charts = CHARTS.map((chart) => this.make(chart));
    for (const control of [this.span, this.whose]) control.addEventListener("input", () => this.update());
    new ResizeObserver(() => this.fit()).observe(this.box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
  }

  make(chart) {
    const values = chart.lines.map(([name, colour]) => h("b", { class: "value", "data-colour": colour, title: name }));
    const legend = chart.lines.length > 1
      ? chart.lines.flatMap(([name], at) => [h("span", { class: "key", "data-colour": chart.lines[at][1] }, name), values[at]])
      : values;
    const place = h("div", { class: "plot", "aria-hidden": "true" });
    const figure = h("figure", { class: "chart" },
      h("figcaption", {}, h("span", { class: "title" }, chart.title), ...legend), place);
    this.box.append(figure);
    return { ...chart, values, place, plot: null };
  }

  /** The names to choose from. */
  servers(names) {
    const wanted = ["", ...names];
    if ([...this.whose.options].map((option) => option.value).join() === wanted.join()) return;
    const chosen = this.whose.value;
    this.whose.replaceChildren(
      ...wanted.map((name) => h("option", { value: name }, name || "the fleet")));
    this.whose.value = wanted.includes(chosen) ? chosen : "";
  }

  /** Show those of one server. */
  only(name) {
    this.whose.value = name;
    this.update();
  }

  update() {
    if (this.box.offsetParent === null) return;
    const { store } = this;
    const name = this.whose.value;
    const series = name === "" ? store.all : store.of(name);
    const span = Number(this.span.value);
    const step = Math.max(1, Math.round(span / POINTS));
    const now = store.now();
    const last = Math.floor(now / step) * step;
    const edges = [];
    for (let from = last - span; from < last; from += step) edges.push(from);
    const xs = edges.map((from) => from + step / 2 - now);
    const running = this.running(name, edges, step, now);
    this.marks = this.marked(name, now, span);
    for (const chart of this.charts) {
      const lines = chart.lines.map(([, , value]) => edges.map((from, at) => (value
        ? value(series, from, from + step)
        : perSecond("tokens")(series, from, from + step) + running[at])));
      chart.values.forEach((node, at) => {
        const newest = lines[at].findLast((value) => value !== null) ?? null;
        say(node, newest === null ? "–" : chart.shown(newest));
      });
      this.draw(chart, [xs, ...lines], span);
    }
  }

  /** Tokens a second of answers that still run, as if they had the pace of the one before. */
  running(name, edges, step, now) {
    const rates = new Float64Array(edges.length);
    for (const exchange of this.store.running) {
      if (exchange.first === null || exchange.generated !== null) continue;
      if (name !== "" && exchange.server !== name) continue;
      const { pace } = this.store.of(exchange.server);
      const begin = Math.max(0, Math.floor((exchange.first - edges[0]) / step));
      for (let at = begin; at < edges.length; at += 1) {
        const share = Math.min(now, edges[at] + step) - Math.max(exchange.first, edges[at]);
        if (share > 0) rates[at] += (pace * share) / step;
      }
    }
    return rates;
  }

  marked(name, now, span) {
    return this.store.events
      .filter((event) => event.t > now - span && (name === "" || event.server === name))
      .map((event) => ({ x: event.t - now, bad: event.kind !== "Healed" && event.kind !== "ServerAdded" }));
  }

  draw(chart, data, span) {
    if (chart.plot === null) {
      chart.span = span;
      chart.plot = new uPlot(this.options(chart), data, chart.place);
      return;
    }
    if (chart.span !== span) {
      chart.span = span;
      chart.plot.setScale("x", { min: -span, max: 0 });
    }
    chart.plot.setData(data);
  }

  options(chart) {
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const font = "11px system-ui, sans-serif";
    const line = { stroke: () => colour("--muted"), font, ticks: { show: false } };
    return {
      width: Math.max(80, chart.place.clientWidth),
      height: HEIGHT_PX,
      padding: [6, 14, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: () => [-chart.span, 0] },
        y: { range: (_, low, high) => [0, high > 0 ? high * 1.15 : 1] },
      },
      axes: [
        {
          ...line, size: 18, gap: 2, grid: { show: false },
          splits: () => [0.8, 0.4, 0].map((share) => -share * chart.span),
          values: (_, splits) => splits.map(ago),
        },
        {
          ...line, size: 42, gap: 3, space: 24, ...(chart.whole ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000] } : {}), values: (_, splits) => splits.map((value) => chart.shown(value)),
          grid: { stroke: () => colour("--line"), width: 1 },
        },
      ],
      series: [
        {},
        ...chart.lines.map(([, name]) => ({
          stroke: () => colour(name), width: 1.5, points: { show: false, size: 4, width: 0, fill: () => colour(name), filter: lone }, spanGaps: chart.whole === true,
          fill: chart.lines.length === 1 ? () => `${colour(name)}22` : undefined,
        })),
      ],
      hooks: { draw: [(plot) => this.drawMarks(plot, colour)] },
    };
  }

  /** A line where somebody broke or healed a server. */
  drawMarks(plot, colour) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.lineWidth = devicePixelRatio;
    for (const { x, bad } of this.marks) {
      const at = Math.round(plot.valToPos(x, "x", true));
      ctx.strokeStyle = colour(bad ? "--red" : "--green");
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  fit() {
    for (const { plot, place } of this.charts) {
      const width = Math.max(80, place.clientWidth);
      if (plot !== null && plot.width !== width) plot.setSize({ width, height: HEIGHT_PX });
    }
  }

  /** Take the colours of the other scheme. */
  recolour() {
    for (const { plot } of this.charts) plot?.redraw(false);
  }
}

/** The values of a line that it can't join to others, which would be seen only if they were points. */
function lone(plot, line) {
  const values = plot.data[line];
  const joined = plot.series[line].spanGaps
    ? values.filter((value) => value !== null).length > 1
    : null;
  const there = (at) => (values[at] ?? null) !== null;
  const found = values.flatMap((_, at) => (
    there(at) && !(joined ?? (there(at - 1) || there(at + 1))) ? [at] : []));
  return found.length ? found : null;
}

function ago(x) {
  if (x === 0) return "now";
  return -x >= 60 ? `−${-x / 60} min` : `−${-x} s`;
}
