/* Keeps the store up to date: it asks for the servers every second and follows the journal.
 *
 * Rules of this file:
 * 1. Whether the simulator is there is told as it is; what is shown of one that is gone is the last
 *    that was known.
 * 2. Another simulator on the same port is another fleet: everything is forgotten.
 * 3. A page that nobody sees asks for nothing but the journal, which can't be asked for later.
 */

import { Refused, read } from "./api.js";
import { KINDS } from "./store.js";
import { follow } from "./stream.js";
import { token } from "./token.js";

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
    /** `connecting`, `live`, `gone`, or `locked` for want of the token. */
    this.state = "connecting";
    this.since = performance.now();
    this.next = null;
    this.stream = null;
    this.asking = null;
    this.refused = null;
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
    if (this.state === "locked" && token() === this.refused) return;
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
      if (error instanceof Refused && error.status === 401) {
        this.close();
        this.refused = token();
        this.become("locked");
        return;
      }
      if (error instanceof TypeError || error instanceof DOMException) this.close();
      else console.error(error);
      this.become("gone");
    }
  }

  follow() {
    const fleet = this.store.fleet;
    this.next ??= Math.max(0, (fleet.next ?? 0) - PAST);
    const query = `since=${this.next}&kind=${KINDS.join(",")}`;
    const stream = new AbortController();
    this.stream = stream;
    const take = (event) => this.stream === stream && this.take(event);
    follow(`/journal/stream?${query}`, stream.signal, take)
      .catch((error) => {
        if (!(error instanceof TypeError || error instanceof DOMException)) console.error(error);
      })
      // It is begun anew when the servers were asked for: it may be another simulator by then.
      .finally(() => this.stream === stream && this.close());
  }

  take(event) {
    if (event.event === "Dropped") {
      this.dropped(event);
      return;
    }
    this.next = Number(event.id) + 1;
    this.store.take(JSON.parse(event.data));
  }

  dropped(event) {
    const told = JSON.parse(event.data);
    this.next = told.next;
    this.store.missed += told.missed;
  }

  close() {
    this.stream?.abort();
    this.stream = null;
  }

  become(state) {
    // Each token that is refused is told.
    if (state === this.state && state !== "locked") return;
    this.state = state;
    this.since = performance.now();
    this.moved(state);
  }
}
