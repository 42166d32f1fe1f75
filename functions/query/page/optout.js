/* The opt-out of a message's recipient, asked for only where the key sees it. */

import { h, pairs, phone, time, words } from "./elements.js";
import { get } from "./service.js";

const CAUSES = {
  stop: "The person replied STOP, or the provider said so. Nothing more is sent.",
  stop_marketing: "Only transactional messages are sent.",
  refused: "The provider refused a message. Nothing is sent for 24 hours from then.",
  added: "The number was blocked by hand. Nothing more is sent.",
};

/** Show in ``place`` what blocks the message's recipient: nothing where nothing does. */
export async function optOut(place, message, signal) {
  if (!message.opt_out_scope) return place.replaceChildren();
  try {
    const { opt_outs: [found] } = await get("/opt-outs", asked(message), signal);
    place.replaceChildren(...(found.blocked ? [note(found, message)] : []));
  } catch (error) {
    if (error.name === "AbortError") return;
    place.replaceChildren(h("p", { class: "quiet" }, "The opt-out could not be read."));
  }
}

/** The parameters that the scope needs. */
function asked({ opt_out_scope: scope, to, provider, from, client }) {
  if (scope.startsWith("sender:")) return { to, provider, from };
  return scope.startsWith("client:") ? { to, client } : { to };
}

const note = (found, message) => h("section", { class: "note unknown", "aria-labelledby": "opt-out" },
  h("h2", { id: "opt-out" }, `Opted out: ${words(found.cause)}`),
  h("p", {}, CAUSES[found.cause]),
  pairs([["Scope", scopeOf(message)], ["Since", time(found.at)], ["Source", found.source], ...(found.reason ? [["Reason", found.reason]] : [])]));

function scopeOf({ opt_out_scope: scope, provider, from, client }) {
  if (scope.startsWith("sender:")) return h("span", {}, "From ", phone(from), ` by ${provider}`);
  return scope.startsWith("client:") ? `All messages of ${client}` : "All messages";
}
