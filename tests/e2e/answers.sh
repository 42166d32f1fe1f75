# Further requests with their answers. docs/testing.md defines the variables, send and get.

# -- POST /messages

# 202 accepted
send '{"to":"+31612345600","body":"“Hello” – here…"}'  # as written: UCS-2; warnings names the characters
send '{"to":"+31612345600","body":"Hello","from":"T-Mobile","provider":"twilio"}'  # a sender that Twilio accepts
send '{"to":"+31612345600","body":"Hello","category":"service","provider":"bird"}'  # a category of its own
send '{"to":"+41791234567","body":"Hello","provider":"aws","from":"T-Mobile"}'  # a sender id of AWS
send '{"to":"+3197008100150","body":"Hello","provider":"aws"}'  # AWS's own number for a failure, which its event reports
send '{"to":"tel:+٣١ (0)6-1234.5600","body":"Hello"}'  # separators, digits of another script
send '{"to":"+52 1 55 1234 5600","body":"Hello"}'  # Mexico's spelling until 2020, sent to +525512345600

# 400 invalid-request
send '{"to":"+31612345600","body":"Hello","text":"Hello"}'  # an unknown field
send '{"to":"+49 151 2345678O","body":"Hello"}'  # a letter in the number; errors names it
send '{"to":"+31612345600","body":"Hello","provider":"pigeon"}'  # a provider that is not enabled
send '{"to":"+31612345600","body":"Hello","from":"Parcels and more"}'  # a sender longer than 11 letters
send '{"to":"+31909123456","body":"Hello"}'  # a premium-rate number
send '{"to":"+31612345600","to":"+31612345601","body":"Hello"}'  # a duplicate name
send '{"to":"+3161","body":"Hello"}'  # an impossible number
send '{"to":"+31 (0)06 12345600","body":"Hello"}'  # a trunk prefix twice
send '{"to":"jan@+31612345600.nl","body":"Hello"}'  # a number within a text
send '{"to":"+49151***45678","body":"Hello"}'  # a masked number
send '{"to":"tel:+31612345600;ext=5","body":"Hello"}'  # a number with an extension
send '{"to":"whatsapp:+31612345608","body":"Hello"}'  # another channel's address
send '{"to":"+31612345600","body":""}'  # an empty text
send '{"to":"+31612345600","body":" \u00a0\u200b"}'  # a blank text
send '{"to":"+31612345600","body":"Hello\u0000"}'  # a control character
send '{"to":"+31612345600","body":"caf�"}' -H "Content-Type: application/json"  # U+FFFD: an invalid UTF-8 byte on arrival
send '{"to":"+31612345600","body":"Hello","validity_seconds":NaN}'  # NaN is not JSON
send '{"to":"+31612345600","body":"\ud83d"}'  # half of a surrogate pair
send '{"to":"+31612345600","body":"Hello","from":"T-Mobile","provider":"messagebird"}'  # a sender that MessageBird refuses
send '{"to":"+31612345600","body":"Hello","from":"My Shop","provider":"aws"}'  # a sender that AWS refuses
send '{"to":"+31612345600","body":"Hello","validity_seconds":0}'  # validity out of range
send '{"to":"+31612345600","body":"Hello","validity_seconds":86400}'  # longer than Twilio, the default here, takes
send '{"to":"+31612345600","body":"Hello","validity_seconds":30,"provider":"bird"}'  # shorter than Bird takes
send '{"to":"+31612345600","body":"Hello","category":"marketing"}'  # Twilio has no categories
send '{"to":"+31612345600","body":"Hello","category":"promotional","provider":"bird"}'  # Bird has another word for it
send '{"to":"+31612345600","body":"Hello","resend_if_lost":true}'  # texts are not stored
send '{"to":"+31612345600","body":"Hello"}' -H "Idempotency-Key: two words"  # a blank in the key

# 422 refused-by-provider
send '{"to":"+31612345610","body":"Hello"}'  # Twilio: the recipient opted out
send '{"to":"+31612345609","body":"Hello","provider":"messagebird"}'  # MessageBird refuses the number
send '{"to":"+31612345610","body":"Hello","provider":"aws"}'  # AWS: the recipient opted out
send '{"to":"+31612345609","body":"Hello"}' -H "Idempotency-Key: refused-1"  # replayed, without a request

# 200 (simulator)
curl -i -X PUT $TWILIO/_control/scenario -d '{"to":"+31612345627","script":{"error":21609}}'  # Twilio now refuses the callback URL

# 502 account-refused
send '{"to":"+31612345627","body":"Hello"}' -H "Idempotency-Key: failover-1"  # nothing was sent

# 202
send '{"to":"+31612345627","body":"Hello","provider":"messagebird"}' -H "Idempotency-Key: failover-1"  # the key again, by another provider

# 422 key-reused
send '{"to":"+31612345627","body":"Hello","provider":"twilio"}' -H "Idempotency-Key: failover-1"  # MessageBird has it now
send '{"to":"+31612345600","body":"Hello","provider":"messagebird"}' -H "Idempotency-Key: order-1"  # another provider has it

# 202 pending
send '{"to":"+31612345612","body":"Hello"}'  # Twilio answers 503: unknown, so never sent again
send '{"to":"+31612345613","body":"Hello","provider":"aws"}'  # AWS fails within; its event settles it
send '{"to":"+31612345613","body":"Hello","provider":"messagebird"}'  # MessageBird answers 500 and took it

# 502 account-refused
send '{"to":"+31612345623","body":"Hello","provider":"messagebird"}'  # MessageBird refuses our credentials
send '{"to":"+31612345623","body":"Hello","provider":"aws"}'  # AWS refuses the function's credentials

# 200 (simulator)
curl -i -X PUT $TWILIO/_control/scenario -d '{"to":"+31612345624","script":{"error":21609}}'  # from now on: callback URL refused

# 502 account-refused
send '{"to":"+31612345624","body":"Hello"}' -H "Idempotency-Key: repaired-1"  # the operator's fault

# 200 (simulator)
curl -i -X PUT $TWILIO/_control/scenario -d '{"to":"+31612345624","script":"delivered"}'  # repaired

# 202 accepted
send '{"to":"+31612345624","body":"Hello"}' -H "Idempotency-Key: repaired-1"  # again

# 200 (simulator)
curl -i -X PUT $TWILIO/_control/scenario -d '{"to":"+31612345625","script":{"error":21660}}'  # from now on: sender refused

# 502 account-refused
send '{"to":"+31612345625","body":"Hello"}'  # the operator's TwilioFrom

# 422 refused-by-provider
send '{"to":"+31612345625","body":"Hello","from":"+15557654321"}'  # the caller's choice

# -- GET /messages, GET /messages/{message_id}, GET /stats, GET /health

# 200
get '/messages?outcome=failure&since=2026-01-30T12:00:00Z'  # failures, each with its reason
get '/messages?status=failed&status=undelivered'  # any of several statuses; also status=failed,undelivered
KEY=$ADMIN_KEY get '/messages?client=e2e&limit=5'  # an admin: one client's
get '/messages?since=2026-01-30t12:00:00z&limit=5'  # RFC 3339 in lower case
get '/messages?provider=twilio&reason=unreachable'  # one provider's, of one reason
get '/messages?to=31612345600&limit=5'  # an international number without its plus
get '/stats?by=country'  # what each country cost
KEY=$ADMIN_KEY get '/stats?by=client'  # all clients'
curl -i --head $URL/health  # no body; also /, /page/{file}, /docs, /openapi.json

# 400 invalid-request
get '/messages?status=failed&status=lost'  # one of them unknown
get '/messages?to=somebody'  # not a number
get '/stats?since=2026-01-31T12:00:00Z&until=2026-01-30T12:00:00Z'  # an empty range
get '/messages?status=lost'  # an unknown status
get '/messages?outcome=failed'  # an unknown outcome
get '/messages?provider=pigeon'  # no provider of this name
get '/messages?reason=bad-luck'  # an unknown reason
get '/messages?to=06+1234+5600'  # a national number, where more than one country is sent to
get '/messages?limit=1&limit=2'  # a duplicate parameter
get '/messages?to=%2B49+151+2345678O'  # a letter in the number
get '/messages?limit=0'  # limit out of range
get '/messages?since=yesterday'  # not a time
get '/messages?since=2026-W05-5'  # a week date is not RFC 3339
get '/messages?cursor=abc'  # an unknown cursor
get '/messages?status=failed&cursor=WyIyMDI2LTAxLTMxVDEyOjAwOjAwLjAwMFoiLCAiMGIwZTlmMGEtNTNjZi00ZjEzLTlmMGMtNmEzNWQxYTNmN2RlIiwgIjc3OTExYWExIl0'  # a cursor of a search without status
KEY=$ADMIN_KEY get '/messages?reference=order-42'  # an admin: a reference without client
get '/stats?by=week'  # an unknown grouping
get '/stats?since=2026-01-01T00:00:00Z&until=2026-02-15T00:00:00Z'  # more than 31 days
get '/stats?provider=pigeon'  # an unknown provider

# 403 scope-missing
get '/messages?client=bank'  # another client's list
KEY=$SEND_KEY get /messages/00000000-0000-4000-8000-000000000000  # a key that only sends, one message
KEY=$SEND_KEY get /stats  # a key that only sends, statistics
get '/stats?client=bank'  # another client's statistics

# 401 (gateway)
curl -i $URL/messages  # no key, the list
curl -i $URL/stats  # no key, statistics

# 403 (gateway)
curl -i $URL/messages -H "Authorization: Bearer smst_guessed"  # an unknown key, the list

# 404 no-such-message
get /messages/42  # not an id

# 404 (gateway)
curl -i --head $URL/messages -H "Authorization: Bearer $KEY"  # HEAD where a key is needed

# -- GET, PUT and DELETE /opt-outs

# 200
KEY=$ADMIN_KEY get '/opt-outs?to=31612345600&provider=twilio&from=%2B15557654321'  # one recipient's, blocked or not

# 400 invalid-request
KEY=$ADMIN_KEY get '/opt-outs?to=31612345600&provider=twilio'  # the sender is missing
KEY=$ADMIN_KEY get '/opt-outs?to=somebody&provider=twilio&from=%2B15557654321'  # not a number
KEY=$ADMIN_KEY get '/opt-outs?to=31612345600&provider=twilio&from=%2B15557654321&client=shop'  # a field of another scope
get '/opt-outs?cursor=abc'  # an unknown cursor
get '/opt-outs?sender=x'  # an unknown parameter
curl -i -X PUT $URL/opt-outs -H "Authorization: Bearer $ADMIN_KEY" -d '[]'  # no JSON object
curl -i -X PUT $URL/opt-outs -H "Authorization: Bearer $ADMIN_KEY" -d nonsense  # not JSON
curl -i -X DELETE $URL/opt-outs -H "Authorization: Bearer $ADMIN_KEY"  # nobody named

# 403 scope-missing
KEY=$SEND_KEY get /opt-outs  # a key that only sends
get '/opt-outs?to=31612345600&provider=twilio&from=%2B15557654321'  # a sender that the key does not list
curl -i -X PUT $URL/opt-outs -H "Authorization: Bearer $READ_KEY" -d '{"to":"+31612345670"}'  # a key that only reads

# 401 (gateway)
curl -i $URL/opt-outs  # no key

# 404 (gateway)
curl -i -X POST $URL/opt-outs -H "Authorization: Bearer $KEY" -d '{}'  # another method

# -- GET and POST /webhooks/{provider}, also /webhooks/{provider}/inbound

# 403 refused-signature
curl -i $URL/webhooks/twilio -d 'MessageSid=SM1&MessageStatus=delivered'  # Twilio's form, unsigned
curl -i $URL/webhooks/bird -H "webhook-id: whe_1" -H "webhook-timestamp: 1700000000" -H "webhook-signature: v2,MHNA6jxviFfkbF6YNJbaXStj5kJbODacixuv+hfMG7A=" -d '{"type":"sms.delivered"}'  # another version of the signature
curl -i $URL/webhooks/bird -H "webhook-id: whe_1" -H "webhook-timestamp: 1700000000" -H "webhook-signature: v1,MHNA6jxviFfkbF6YNJbaXStj5kJbODacixuv+hfMG7A=" -d '{"type":"sms.deliverex"}'  # one byte changed
curl -i $URL/webhooks/twilio/inbound -d 'MessageSid=SM1&SmsStatus=received&From=%2B31612345600&To=%2B15557654321&Body=STOP'  # a reply, unsigned
curl -i "$URL/webhooks/messagebird?id=0123&status=delivered"  # MessageBird's query, unsigned

# 404 unknown-provider
curl -i $URL/webhooks/aws -d '{"eventType":"TEXT_DELIVERED"}'  # AWS has no webhook: its events come through a queue

# 404 (gateway)
curl -i -X DELETE $URL/webhooks/twilio  # another method
curl -i --head $URL/webhooks/messagebird  # HEAD
