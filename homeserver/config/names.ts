/** Names and addresses that a setting can hold. Each `error` completes the sentence "… expected". */
import { z } from 'zod'

/** What follows the colon in user ids. https://spec.matrix.org/v1.19/appendices/#server-name */
const SERVER_NAME = /^(?:[0-9A-Za-z.-]{1,230}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/
const HOST_PORT = /^(?:[0-9A-Za-z.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\]):\d{1,5}$/

export const serverName = z
  .string({ error: 'a server name such as example.org' })
  .regex(SERVER_NAME, { error: 'a server name such as example.org, without https:// or path' })
export const serverPattern = z
  .string({ error: 'server names' })
  .regex(/^[\w.*?:[\]-]+$/, { error: 'server names such as example.org or *.example.org' })
export const hostPattern = z
  .string({ error: 'host names' })
  .regex(/^[\w.*?:[\]-]+$/, { error: 'host names such as example.org or *.example.org' })
export const listenAddress = z
  .string({ error: 'host:port' })
  .regex(HOST_PORT, { error: 'host:port such as 127.0.0.1:9009' })
  .transform((value) => {
    const colon = value.lastIndexOf(':')
    return { host: value.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(value.slice(colon + 1)) }
  })
  .optional()
export const address = z.url({ protocol: /^https?$/, error: 'an address that starts with https:// or http://' })
export const httpUrl = address.optional()

export const roomAlias = z
  .string({ error: 'an alias in quotes such as "#welcome:example.org"' })
  .regex(/^#[^:\s]+:\S+$/, { error: 'an alias such as #welcome:example.org' })

/** https://spec.matrix.org/v1.19/appendices/#user-identifiers */
export const userId = z.string().regex(/^@[^:\s]+:\S+$/, { error: 'a user id such as "@alice:example.org"' })

/** https://spec.matrix.org/v1.19/appendices/#opaque-identifiers */
export const opaqueId = z
  .string({ error: "a text in quotes such as '1.0'" })
  .regex(/^[\w.~-]{1,255}$/, { error: 'letters, digits and the characters . _ ~ -' })

export const issuer = z
  .string({ error: 'an address that starts with https://' })
  .regex(/^https:\/\/[^\s?#]+$|^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:\/[^\s?#]*)?$/, {
    error: 'an address that starts with https://',
  })
