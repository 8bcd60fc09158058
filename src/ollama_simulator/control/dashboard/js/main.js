/* Puts the page together: what is known, what is shown of it, and what can be done. */

import * as api from "./api.js";
import { BreakForm, forgetFaults } from "./breaking.js";
import { isBroken } from "./cards.js";
import { Charts } from "./charts.js";
import { AddForm, Details, ExchangeView, FleetForm } from "./details.js";
import { Doer } from "./doing.js";
import { say, set } from "./dom.js";
import { Feed } from "./feed.js";
import { Field, numeric } from "./fields.js";
import { Grid } from "./grid.js";
import { shortcuts } from "./keys.js";
import { Panel } from "./panel.js";
import { quantile } from "./series.js";
import { Store } from "./store.js";
import { themes } from "./theme.js";
import { tokens } from "./token.js";
import { Timelines } from "./timelines.js";
import { count, plural, rate, seconds } from "./words.js";

/** What isn't said as it is called. */
const LACKS = { "journal-file": "its journal's file", worker: "a worker" };

const $ = (id) => document.getElementById(id);

const store = new Store();
const panel = new Panel();
const doer = new Doer(() => feed.ask());
const grid = new Grid(store, {
  open: (name) => open(name),
  break: (names) => breakThem(names),
  heal: (names) => heal(names),
  picked: () => drawPicked(),
});
const charts = new Charts(store);
const timelines = new Timelines(store, (exchange) => panel.open(new ExchangeView(exchange)));
const feed = new Feed(store, draw, drawConnection);
const asked = tokens(() => feed.ask());

// --- what is shown ------------------------------------------------------------------------------

function draw() {
  const names = [...store.servers.keys()];
  charts.servers(names);
  timelines.servers(names);
  grid.update();
  charts.update();
  panel.update();
  drawTiles();
}

function drawTiles() {
  const infos = [...store.servers.values()];
  const sumOf = (values) => values.reduce((total, value) => total + value, 0);
  const sum = (field) => sumOf(infos.map((info) => info[field]));
  const broken = infos.filter(isBroken).length;
  const last = Math.floor(store.now());
  const waits = store.all.waits(last - 30, last + 1);
  const rules = new Set(infos.flatMap((info) => info.rules.map((rule) => rule.id))).size;
  const tiles = {
    servers: broken ? `${infos.length}, ${broken} broken` : `${infos.length}`,
    active: count(sum("active")),
    queued: count(sum("queued")),
    requests: rate(store.rate(store.all, "requests")),
    tokens: rate(store.tokenRates().get("") ?? 0),
    ttft: seconds(quantile(waits, 0.5)),
    errors: count(sumOf(store.all.between("errors", last - 59, last + 1))),
    rules: count(rules),
  };
  for (const [name, words] of Object.entries(tiles)) say($(`tile-${name}`), words);
  set($("tile-servers").parentElement, "data-bad", broken > 0);
  const { version, seed, clock_speed: speed } = store.fleet;
  say($("about"), `${version} · seed ${seed}${speed === 1 ? "" : ` · time × ${speed}`}`);
  drawLacks();
  const notes = [];
  if (store.failures) notes.push(`${plural(store.failures, "internal error")} of the simulator: see the journal.`);
  if (store.missed) notes.push(`This page was too slow for ${plural(store.missed, "record")} of the journal.`);
  say($("note"), notes.join(" "));
  $("note").hidden = !notes.length;
}

/** What the simulator itself lacks, as long as it does: no fault that anybody asked for. */
function drawLacks() {
  const lacks = store.fleet.lacking.map(({ what, detail }) => `The simulator lacks ${LACKS[what] ?? what}: ${detail}.`);
  say($("lacks"), lacks.join(" "));
  $("lacks").hidden = !lacks.length;
}

function drawConnection() {
  const state = feed.state;
  const words = { connecting: "connecting", live: "live", gone: "gone", locked: "locked" };
  set($("connection"), "data-state", state);
  say($("connection"), words[state]);
  if (state === "locked") asked.ask();
  else asked.done();
  document.body.classList.toggle("gone", state === "gone");
  $("lost").hidden = state !== "gone";
  if (state === "gone") {
    forgetFaults();
    const known = store.fleet === null ? "" : " What is shown is the last that was known.";
    say($("lost"), `The simulator doesn't answer at ${location.host}; trying again every second.${known}`);
  }
}

function drawPicked() {
  const whom = pickedOrAll();
  const words = whom === "all" ? "all" : grid.picked.size ? `${whom.length} selected` : `${whom.length} shown`;
  say($("break-button-text"), `Break ${words}`);
  say($("heal-button-text"), `Heal ${words}`);
  $("none-button").hidden = !grid.picked.size;
}

// --- what can be done ---------------------------------------------------------------------------

/** Whom the buttons above the servers are for: those that are selected, else those that are shown. */
function pickedOrAll() {
  const names = grid.picked.size ? grid.chosen : grid.shown;
  return names.length && names.length < store.servers.size ? [...names] : "all";
}

const called = (names) => (names === "all" ? "all servers" : names.length > 5 ? plural(names.length, "server") : names.join(", "));

function open(name) {
  panel.open(new Details(store, doer, name, {
    break: breakThem,
    requests: (server) => {
      timelines.only(server);
      $("requests-section").scrollIntoView({ block: "nearest" });
      $("requests").focus();
    },
    charts: (server) => {
      charts.only(server);
      $("charts-section").scrollIntoView({ block: "nearest" });
    },
    removed: () => panel.close(),
  }));
}

function breakThem(names) {
  const form = new BreakForm(store, doer, names, (servers) => {
    if (servers !== "all" && servers.length === 1) open(servers[0]);
    else panel.close();
  });
  panel.open(form);
}

const heal = (names) => doer.attempt(`Healed ${called(names)}`, api.heal(names));

async function addServer() {
  let profiles = [];
  try {
    profiles = (await api.read("/profiles")).profiles.map((each) => each.name);
  } catch {
    // The form works without them: a profile can be written among the other settings.
  }
  panel.open(new AddForm(doer, profiles, (info) => info && open(info.name)));
}

function fleetForm() {
  const down = new Field("seconds", { label: "Seconds that they are down", input: document.createElement("input"),
    parse: (text) => numeric(text, { least: 0, most: 1e9 }) });
  const box = document.createElement("input");
  box.type = "checkbox";
  const counters = new Field("counters", { label: "Clear the counters, too", input: box, parse: Boolean });
  const names = pickedOrAll();
  panel.open(new FleetForm(doer, "The fleet", [
    { label: "Reset the fleet", fields: [counters], make: () => api.reset(counters.read()), says: "Reset the fleet",
      help: "Every server is as it was at the start: rules, models, settings, and who is there." },
    { label: names === "all" ? "Restart all servers" : `Restart ${called(names)}`, fields: [down],
      make: () => api.restart(names, down.read()), says: `Restarted ${called(names)}` },
    ...(names === "all" ? [] : [{ label: `Remove ${called(names)}`, make: () => api.remove(names),
      says: `Removed ${called(names)}` }]),
    { label: "Clear every KV cache", make: () => api.forget({ all: true }), says: "Cleared every KV cache" },
  ]));
}

$("break-button").addEventListener("click", () => breakThem(pickedOrAll()));
$("heal-button").addEventListener("click", () => heal(pickedOrAll()));
$("add-button").addEventListener("click", addServer);
$("fleet-button").addEventListener("click", fleetForm);
$("none-button").addEventListener("click", () => {
  for (const name of [...grid.picked]) grid.pick(name, false, false);
  grid.focus();
});
themes($("theme-button"), () => charts.recolour());
shortcuts([
  ["?", "this list"],
  ["/", "filter the servers", () => $("filter").focus()],
  ["s", "go to the servers", () => grid.focus()],
  ["l", "go to the requests", () => $("requests").focus()],
  ["← → ↑ ↓", "walk through servers, or requests"],
  ["Enter", "open the server, or the request"],
  ["Space", "select the server"],
  ["a", "select all servers that are shown, or none", () => grid.pickAll()],
  ["b", "break the selected servers, or the one that you are at", () => breakThem(grid.meant)],
  ["h", "heal the selected servers, or the one that you are at", () => heal(grid.meant)],
  ["n", "add a server", addServer],
  ["f", "reset or restart the fleet", fleetForm],
  ["p", "pause the requests, or resume", () => $("pause").click()],
  ["t", "dark, light, or as the system", () => $("theme-button").click()],
  ["Esc", "close the panel"],
], () => panel.close());
drawConnection();
feed.start();
