/* Keeps the store up to date: it asks for the servers every second and follows the journal.
 *
 * Rules of this file:
 * 1. Whether the simulator is there is told as it is; what is shown of one that is gone is the last
 *    that was known.
 * 2. Another simulator on the same port is another fleet: everything is forgotten.
 * 3. A page that nobody sees asks for nothing but the journal, which can't be asked for later.
 */

import { read } from "./api.js";
import { KINDS } from "./store.js";

const EVERY_MS = 1000;
const PATIENCE_MS = 5000;
/** Records of the past that are read at the start. */
const PAST = 5000;

export class Feed {
  /** `told` is called when the servers are known anew, `moved` when the connection changes. */
  constructor(store, told, moved) {
    this.store = store;
    this.told = told;
    this.moved = moved;
    /** `connecting`, `live` or `gone`. */
    this.state = "connecting";
    this.since = performance.now();
    this.next = null;
    this.stream = null;
    this.asking = null;
  }

  start() {
    document.addEventListener("visibilitychange", () => document.hidden || this.ask());
    this.ask();
  }

  /** Ask now, and then again every second. */
  async ask() {
    if (this.asking !== null) return this.asking;
    clearTimeout(this.timer);
    this.asking = this.look().finally(() => {
      this.asking = null;
      this.timer = setTimeout(() => this.ask(), EVERY_MS);
    });
    return this.asking;
  }

  async look() {
    if (document.hidden && this.state === "live") return;
    try {
      const asked = performance.now();
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const [fleet, listed] = await Promise.all([read("/fleet", signal), read("/servers", signal)]);
      const known = this.store.fleet;
      if (known !== null && known.started !== fleet.started) {
        this.close();
        this.store.forget();
        this.next = null;
      }
      this.store.toldFleet(fleet, asked);
      this.store.toldServers(listed.servers);
      if (this.stream === null) this.follow();
      this.become("live");
      this.told();
    } catch (error) {
      if (error instanceof TypeError || error instanceof DOMException) this.close();
      else console.error(error);
      this.become("gone");
    }
  }

  follow() {
    const fleet = this.store.fleet;
    this.next ??= Math.max(0, (fleet.next ?? 0) - PAST);
    const query = `since=${this.next}&kind=${KINDS.join(",")}`;
    const stream = new EventSource(`/journal/stream?${query}`);
    for (const kind of KINDS) stream.addEventListener(kind, (event) => this.take(event));
    stream.addEventListener("Dropped", (event) => this.dropped(event));
    stream.addEventListener("error", () => {
      // Its own attempts would go on for ever, against a simulator that may be another one.
      if (this.stream === stream) this.close();
    });
    this.stream = stream;
  }

  take(event) {
    this.next = Number(event.lastEventId) + 1;
    this.store.take(JSON.parse(event.data));
  }

  dropped(event) {
    const told = JSON.parse(event.data);
    this.next = told.next;
    this.store.missed += told.missed;
  }

  close() {
    this.stream?.close();
    this.stream = null;
  }

  become(state) {
    if (state === this.state) return;
    this.state = state;
    this.since = performance.now();
    this.moved(state);
  }
}
