/* Statistics per provider: how much was delivered, why the rest was not, and how long delivery took. */

import { announce, h, s, table, time } from "./elements.js";
import { get } from "./service.js";

const DAYS = { "1": "24 hours", "7": "7 days", "31": "31 days" };
const OUTCOMES = [["success", "delivered"], ["failure", "failed"], ["unknown", "unknown"], ["open", "under way"]];

/** Statistics of the last ``days``, of one client if named. Each chart is a table or has one beside it. */
export async function show(view, [days, client = ""], signal) {
  const chosen = Object.hasOwn(DAYS, days ?? "") ? days : "1";
  const since = new Date(Date.now() - (Number(chosen) * 24 - 1) * 3600e3).toISOString();
  const stats = await get("/stats", { since, by: "provider", client }, signal);
  const groups = stats.groups.toSorted((one, other) => other.messages - one.messages);
  document.title = `Last ${DAYS[chosen]} · sms-tracker`;
  view.replaceChildren(h("h1", { tabindex: -1 }, "Statistics"), period(chosen, client),
    ...(stats.client === null || client ? [whose(chosen, client)] : []), h("p", { class: "quiet" }, counted(stats)),
    ...(groups.length ? [rates(groups), ...groups.map((group) => provider(group, stats.bounds))] : [h("p", {}, "No message was counted in this time.")]));
  announce(`Last ${DAYS[chosen]}: ${stats.total.messages} messages.`);
}

const address = (days, client) => `#/statistics/${days}${client && `/${encodeURIComponent(client)}`}`;

const period = (chosen, client) => h("nav", { class: "period", "aria-label": "Period, until now" }, Object.entries(DAYS).map(([days, name]) =>
  h("a", { href: address(days, client), "aria-current": days === chosen ? "page" : null }, name)));

/** An admin's choice of client, or of all clients. */
const whose = (days, client) => h("form", { class: "line whose", submit: (event) => {
  event.preventDefault();
  location.hash = address(days, event.target.elements.counted.value.trim());
} }, h("label", { for: "counted" }, "Client"),
h("input", { id: "counted", value: client, autocomplete: "off", spellcheck: "false", placeholder: "all" }),
h("button", {}, "Show"));

/** The freshness of the figures: hours not yet counted, and the time of the last count. */
function counted({ hours, client }) {
  const known = hours.filter((hour) => hour.computed_at);
  const newest = known.map((hour) => hour.computed_at).sort().at(-1);
  const whose = client ? ["Messages of ", h("strong", {}, client), ", "] : ["Messages of all clients, "];
  const missing = hours.length - known.length;
  return [...whose, "by the hour in which they were created. ",
    ...(newest ? ["Last counted ", time(newest), ". "] : []),
    missing ? `${missing} of ${hours.length} hours hold no messages or are not counted yet.` : ""];
}

function provider(group, bounds) {
  return h("section", { class: "card", "aria-labelledby": `of-${group.provider}` },
    h("h2", { id: `of-${group.provider}` }, group.provider),
    h("div", { class: "figures" },
      figure("Delivery rate", group.delivery_rate === null ? "–" : percent(group.delivery_rate), "of what is final"),
      figure("Messages", number(group.messages), "created"),
      figure("Half delivered within", seconds(group.seconds_to_delivery.p50), "p50"),
      figure("90 % delivered within", seconds(group.seconds_to_delivery.p90), "p90")),
    h("div", { class: "pair" },
      h("div", {}, h("h3", {}, "Outcomes"), shares(group)),
      h("div", {}, h("h3", {}, "Failures by reason"), reasons(group))),
    h("h3", {}, "Time to delivery"), histogram(group, bounds));
}

const number = (value) => Number(value).toLocaleString();
const percent = (part) => `${(100 * part).toFixed(1)}\u00a0%`;
const figure = (name, value, of) => h("p", { class: "figure" }, h("span", {}, name), h("strong", {}, value), h("small", {}, of));

/** A share as a bar. Hidden from screen readers: the number beside it says the same. */
const bar = (kind, part) => s("svg", { class: `bar ${kind}`, viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
  s("rect", { class: "rest", width: 100, height: 10 }), s("rect", { width: part ? Math.max(100 * part, 0.7) : 0, height: 10 }));

const barred = (kind, count, all) => [number(count), h("span", { class: "barred" }, bar(kind, all ? count / all : 0), percent(all ? count / all : 0))];

const rates = (groups) => h("section", { class: "card", "aria-labelledby": "rates" }, h("h2", { id: "rates" }, "Delivery rate"),
  table("Delivery rate by provider", ["Provider", "Messages", "Delivered of the final"],
    groups.map((group) => [group.provider, number(group.messages),
      group.delivery_rate === null ? "nothing is final yet" : h("span", { class: "barred" }, bar("success", group.delivery_rate), percent(group.delivery_rate))])));

const shares = ({ outcomes, messages, provider: name }) => table(`Outcomes of ${name}`, ["Outcome", "Messages", "Share"],
  OUTCOMES.map(([outcome, word]) => [word, ...barred(outcome, outcomes[outcome] ?? 0, messages)]));

function reasons({ reasons: counts, provider: name }) {
  const rows = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const all = rows.reduce((sum, [, count]) => sum + count, 0);
  return rows.length ? table(`Failures of ${name} by reason`, ["Reason", "Messages", "Share"],
    rows.map(([reason, count]) => [reason.replaceAll("_", " "), ...barred("failure", count, all)])) : h("p", { class: "quiet" }, "Nothing failed.");
}

const STEPS = [[86400, "d"], [3600, "h"], [60, "min"]];

/** Seconds in the largest unit that they fill. */
function seconds(value) {
  if (value === null || value === undefined) return "–";
  const [size, unit] = STEPS.find(([each]) => value >= each) ?? [1, "s"];
  return `${Number((value / size).toFixed(1))} ${unit}`;
}

const WIDTH = 640, HEIGHT = 150, FLOOR = 118;

/** Columns of messages by time to delivery, from the first bucket to the last that holds any. */
function histogram({ seconds_to_delivery: { counts }, provider: name }, bounds) {
  const last = counts.findLastIndex(Boolean);
  if (last < 0) return h("p", { class: "quiet" }, "Nothing was delivered.");
  const shown = counts.slice(0, Math.max(last + 1, 6));
  const labels = shown.map((_, at) => (at < bounds.length ? `≤ ${seconds(bounds[at])}` : `> ${seconds(bounds.at(-1))}`));
  const most = Math.max(...shown), step = WIDTH / shown.length;
  const columns = shown.map((count, at) => {
    const height = (count / most) * (FLOOR - 22);
    return s("g", {},
      s("rect", { x: at * step + step * 0.12, y: FLOOR - height, width: step * 0.76, height, rx: 2 }),
      s("text", { x: (at + 0.5) * step, y: FLOOR - height - 5, "text-anchor": "middle" }, count ? number(count) : ""),
      s("text", { class: "under", x: (at + 0.5) * step, y: FLOOR + 18, "text-anchor": "middle" }, labels[at]));
  });
  const told = labels.map((label, at) => `${label}: ${shown[at]}`).join(", ");
  return h("div", { class: "picture", role: "region", "aria-label": `Time to delivery of ${name}, drawn`, tabindex: 0 },
    s("svg", { class: "columns", role: "img", "aria-label": `Messages of ${name} by time to delivery. ${told}.`, viewBox: `0 0 ${WIDTH} ${HEIGHT}` },
      columns, s("path", { d: `M0 ${FLOOR}H${WIDTH}` })));
}
