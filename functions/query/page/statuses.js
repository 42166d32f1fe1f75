/* The statuses of a message, lowest rank first, with their meanings. */

const MEANINGS = {
  pending: ["open", "It is recorded; what the provider answered is not known yet."],
  scheduled: ["open", "The provider will send it later."],
  accepted: ["open", "The provider has taken it."],
  sending: ["open", "The provider is handing it to the network."],
  sent: ["open", "It is on its way to the handset."],
  buffered: ["open", "The network holds it: the handset is off or out of reach."],
  unknown: ["unknown", "No final report came in time; it may or may not have arrived."],
  canceled: ["failure", "It was canceled before it was sent."],
  expired: ["failure", "It could not be delivered within its validity."],
  failed: ["failure", "It could not be sent."],
  undelivered: ["failure", "It was sent and did not arrive."],
  delivered: ["success", "It arrived on the handset."],
  read: ["success", "The recipient has opened it."],
};

export const STATUSES = Object.keys(MEANINGS);

/** The outcomes of a message, in words. */
export const OUTCOMES = { success: "delivered", failure: "failed", unknown: "unknown", open: "under way" };

/** The reasons of a failure. */
export const REASONS = ["invalid_recipient", "unreachable", "blocked", "opted_out", "content_filtered", "sender_rejected", "expired",
  "canceled", "landline", "account", "provider_error", "not_sent", "unknown"];

const known = (status) => (Object.hasOwn(MEANINGS, status) ? MEANINGS[status] : ["unknown", ""]);

/** open, success, failure or unknown; unknown for any other word. */
export const outcome = (status) => known(status)[0];

export const meaning = (status) => known(status)[1];

/** A report without a status is drawn lowest. */
export const rank = (status) => STATUSES.indexOf(status);
