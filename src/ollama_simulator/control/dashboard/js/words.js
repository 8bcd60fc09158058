/* How numbers, times and ends are written.
 *
 * Rules of this file:
 * 1. A function of its arguments, nothing else.
 */

const WHOLE = new Intl.NumberFormat("en");

/** A rate, to two or three digits. */
export function rate(value) {
  if (!Number.isFinite(value) || value <= 0) return "0";
  if (value < 0.095) return value.toFixed(2);
  if (value < 9.95) return value.toFixed(1);
  return WHOLE.format(Math.round(value));
}

/** A number of things. */
export function count(value) {
  return WHOLE.format(value ?? 0);
}

/** A large number in few letters: 12,345 is 12k. */
export function few(value) {
  if (value < 10_000) return count(value);
  if (value < 999_500) return `${Math.round(value / 1000)}k`;
  return `${(value / 1e6).toFixed(1)}M`;
}

/** Bytes, in the units that memory is sold in. */
export function bytes(value) {
  if (!value) return "0";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  const size = value / 1024 ** step;
  return `${size < 10 && step ? size.toFixed(1) : Math.round(size)} ${units[step]}`;
}

/** A time in seconds, to three digits. */
export function seconds(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0 s";
  if (value < 0.00995) return `${(value * 1000).toFixed(1)} ms`;
  if (value < 0.0995) return `${Math.round(value * 1000)} ms`;
  if (value < 9.995) return `${value.toFixed(2)} s`;
  if (value < 99.95) return `${value.toFixed(1)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;
  return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} min`;
}

/** One and many: `plural(2, "server")`. */
export function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** A fault or behaviour with its fields, in one line. */
export function fault(value) {
  const { type, ...fields } = value;
  const told = Object.entries(fields).map(([name, field]) => `${name} ${JSON.stringify(field)}`);
  return told.length ? `${type} (${told.join(", ")})` : type;
}

/** How a request ended, in words, and whether that is good. */
export function ending(exchange) {
  const end = exchange.end;
  if (end === null) return { words: "running", mood: "running" };
  const status = end.status === null ? "no answer" : String(end.status);
  switch (end.outcome) {
    case "complete":
      return { words: status, mood: end.status >= 400 ? "bad" : "good" };
    case "left":
      return { words: "client left", mood: "left" };
    case "rst":
    case "fin":
      return { words: `${status}, ${end.outcome.toUpperCase()}`, mood: "bad" };
    default:
      return { words: `${status}, ${end.outcome}`, mood: "bad" };
  }
}
