/* Search: recognise the kind of text in the field, and list the messages found. */

import { announce, badge, byId, h, recipient, table, time } from "./elements.js";
import { get } from "./service.js";
import { outcome, STATUSES } from "./statuses.js";

const KINDS = [
  ["message_id", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i],
  ["provider_message_id", /^([A-Z]{2})?[0-9a-f]{32}$/i],
  ["to", /^(tel:\s*)?(\+|00)[\p{Nd}\p{Pd}\s().\/]{6,28}$/iu],
];
const NOTHING = "Leave it empty for the messages of the last seven days.";
let chosen = false; // by hand, which nothing that is typed overrides until the field is empty again

const recognised = (text) => KINDS.find(([, pattern]) => pattern.test(text))?.[0] ?? "reference";

/** Choose the field by the typed text, and navigate to an address that can be shared. */
export function prepareSearch() {
  byId("status").append(...STATUSES.map((status) => h("option", {}, status)));
  byId("query").addEventListener("input", recognise);
  byId("by").addEventListener("change", () => { chosen = true; hint(); });
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const client = byId("whose").hidden ? "" : byId("client").value.trim();
    const address = addressOf(byId("by").value, byId("query").value.trim(), byId("status").value, client);
    if (location.hash === address) dispatchEvent(new HashChangeEvent("hashchange"));
    else location.hash = address;
  });
}

function recognise() {
  const text = byId("query").value.trim();
  chosen &&= text !== "";
  if (!chosen) byId("by").value = recognised(text);
  hint();
}

function hint() {
  const word = byId("by").selectedOptions[0].text.toLowerCase();
  byId("recognised").textContent = !byId("query").value.trim() ? NOTHING
    : chosen ? `Searches by ${word}, as you chose.` : `Recognised as ${word}; choose otherwise beside it.`;
}

function addressOf(by, text, status, client) {
  if (text && by === "message_id") return `#/message/${encodeURIComponent(text.toLowerCase())}`;
  const words = text || status || client ? ["search", text ? by : "", text, status, client] : [];
  return `#/${words.map(encodeURIComponent).join("/").replace(/\/+$/, "")}`;
}

/** Fill the form from the address. */
export function showSearch([by = "", text = "", status = "", client = ""]) {
  byId("query").value = text;
  chosen = Boolean(text) && by !== recognised(text);
  byId("by").value = by || recognised(text);
  byId("status").value = status;
  byId("client").value = client;
  hint();
}

/** Offer the client field to admins: only they get statistics of all clients. */
export const offerClients = () => get("/stats", { since: new Date(Date.now() - 3600e3).toISOString() })
  .then(({ client }) => { byId("whose").hidden = client !== null; }, () => {});

/** The messages of the address, newest first, with a button for more. */
export async function list(view, [by = "", text = "", status = "", client = ""], signal) {
  const criteria = { ...(text ? { [by]: text } : {}), status, client };
  const parts = { rows: h("div", {}), end: h("p", { class: "end" }) };
  const heading = h("h1", { tabindex: -1 }, text || status || client ? "Messages found" : "Latest messages");
  const found = [];
  const more = async (cursor) => {
    parts.end.replaceChildren("Looking …");
    const page = await get("/messages", { ...criteria, limit: "25", cursor }, signal);
    found.push(...page.messages);
    parts.rows.replaceChildren(...(found.length ? [listed(found)] : []));
    parts.end.replaceChildren(...ending(found.length, page, () => more(page.cursor).catch(failed)));
    announce(parts.end.firstChild.textContent);
  };
  const failed = (error) => {
    if (!signal.aborted) parts.end.replaceChildren(h("span", { role: "alert" }, `${error.title ?? "The page has a fault."} ${error.advice ?? ""}`));
  };
  view.replaceChildren(heading, parts.rows, parts.end);
  await more("");
}

/** The number of messages and the button for more: a page may be short, even empty, and not be the last. */
function ending(count, page, more) {
  const told = count ? `${count} message${count === 1 ? "" : "s"}${page.cursor ? " so far." : ", and no more."}`
    : page.cursor ? "Nothing in the newest part that was looked through." : "No message was found. Check what you search by; records expire, and a key sees its own client’s messages.";
  return [h("span", {}, told), page.cursor ? h("button", { type: "button", click: more }, count ? "More" : "Look further back") : null].filter(Boolean);
}

/** The list has a column for the client if it holds several clients' messages. */
function listed(found) {
  const several = new Set(found.map((message) => message.client)).size > 1;
  const heads = ["Created", "To", "Status", "Provider", "Reference", ...(several ? ["Client"] : [])];
  return table("Messages, newest first", heads, found.map((message) => [...row(message), ...(several ? [message.client] : [])]));
}

const row = (message) => [
  h("a", { href: `#/message/${encodeURIComponent(message.message_id)}` }, time(message.created_at), h("span", { class: "unseen" }, ` message to ${recipient(message)}`)),
  recipient(message),
  badge(message.status, outcome(message.status)),
  message.provider,
  message.reference,
];
