/* What happened in each second of the last quarter of an hour, for one server or all of them.
 *
 * Rules of this file:
 * 1. Seconds are those of the fleet's clock. One that is too old is not kept.
 * 2. Tokens are told when their answer is over; they are spread over the time in which they were
 *    made, so that a long answer is no peak at its end.
 */

export const KEPT = 900;
const COUNTS = ["requests", "tokens", "errors", "left"];
/** What is looked at now and then, and when a request comes: else a second has no number. */
const SAMPLES = ["active", "queued"];

export class Series {
  constructor() {
    this.newest = null;
    for (const name of COUNTS) this[name] = new Float32Array(KEPT);
    for (const name of SAMPLES) this[name] = new Float32Array(KEPT).fill(NaN);
    /** Times to the first token, in seconds. */
    this.ttft = new Array(KEPT).fill(null);
    /** Tokens a second of one answer, as the last one had them. */
    this.pace = 0;
  }

  /** Where a second is kept, or -1 if it is too old. */
  at(t) {
    const second = Math.floor(t);
    if (this.newest === null) this.newest = second;
    if (second > this.newest) this.clear(second);
    return second <= this.newest - KEPT ? -1 : ((second % KEPT) + KEPT) % KEPT;
  }

  clear(second) {
    const stale = Math.min(second - this.newest, KEPT);
    for (let step = 1; step <= stale; step += 1) {
      const place = (((this.newest + step) % KEPT) + KEPT) % KEPT;
      for (const name of COUNTS) this[name][place] = 0;
      for (const name of SAMPLES) this[name][place] = NaN;
      this.ttft[place] = null;
    }
    this.newest = second;
  }

  count(name, t) {
    const place = this.at(t);
    if (place >= 0) this[name][place] += 1;
  }

  /** How much there is of something; of several looks in one second the highest counts. */
  sample(name, t, value) {
    const place = this.at(t);
    if (place >= 0 && !(this[name][place] > value)) this[name][place] = value;
  }

  first(t, seconds) {
    const place = this.at(t);
    if (place < 0) return;
    this.ttft[place] ??= [];
    this.ttft[place].push(seconds);
  }

  /** Tokens that were made evenly in the `seconds` before `t`. */
  made(t, seconds, tokens) {
    if (seconds > 0 && tokens > 1) this.pace = tokens / seconds;
    this.at(t);
    const from = t - Math.max(seconds, 1e-3);
    for (let second = Math.floor(from); second <= Math.floor(t); second += 1) {
      const place = this.at(second);
      const share = Math.min(t, second + 1) - Math.max(from, second);
      if (place >= 0) this.tokens[place] += (tokens * share) / (t - from);
    }
  }

  /** How much of something there was in each of the seconds from `from` up to `to`, oldest first. */
  between(name, from, to) {
    const out = [];
    for (let second = from; second < to; second += 1) {
      const known = this.newest !== null && second <= this.newest && second > this.newest - KEPT;
      out.push(known ? this[name][((second % KEPT) + KEPT) % KEPT] : SAMPLES.includes(name) ? NaN : 0);
    }
    return out;
  }

  /** Every time to the first token in these seconds, in order of size. */
  waits(from, to) {
    const out = [];
    for (const some of this.between("ttft", from, to)) if (some) out.push(...some);
    return out.sort((one, other) => one - other);
  }
}

/** The value below which a share of some sorted ones lies; null if there are none. */
export function quantile(sorted, share) {
  if (!sorted.length) return null;
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
