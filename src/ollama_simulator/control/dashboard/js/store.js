/* What the page knows: the servers as they were told last, and what the journal says of requests.
 *
 * Rules of this file:
 * 1. It is a fold: of records as they come, and of what was asked for last. It draws nothing.
 * 2. Old requests are forgotten, the finished ones first.
 */

import { Series } from "./series.js";

const MOST_EXCHANGES = 10_000;
const MOST_EVENTS = 500;

/** The kinds of records that are needed; others are not even sent. */
export const KINDS = [
  "Asked", "Queued", "Admitted", "ModelLoaded", "Evaluated", "FirstToken", "Generated", "Struck",
  "Left", "Finished", "Behaved", "Injected", "Healed", "Stopped", "Restarted", "ServerAdded",
  "ServerRemoved", "Changed", "DoorMoved", "Failed",
];

/** Those that are marked in the charts: somebody did something to a server. */
const MARKED = new Set(["Injected", "Healed", "Stopped", "Behaved", "ServerAdded", "ServerRemoved"]);

export class Store {
  constructor() {
    this.forget();
  }

  /** Know nothing: another simulator is there now. */
  forget() {
    /** What `/fleet` says; null as long as nothing is known. */
    this.fleet = null;
    this.servers = new Map();
    /** Requests by their numbers, in the order in which they came. */
    this.exchanges = new Map();
    this.running = new Set();
    this.all = new Series();
    this.series = new Map();
    this.events = [];
    this.missed = 0;
    this.failures = 0;
  }

  /** The fleet's time now, in seconds. */
  now() {
    if (this.fleet === null) return 0;
    const passed = (performance.now() - this.fleetAt) / 1000;
    return this.fleet.now + passed * (this.fleet.clock_speed ?? 1);
  }

  /** `at` is when it was asked for: nothing of the journal may come from the future. */
  toldFleet(fleet, at) {
    this.fleet = fleet;
    this.fleetAt = at;
  }

  toldServers(servers) {
    this.servers = new Map(servers.map((info) => [info.name, info]));
    const t = this.now();
    let active = 0;
    let queued = 0;
    for (const info of servers) {
      const series = this.of(info.name);
      series.sample("active", t, info.active);
      series.sample("queued", t, info.queued);
      active += info.active;
      queued += info.queued;
    }
    this.all.sample("active", t, active);
    this.all.sample("queued", t, queued);
    for (const name of this.series.keys()) if (!this.servers.has(name)) this.series.delete(name);
  }

  /** The numbers of a server. */
  of(name) {
    let series = this.series.get(name);
    if (series === undefined) {
      series = new Series();
      this.series.set(name, series);
    }
    return series;
  }

  /** Requests, errors or the like in a second, over the last few of them. */
  rate(series, name, over = 5) {
    const now = this.now();
    const last = Math.floor(now);
    const sum = series.between(name, last - over, last + 1).reduce((a, b) => a + b, 0);
    return sum / (over + now - last);
  }

  /** Tokens a second; answers that run are taken to have the pace of the one before. */
  tokenRates(over = 5) {
    const now = this.now();
    const rates = new Map([["", 0]]);
    const add = (name, value) => {
      rates.set(name, (rates.get(name) ?? 0) + value);
      rates.set("", rates.get("") + value);
    };
    for (const [name, series] of this.series) add(name, this.rate(series, "tokens", over));
    for (const exchange of this.running) {
      if (exchange.first === null || exchange.generated !== null) continue;
      const made = Math.min(now - exchange.first, over) * this.of(exchange.server).pace;
      add(exchange.server, made / over);
    }
    return rates;
  }

  /** Take a record of the journal. */
  take(record) {
    if (record.exchange === null || record.exchange === undefined) this.happened(record);
    else if (record.kind === "Asked") this.asked(record);
    else {
      const exchange = this.exchanges.get(record.exchange);
      if (exchange !== undefined) this.went(exchange, record);
    }
    const tell = TELLS[record.kind];
    if (tell !== undefined) {
      tell(this.of(record.server), record);
      tell(this.all, record);
    }
  }

  asked(record) {
    const exchange = {
      id: record.exchange, server: record.server, t: record.t, method: record.method,
      target: record.target, model: "", queued: null, waitsFor: "", admitted: null, load: null,
      prompt: null, first: null, generated: null, tokens: 0, struck: [], left: null, end: null,
    };
    this.exchanges.set(exchange.id, exchange);
    this.running.add(exchange);
    // Most are over before somebody looks at the servers again.
    let here = 0;
    for (const other of this.running) if (other.server === record.server) here += 1;
    this.of(record.server).sample("active", record.t, here);
    this.all.sample("active", record.t, this.running.size);
    if (this.exchanges.size > MOST_EXCHANGES) this.shorten();
  }

  shorten() {
    for (const [id, exchange] of this.exchanges) {
      if (this.exchanges.size <= MOST_EXCHANGES * 0.9) break;
      if (exchange.end !== null || this.running.size > MOST_EXCHANGES / 2) {
        this.exchanges.delete(id);
        this.running.delete(exchange);
      }
    }
  }

  went(exchange, record) {
    switch (record.kind) {
      case "Queued":
        exchange.queued ??= record.t;
        exchange.waitsFor = record.waits_for ?? "slot";
        break;
      case "Admitted":
        exchange.admitted = record.t;
        exchange.model = record.model;
        break;
      case "ModelLoaded":
        exchange.load = { from: record.t - record.seconds, to: record.t };
        exchange.model = record.model;
        break;
      case "Evaluated":
        exchange.prompt = {
          from: record.t - record.seconds, to: record.t, tokens: record.prompt, cached: record.cached,
        };
        break;
      case "FirstToken":
        exchange.first ??= record.t;
        break;
      case "Generated":
        exchange.generated = record.t;
        exchange.tokens = record.tokens;
        break;
      case "Struck":
        // Behaving normally at a pace of one's own is no fault.
        if (record.fault !== "Normal") exchange.struck.push(record);
        break;
      case "Left":
        exchange.left = record.t;
        break;
      case "Finished":
        exchange.end = record;
        this.running.delete(exchange);
        break;
      default:
        this.happened(record);
    }
  }

  happened(record) {
    if (record.kind === "Failed") this.failures += 1;
    if (!MARKED.has(record.kind)) return;
    this.events.push(record);
    if (this.events.length > MOST_EVENTS) this.events.splice(0, MOST_EVENTS / 10);
  }
}

/** What a record adds to the numbers. */
const TELLS = {
  Asked: (series, record) => series.count("requests", record.t),
  FirstToken: (series, record) => series.first(record.t, record.seconds),
  Generated: (series, record) => series.made(record.t, record.seconds, record.tokens),
  Left: (series, record) => series.count("left", record.t),
  Finished: (series, record) => {
    if (failed(record)) series.count("errors", record.t);
  },
};

/** Whether an answer ended badly, by the server's doing. */
export function failed(end) {
  if (end.outcome === "left") return false;
  return end.outcome !== "complete" || end.status === null || end.status >= 400;
}
