/* Search: recognise the kind of text in the field, and list the messages found. */

import { announce, badge, byId, h, phone, recipient, table, time, words } from "./elements.js";
import { address, get } from "./service.js";
import { outcome, OUTCOMES, REASONS, STATUSES } from "./statuses.js";

const KINDS = [
  ["message_id", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i],
  ["provider_message_id", /^([A-Z]{2})?[0-9a-f]{32}$/i],
  ["to", /^(tel:)?(?!\d{4}-\d\d-\d\d)[\p{Pd}\s().\/]*[+＋]?([\p{Pd}\s().\/]*\p{Nd}){7,17}[\s).]*$/iu], // not a date
];
const FIELDS = ["to", "reference", "provider_message_id"];
const FILTERS = ["reason", "provider", "client"];
const NOTHING = "Leave it empty for the messages of the last seven days.";
const WEEK = 7 * 86400e3;
const narrow = matchMedia("(max-width: 58rem)");
let chosen = false; // by hand, which nothing that is typed overrides until the field is empty again
let everyone = Promise.resolve(false); // whether the key shows all clients' messages

const recognised = (text) => KINDS.find(([, pattern]) => pattern.test(text.replace(/\p{Cf}/gu, "")))?.[0] ?? "reference";

/** Choose the field by the typed text, and navigate to an address that can be shared. */
export function prepareSearch() {
  const options = (entries) => entries.map(([value, text]) => h("option", { value }, text));
  byId("status").append(h("optgroup", { label: "Outcome" }, options(Object.entries(OUTCOMES).map(([name, word]) => [`outcome=${name}`, word]))),
    h("optgroup", { label: "Status" }, options(STATUSES.map((status) => [`status=${status}`, status]))));
  byId("reason").append(...options(REASONS.map((reason) => [reason, words(reason)])));
  const zone = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" }).formatToParts().find(({ type }) => type === "timeZoneName").value;
  for (const place of document.querySelectorAll(".zone")) place.textContent = `(${zone})`;
  byId("query").addEventListener("input", recognise);
  byId("by").addEventListener("change", () => { chosen = true; hint(); });
  narrow.addEventListener("change", () => fold(false));
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const target = asked();
    if (location.hash === target) dispatchEvent(new HashChangeEvent("hashchange"));
    else location.hash = target;
  });
}

/** Fold the form on a phone if a message is open, and its filters; elsewhere both are open. */
export function fold(reading) {
  byId("finder").open = !(narrow.matches && reading);
  byId("filters").open = !narrow.matches;
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

/** The address of what the form asks for. */
function asked() {
  const text = byId("query").value.trim(), by = byId("by").value;
  if (text && by === "message_id") return `#/message/${encodeURIComponent(text.toLowerCase())}`;
  const moment = (id, more) => (byId(id).value ? new Date(Date.parse(byId(id).value) + more).toISOString() : "");
  const [name, value] = byId("status").value.split("=");
  return address("search", { ...(text ? { [by]: text } : {}), ...(value ? { [name]: value } : {}),
    ...Object.fromEntries(FILTERS.map((each) => [each, byId(each).value.trim()])), since: moment("since", 0), until: moment("until", 999) });
}

/** Fill the form from the address. */
export function showSearch(given) {
  const by = FIELDS.find((field) => given[field]), text = by ? given[by] : "";
  byId("query").value = text;
  chosen = Boolean(text) && by !== recognised(text);
  byId("by").value = by ?? "reference";
  select("status", given.outcome ? `outcome=${given.outcome}` : given.status ? `status=${given.status}` : "");
  for (const each of ["reason", "provider"]) select(each, given[each] ?? "");
  byId("client").value = given.client ?? "";
  for (const each of ["since", "until"]) byId(each).value = local(given[each]);
  const set = ["status", ...FILTERS, "since", "until"].filter((each) => byId(each).value).length;
  byId("filters").firstElementChild.textContent = set ? `Filters (${set})` : "Filters";
  hint();
}

/** Make a value an option if it is none: several statuses, a provider not seen of late. */
function offer(id, value) {
  const field = byId(id);
  if (![...field.options].some((option) => option.value === value)) field.append(h("option", { value }, value.replace(/^\w+=/, "")));
}

function select(id, value) {
  offer(id, value);
  byId(id).value = value;
}

/** A time of the address for the field: the reader's own zone, to the second. */
function local(value) {
  const moment = new Date(value ?? "");
  return Number.isNaN(moment.getTime()) ? "" : new Date(moment - moment.getTimezoneOffset() * 60e3).toISOString().slice(0, 19);
}

/** Offer the last week's providers, and to admins the clients: only they get statistics of all clients. */
export function offerChoices() {
  const since = new Date(Date.now() - WEEK).toISOString();
  everyone = get("/stats", { since }).then(({ client, groups }) => {
    groups.forEach(({ provider }) => offer("provider", provider));
    byId("whose").hidden = client !== null;
    return client === null;
  }).catch(() => false);
  everyone.then((all) => all && get("/stats", { since, by: "client" })).then(({ groups = [] }) =>
    byId("clients").replaceChildren(...groups.map(({ client }) => h("option", { value: client })))).catch(() => {});
}

/** The messages of the address, newest first, with a button for more. */
export async function list(view, { id, took = "", ...given }, signal) {
  const criteria = Object.fromEntries([...FIELDS, "status", "outcome", ...FILTERS, "since", "until"].map((name) => [name, given[name]]));
  const parts = { rows: h("div", { class: "rows" }), end: h("p", { class: "end" }) };
  const found = [];
  const more = async (cursor) => {
    parts.end.replaceChildren("Looking …");
    const [page, clients] = await Promise.all([get("/messages", { ...criteria, limit: took ? "100" : "25", cursor }, signal), everyone]);
    found.push(...page.messages.filter((message) => within(took, message)));
    parts.rows.replaceChildren(...(found.length ? [listed(found, clients)] : []));
    parts.end.replaceChildren(...ending(found.length, page, () => more(page.cursor).catch(failed)), ...(found.length || page.cursor ? [] : otherwise(given)));
    announce(parts.end.firstChild.textContent);
  };
  const failed = (error, ...instead) => {
    if (!signal.aborted) parts.end.replaceChildren(h("span", { role: "alert" }, `${error.title ?? "The page has a fault."} ${error.advice ?? ""}`), ...instead);
  };
  view.replaceChildren(h("h1", { tabindex: -1 }, Object.values(criteria).some(Boolean) ? "Messages found" : "Latest messages"),
    ...(took ? [h("p", { class: "quiet" }, `Only those delivered within ${took.replace(/-$/, " seconds or more").replace("-", " to ")}${took.endsWith("-") ? "" : " seconds"}.`)] : []),
    parts.rows, parts.end);
  await more("").catch((error) => {
    if (error.kind !== "request" || !otherwise(given).length) throw error;
    failed(error, ...otherwise(given));
  });
}

/** Whether a message was delivered in this many seconds, such as 60-120 or 3600-; always without a range. */
function within(range, { created_at: created, outcome: result, status, status_at: at, reports }) {
  if (!range) return true;
  const [low, high] = range.split("-").map(Number);
  const delivered = status === "read" ? reports.filter((report) => report.status === "delivered").map((report) => report.occurred_at ?? report.received_at).sort()[0] : at;
  const seconds = (Date.parse(delivered ?? at) - Date.parse(created)) / 1000;
  return result === "success" && (seconds > low || !low) && (seconds <= high || !high);
}

/** Digits without a country code may also be a reference. */
const otherwise = ({ to = "", ...given }) => (/^[+＋]|^00|^tel:/i.test(to) || !to ? []
  : [h("a", { href: address("search", { ...given, reference: to }) }, "Search it as a reference")]);

/** The number of messages and the button for more: a page may be short, even empty, and not be the last. */
function ending(count, page, more) {
  const told = count ? `${count} message${count === 1 ? "" : "s"}${page.cursor ? " so far." : ", and no more."}`
    : page.cursor ? "Nothing in the newest part that was looked through." : "No message was found. Check what you search by; records expire, and a key sees its own client’s messages.";
  return [h("span", {}, told), page.cursor ? h("button", { type: "button", click: more }, count ? "More" : "Look further back") : null].filter(Boolean);
}

/** The list has a column for the client if the key shows all clients' messages. */
const listed = (found, clients) => table("Messages, newest first", ["Created", "To", "Status", "Reason", "Provider", "Reference", ...(clients ? ["Client"] : [])],
  found.map((message) => [...row(message), ...(clients ? [message.client] : [])]), "messages");

const row = (message) => [
  h("a", { href: `#/message/${encodeURIComponent(message.message_id)}` }, time(message.created_at), h("span", { class: "unseen" }, ` message to ${recipient(message)}`)),
  phone(recipient(message)),
  badge(message.status, outcome(message.status)),
  message.failure && words(message.failure.reason),
  message.provider,
  message.reference,
];
