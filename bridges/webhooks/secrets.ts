/** What the two kinds of webhooks are trusted by. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

export const newSecret = (): string => randomBytes(32).toString('base64url')

/** Secrets are long and random: a plain hash gives nothing away. */
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')

/** Takes as long for every wrong secret. */
export function isSecret(secret: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(secret), 'hex'), Buffer.from(hash, 'hex'))
}

/** The same command makes the same webhook, so that hearing of it again makes no second one. */
export const hookIdOf = (eventId: string): string => createHash('sha256').update(eventId).digest('hex').slice(0, 16)

const signingKey = (key: Buffer, hookId: string): Buffer => createHmac('sha256', key).update(`out ${hookId}`).digest()

/** What the receiver checks signatures with. It is kept nowhere: it comes from the server's key. */
export const signingSecret = (key: Buffer, hookId: string): string =>
  `whsec_${signingKey(key, hookId).toString('base64')}`

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
export function signatureHeaders(
  key: Buffer,
  { hookId, id, body, seconds }: { hookId: string; id: string; body: string; seconds: number },
): Record<string, string> {
  const signature = createHmac('sha256', signingKey(key, hookId)).update(`${id}.${seconds}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${signature}` }
}
