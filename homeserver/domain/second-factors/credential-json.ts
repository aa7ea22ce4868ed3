/** What browsers send of a passkey. https://www.w3.org/TR/webauthn-3/#dictdef-authenticationresponsejson */
import { z } from 'zod'

/** Of an id of up to 1023 bytes, in base64url. */
const MAX_ID = 1364
const MAX_TRANSPORTS = 10

const base64url = z.string().regex(/^[\w-]+$/)
const credential = { id: base64url.max(MAX_ID), rawId: base64url.max(MAX_ID), type: z.literal('public-key') }

/** No extensions are asked for, and none are read. */
const none = z.unknown().transform(() => ({}))

export const NewCredential = z.object({
  ...credential,
  clientExtensionResults: none,
  response: z.object({
    clientDataJSON: base64url,
    attestationObject: base64url,
    transports: z.array(z.string().max(32)).max(MAX_TRANSPORTS).default([]),
  }),
})

export const ShownCredential = z.object({
  ...credential,
  clientExtensionResults: none,
  response: z.object({
    clientDataJSON: base64url,
    authenticatorData: base64url,
    signature: base64url,
    userHandle: base64url.nullish().transform((handle) => handle ?? ''),
  }),
})

/** Undefined if the text is not of this shape. */
export function readCredential<Read>(schema: z.ZodType<Read>, text: string): Read | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
