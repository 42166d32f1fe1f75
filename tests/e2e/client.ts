// A client of the API by openapi-typescript and openapi-fetch. It prints what it received as one JSON object.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Problem = components["schemas"]["Problem"];
type GatewayError = components["schemas"]["GatewayError"];
declare const process: { env: Record<"URL" | "KEY", string> };

const { URL: baseUrl, KEY } = process.env;
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${KEY}` } });
const stranger = createClient<paths>({ baseUrl });

function problem(error: Problem | GatewayError | undefined): [string, string[]] {
  if (error === undefined || !("type" in error)) throw new Error(`no problem: ${JSON.stringify(error)}`);
  // @ts-expect-error: a member that no problem has
  error.kind;
  return [error.type, (error.errors ?? []).map((wrong) => wrong.field)];
}

async function send(to: string, key: string) {
  const header = { "Idempotency-Key": `typescript-${key}` };
  return api.POST("/messages", { params: { header }, body: { to, body: "Your parcel is here", reference: "typescript" } });
}

const sent = await send("+31612345600", "taken");
if (sent.data === undefined) throw new Error(JSON.stringify(sent.error));
const { message_id } = sent.data;
const read = await api.GET("/messages/{message_id}", { params: { path: { message_id } } });
const listed = await api.GET("/messages", { params: { query: { reference: "typescript", status: ["accepted", "sent", "delivered"] } } });
await send("+31612345612", "unknown");

console.log(JSON.stringify({
  sent: sent.response.status,
  read: read.data?.message_id === message_id,
  listed: listed.data?.messages.map((message) => message.message_id).includes(message_id),
  "400": problem((await send("somebody", "wrong")).error),
  "404": problem((await api.GET("/messages/{message_id}", { params: { path: { message_id: "00000000-0000-4000-8000-000000000000" } } })).error),
  "409": problem((await send("+31612345612", "unknown")).error),
  "422": problem((await send("+31612345609", "refused")).error),
  "502": problem((await send("+31612345623", "account")).error),
  "401": (await stranger.GET("/messages")).error,
}));
