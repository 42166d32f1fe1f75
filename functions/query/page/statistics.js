/* Statistics: how much was delivered, why the rest was not, how long delivery took, and since when. */

import { announce, frame, h, s, table, time, words } from "./elements.js";
import { address, get } from "./service.js";
import { OUTCOMES } from "./statuses.js";
import { number, percent, seconds, trend } from "./trend.js";

const DAYS = { "1": "24 hours", "7": "7 days", "31": "31 days" };

/** Statistics of the last ``days``, of one client or provider if named. Each figure leads to its messages. */
export async function show(view, { days, client = "", provider = "" }, signal) {
  const chosen = { days: Object.hasOwn(DAYS, days ?? "") ? days : "1", client, provider };
  const since = new Date(Date.now() - (Number(chosen.days) * 24 - 1) * 3600e3).toISOString();
  const [stats, course, places] = await Promise.all(["provider", chosen.days === "1" ? "hour" : "day", "country"].map((by) => get("/stats", { since, by, client, provider }, signal)));
  const groups = stats.groups.toSorted((one, other) => other.messages - one.messages);
  const last = new Date(Date.parse(stats.until) - 1).toISOString();
  const found = (more) => address("search", { since: stats.since, until: last, client, provider, ...more });
  document.title = `Last ${DAYS[chosen.days]} · sms-tracker`;
  const room = view.clientWidth;
  view.replaceChildren(h("h1", { tabindex: -1 }, "Statistics"), period(chosen),
    ...(stats.client === null || client ? [whose(chosen)] : []), h("p", { class: "quiet" }, counted(stats, chosen)),
    ...(groups.length ? [
      card("all", provider || "All providers", figures(stats.total, found), trend(course, room, found)),
      ...(groups.length > 1 ? [card("rates", "Providers", rates(groups, chosen, found)), card("failures", "Failures across providers", failures(groups, found))] : []),
      card("countries", "Countries", costs(places)),
      ...groups.map((group) => single(group, stats.bounds, (more) => found({ provider: group.provider, ...more }))),
    ] : [h("p", {}, "No message was counted in this time.")]));
  announce(`Last ${DAYS[chosen.days]}: ${stats.total.messages} messages.`);
}

const period = (chosen) => h("nav", { class: "period", "aria-label": "Period, until now" }, Object.entries(DAYS).map(([days, name]) =>
  h("a", { href: address("statistics", { ...chosen, days }), "aria-current": days === chosen.days ? "page" : null }, name)));

/** An admin's choice of client, or of all clients. */
const whose = (chosen) => h("form", { class: "line whose", submit: (event) => {
  event.preventDefault();
  location.hash = address("statistics", { ...chosen, client: event.target.elements.counted.value.trim() });
} }, h("label", { for: "counted" }, "Client"),
h("input", { id: "counted", list: "clients", value: chosen.client, autocomplete: "off", spellcheck: "false", placeholder: "all" }),
h("button", {}, "Show"));

/** What was counted, and its freshness: hours not yet counted, and the time of the last count. */
function counted({ hours, client }, chosen) {
  const known = hours.filter((hour) => hour.computed_at);
  const newest = known.map((hour) => hour.computed_at).sort().at(-1);
  const missing = hours.length - known.length;
  return [...(client ? ["Messages of ", h("strong", {}, client)] : ["Messages of all clients"]),
    ...(chosen.provider ? [" through ", h("strong", {}, chosen.provider), " (", h("a", { href: address("statistics", { ...chosen, provider: "" }) }, "all providers"), ")"] : []),
    ", by the hour in which they were created. ", ...(newest ? ["Last counted ", time(newest), ". "] : []),
    missing ? `${missing} of ${hours.length} hours hold no messages or are not counted yet.` : ""];
}

const card = (id, name, ...content) => h("section", { class: "card", "aria-labelledby": `of-${id}` }, h("h2", { id: `of-${id}` }, name), content);

const single = (group, bounds, found) => card(group.provider, group.provider, figures(group, found),
  h("div", { class: "pair" },
    h("div", {}, h("h3", {}, "Outcomes"), shares(group, found)),
    h("div", {}, h("h3", {}, "Failures by reason"), reasons(group, found))),
  h("h3", {}, "Time to delivery"), histogram(group, bounds, found));

const figures = ({ delivery_rate: rate, messages, seconds_to_delivery: { p50, p90 } }, found) => h("div", { class: "figures" },
  figure("Delivery rate", rate === null ? "–" : percent(rate), "of what is final", found({ outcome: "success" })),
  figure("Messages", number(messages), "created", found()),
  figure("Half delivered within", seconds(p50), "p50; opens the slower half", p50 && found({ outcome: "success", took: `${p50}-` })),
  figure("90 % delivered within", seconds(p90), "p90; opens the slower tenth", p90 && found({ outcome: "success", took: `${p90}-` })));

const figure = (name, value, of, href) => h("p", { class: "figure" }, h("span", {}, name),
  h("strong", {}, href ? h("a", { href }, h("span", { class: "unseen" }, `${name}: `), value) : value), h("small", {}, of));

/** A count that leads to its messages. */
const counts = (count, href) => (count ? h("a", { href }, number(count)) : "0");

/** A share as a bar. Hidden from screen readers: the number beside it says the same. */
const bar = (kind, part) => s("svg", { class: `bar ${kind}`, viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
  s("rect", { class: "rest", width: 100, height: 10 }), s("rect", { width: part ? Math.max(100 * part, 0.7) : 0, height: 10 }));

const barred = (kind, part) => h("span", { class: "barred" }, bar(kind, part), percent(part));

const rates = (groups, chosen, found) => table("Delivery rate by provider", ["Provider", "Messages", "Delivered of the final"],
  groups.map(({ provider, messages, delivery_rate: rate }) => [h("a", { href: address("statistics", { ...chosen, provider }) }, provider),
    counts(messages, found({ provider })), rate === null ? "nothing is final yet" : barred("success", rate)]), "shares");

const REGIONS = new Intl.DisplayNames("en", { type: "region" });

const money = (amounts) => Object.entries(amounts).map(([currency, amount]) => `${amount} ${currency}`).join(", ") || "–";

/** What the providers charge, and where they count segments in another way than this service. */
const costs = ({ groups, total }) => frame("Cost by country, table", table("Cost by country", ["Country", "Cost", "With a price", "Segments billed"],
  [...groups.toSorted((one, other) => other.messages - one.messages).map((group) => [REGIONS.of(group.country), group]), ["All", total]]
    .map(([name, { cost: { amounts, attempts, priced, segments: { billed, computed, different } } }]) => [name, money(amounts),
      `${number(priced)} of ${number(attempts)} attempts`, different ? `${number(billed)}, computed ${number(computed)} (${number(different)} attempts)` : `${number(billed)}, as computed`]), "across"));

/** Reasons by provider, the most frequent first: one reason at all providers is ours or the recipients', at one is the provider's. */
function failures(groups, found) {
  const all = {};
  for (const group of groups) for (const [reason, count] of Object.entries(group.reasons)) all[reason] = (all[reason] ?? 0) + count;
  const names = groups.map((group) => group.provider);
  const rows = Object.entries(all).sort(([, one], [, other]) => other - one).map(([reason, sum]) => [words(reason),
    ...groups.map(({ provider, reasons: own }) => counts(own[reason] ?? 0, found({ provider, reason }))), counts(sum, found({ reason }))]);
  return rows.length ? frame("Reasons by provider", table("Failures by reason and provider", ["Reason", ...names, "All"], rows, "across"))
    : h("p", { class: "quiet" }, "Nothing failed.");
}

const shares = ({ outcomes, messages, provider: name }, found) => table(`Outcomes of ${name}`, ["Outcome", "Messages", "Share"],
  Object.entries(OUTCOMES).map(([outcome, word]) => [word, counts(outcomes[outcome], found({ outcome })), barred(outcome, messages ? (outcomes[outcome] ?? 0) / messages : 0)]), "shares");

function reasons({ reasons: own, provider: name }, found) {
  const rows = Object.entries(own).sort(([, one], [, other]) => other - one);
  const all = rows.reduce((sum, [, count]) => sum + count, 0);
  return rows.length ? table(`Failures of ${name} by reason`, ["Reason", "Messages", "Share"],
    rows.map(([reason, count]) => [words(reason), counts(count, found({ reason })), barred("failure", count / all)]), "shares") : h("p", { class: "quiet" }, "Nothing failed.");
}

const WIDTH = 640, HEIGHT = 150, FLOOR = 118;

/** Columns of messages by time to delivery, from the first bucket to the last that holds any; each leads to its messages. */
function histogram({ seconds_to_delivery: { counts: buckets }, provider: name }, bounds, found) {
  const last = buckets.findLastIndex(Boolean);
  if (last < 0) return h("p", { class: "quiet" }, "Nothing was delivered.");
  const shown = buckets.slice(0, Math.max(last + 1, 6));
  const labels = shown.map((_, at) => (at < bounds.length ? `≤ ${seconds(bounds[at])}` : `> ${seconds(bounds.at(-1))}`));
  const most = Math.max(...shown), step = WIDTH / shown.length;
  const columns = shown.map((count, at) => {
    const height = (count / most) * (FLOOR - 22);
    const column = [
      s("rect", { x: at * step + step * 0.12, y: FLOOR - height, width: step * 0.76, height, rx: 2 }),
      s("text", { x: (at + 0.5) * step, y: FLOOR - height - 5, "text-anchor": "middle" }, count ? number(count) : ""),
      s("text", { class: "under", x: (at + 0.5) * step, y: FLOOR + 18, "text-anchor": "middle" }, labels[at]),
    ];
    const href = found({ outcome: "success", took: `${at ? bounds[at - 1] : 0}-${bounds[at] ?? ""}` });
    return count ? s("a", { href }, column) : s("g", {}, column);
  });
  return frame(`Time to delivery of ${name}, drawn`, s("svg", { class: "columns", role: "group", "aria-label": `Messages of ${name} by time to delivery`, viewBox: `0 0 ${WIDTH} ${HEIGHT}` },
    columns, s("path", { d: `M0 ${FLOOR}H${WIDTH}` })));
}
