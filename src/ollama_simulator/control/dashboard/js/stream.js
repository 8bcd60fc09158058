/* Server-Sent Events, read by `fetch`: an `EventSource` can't show a token.
 *
 * Source: the HTML standard, section "Server-sent events", as far as the control API uses it.
 */

import { authorization } from "./token.js";

/** Hand each event of a stream to `take`, as `{id, event, data}`, until it ends. Raises what `fetch`
 * raises, and an `Error` for an answer that is no stream. */
export async function follow(path, signal, take) {
  const headers = { Accept: "text/event-stream", ...authorization() };
  const response = await fetch(path, { headers, signal });
  if (!response.ok) throw new Error(`${path}: status ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map(field));
      if (fields.data !== undefined) take(fields);
    }
  }
}

function field(line) {
  const at = line.indexOf(":");
  return [line.slice(0, at), line.slice(at + 1).trimStart()];
}
