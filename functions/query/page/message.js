/* One message: its status, why it failed, its timeline; followed live until it is final. */

import { badge, duration, frame, h, outward, pairs, phone, recipient, table, time, words } from "./elements.js";
import { follow } from "./follow.js";
import { optOut } from "./optout.js";
import { get } from "./service.js";
import { meaning, outcome } from "./statuses.js";
import { legend, timeline } from "./timeline.js";

/** Show the message and follow it until ``signal`` aborts. */
export async function show(view, id, signal) {
  const look = () => get(`/messages/${encodeURIComponent(id)}`, {}, signal);
  const message = await look();
  const parts = Object.fromEntries(["top", "follow", "why", "optout", "course", "record"].map((name) => [name, h("div", { class: name })]));
  const draw = (fresh) => redraw(parts, fresh, signal);
  draw(message);
  view.replaceChildren(...Object.values(parts));
  draw(message); // once more with the room that there is
  follow({ message, place: parts.follow, look, draw, signal });
  addEventListener("resize", () => picture(parts.course, parts.course.message), { signal });
}

function redraw(parts, message, signal) {
  document.title = `${message.status} · ${recipient(message)} · sms-tracker`;
  const heading = parts.top.querySelector("h1") ?? h("h1", { tabindex: -1 });
  heading.replaceChildren("Message to ", phone(recipient(message)));
  parts.top.replaceChildren(heading, h("p", { class: "state" }, badge(message.status, message.outcome), h("span", {}, sentence(message))));
  parts.why.replaceChildren(...(message.failure ? [why(message)] : []));
  if (parts.course.message?.version !== message.version) optOut(parts.optout, message, signal);
  parts.course.message = message;
  parts.course.replaceChildren(...course(message));
  picture(parts.course, message);
  parts.record.replaceChildren(h("h2", {}, "Record"), record(message), link());
}

function sentence(message) {
  const took = Date.parse(message.status_at) - Date.parse(message.created_at);
  const after = took > 0 && message.reports.length ? ` That was ${duration(took)} after it was recorded.` : "";
  return meaning(message.status) + after;
}

/** Texts in a line, isolated from each other: right-to-left text does not affect its neighbours. */
const apart = (texts, between) => texts.flatMap((text, at) => [at ? between : null, h("bdi", {}, text)]);

const sentenceOf = (text = "") => text.slice(0, 1).toUpperCase() + text.slice(1);

function why({ failure, provider }) {
  const said = [`${provider} ${failure.code ? `says ${failure.code}` : "gave no code"}`, failure.message].filter(Boolean);
  return h("section", { class: "note failure", "aria-labelledby": "why" },
    h("h2", { id: "why" }, `Why it did not arrive: ${words(failure.reason)}`),
    h("p", {}, failure.meaning),
    h("p", {}, h("strong", {}, `${sentenceOf(failure.retry_advice)} (${words(failure.category)}).`)),
    h("p", { class: "quiet" }, apart(said, ": "), " ", failure.docs_url ? outward(failure.docs_url, `${provider} on ${failure.code}`) : null));
}

function course(message) {
  const decisive = message.reports.findIndex((report) => decides(report, message));
  message.reports.forEach((report, at) => { report.decides = at === decisive; });
  return [
    h("h2", {}, "Timeline"),
    ...frame("Timeline, drawn", h("div", { class: "drawn" })),
    legend(),
    message.reports.length ? table("Reports, as they reached us", HEADS, message.reports.map(row), "reports")
      : h("p", {}, "No report has come yet: neither an answer of the provider nor a callback."),
  ];
}

/** Whether the report gave the status. The provider's time counts before ours. */
const decides = (report, { status, attempt, status_at: at }) =>
  report.status === status && report.attempt === attempt && [report.occurred_at, report.received_at].includes(at);

const HEADS = ["No.", "Status", "Provider’s status", "Received", "Provider’s time", "Effect", "Details"];

const row = (report, at) => [
  String(at + 1),
  badge(report.status ?? "no status", report.status ? outcome(report.status) : "unknown"),
  h("code", {}, report.provider_status),
  time(report.received_at, { fine: true }),
  report.occurred_at ? time(report.occurred_at, { fine: true }) : null,
  report.decides ? "gives the status" : report.applied ? "applied" : `none: ${report.not_applied_reason}`,
  details(report),
];

/** The report's other fields; the provider's further fields open on demand. */
function details(report) {
  const fields = Object.entries(report.fields ?? {});
  const parts = [SOURCES[report.source] ?? report.source, report.attempt > 1 ? `attempt ${report.attempt}` : "",
    report.code ? `code ${report.code}` : "", report.message].filter(Boolean);
  return h("div", {}, apart(parts, ", "), fields.length ? h("details", {}, h("summary", {}, "Fields"), pairs(fields)) : null);
}

const SOURCES = { answer: "answer to sending", callback: "callback", lookup: "asked for" };

function record(message) {
  return pairs([
    ["Message id", h("code", {}, message.message_id)],
    ["Provider", message.provider],
    ["Provider’s id", h("code", {}, message.provider_message_id ?? "–")],
    ["Client", message.client],
    ["To", phone(recipient(message))],
    ["From", phone(message.from)],
    ["Reference", message.reference],
    ["Text", message.body ?? "not kept"],
    ["Segments", `${message.segments} (${message.encoding})`],
    ["Cost", Object.entries(message.cost).map(cost).join(", ") || null],
    ["Network", message.network],
    ["Attempt", String(message.attempt)],
    ["Created", time(message.created_at)],
    ["Updated", time(message.updated_at)],
    ["Version", String(message.version)],
  ]);
}

/** One attempt's cost; the attempt is named where there are several. */
function cost([attempt, { amount, currency }], _, all) {
  return `${amount} ${currency}${all.length > 1 ? ` (attempt ${attempt})` : ""}`;
}

/** The link holds the message's id, never the key. */
function link() {
  const note = h("span", { role: "status" });
  const copy = () => navigator.clipboard.writeText(location.href).then(() => note.replaceChildren("Copied. It works with any key of this client."));
  return h("p", { class: "end" }, navigator.clipboard ? h("button", { type: "button", click: copy }, "Copy link") : null, note);
}

function picture(place, message) {
  const room = place.querySelector(".picture").clientWidth;
  place.querySelector(".drawn").replaceChildren(timeline(message, Math.max(room, 260)));
}
