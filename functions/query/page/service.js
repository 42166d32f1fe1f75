/* Requests to the service with the visitor's key, and its errors as sentences. */

const KEY = "sms-tracker-key";

/** Session storage, or memory where the browser blocks it. */
const storage = (() => { try { return sessionStorage; } catch { return {}; } })();

/** The key, until the tab closes; never in a link. */
export const key = {
  get: () => storage[KEY],
  keep: (value) => { storage[KEY] = value; },
  forget: () => { delete storage[KEY]; },
};

/** A failed request: the error, advice, and whether it may pass by itself. */
export class Refusal extends Error {
  constructor(kind, title, advice, wait = 0) {
    super(title);
    Object.assign(this, { kind, title, advice, wait, passing: ["network", "throttled", "unavailable"].includes(kind) });
  }
}

const query = (parameters) => String(new URLSearchParams(Object.entries(parameters).filter(([, value]) => value)));

/** An address of the page: a view and its parameters, without those that are empty. */
export const address = (view, parameters) => `#/${view}?${query(parameters)}`.replace(/\?$/, "");

/** GET a path with query parameters; the answer's JSON, or a Refusal. */
export async function get(path, parameters = {}, signal = undefined) {
  const response = await answered(`${path}?${query(parameters)}`.replace(/\?$/, ""), signal);
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  throw refusal(response, body ?? {});
}

async function answered(address, signal) {
  const secret = key.get() ?? "";
  if (!/^[\x21-\x7e]+$/.test(secret)) throw unknownKey();
  try {
    return await fetch(address, { headers: { authorization: `Bearer ${secret}` }, cache: "no-store", credentials: "omit", redirect: "error", signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("network", "The service cannot be reached.", "Check your connection, then try again.");
  }
}

const unknownKey = () => new Refusal("key", "This key is not accepted.",
  "Check that it was copied whole; it may also have expired or been revoked. The service’s operator makes new ones.");

/** Errors of API Gateway have no type; our functions' problems have one, and advice. */
function refusal(response, { detail = "", errors = [], type = "" }) {
  const wait = Number(response.headers.get("retry-after")) || 0;
  const status = response.status;
  if (status === 401 || (status === 403 && !type)) return unknownKey();
  if (status === 403) return new Refusal("scope", "This key may not read messages.", detail);
  if (status === 404) return new Refusal("absent", "Not found.", detail || "This service does not have what the page asked for.");
  if (status === 429) return new Refusal("throttled", "Too many requests at the moment.", "Wait a little, then try again.", wait);
  if (status >= 500) return new Refusal("unavailable", "The service has a problem at the moment.", detail || "Try again in a minute; if it stays, tell the operator.", wait);
  return new Refusal("request", "This cannot be searched for.", errors.map((error) => `${error.field} ${error.message}.`).join(" ") || detail);
}
