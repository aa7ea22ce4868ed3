/**
 * Identifiers and their grammar. https://spec.matrix.org/v1.19/appendices/#identifier-grammar
 *
 * The types are brands by template literal: a string becomes one of them only through a parser here,
 * or by an `as` beside a reason.
 */

export type UserId = `@${string}:${string}`
export type RoomId = `!${string}`
export type EventId = `$${string}`
export type RoomAlias = `#${string}:${string}`
export type MxcUri = `mxc://${string}/${string}`
export type DeviceId = string
export type ServerName = string

/** The greatest length of an identifier, of an event type and of a state key, in bytes of UTF-8. */
const maxIdBytes = 255

/** Whether a text has at most 255 bytes of UTF-8. */
export function fitsId(text: string): boolean {
  if (text.length > maxIdBytes) return false
  // A UTF-16 unit takes at most three bytes.
  return text.length * 3 <= maxIdBytes || Buffer.byteLength(text) <= maxIdBytes
}

const serverName = /^(?:\[[\dA-Fa-f:.]{2,45}\]|[\dA-Za-z.-]{1,255})(?::\d{1,5})?$/

/** A DNS name, an IPv4 address or an IPv6 address in brackets, perhaps with a port. */
export function isServerName(text: string): text is ServerName {
  return text.length <= maxIdBytes && serverName.test(text)
}

/** Splits at the first colon, since a server name may hold more: into the part after the sigil and the server name. */
function split(id: string, sigil: string): { localpart: string; server: ServerName } | undefined {
  const colon = id.indexOf(':')
  if (colon === -1 || !id.startsWith(sigil) || !isText(id)) return undefined
  const server = id.slice(colon + 1)
  return isServerName(server) ? { localpart: id.slice(1, colon), server } : undefined
}

/** No NUL and no half surrogate pair. */
export function isText(id: string): boolean {
  return !id.includes('\0') && id.isWellFormed()
}

/**
 * The parts of a user id in the historical grammar: any localpart, even an empty one. The length is not looked at,
 * because events before room version 11 may have senders beyond 255 bytes.
 */
export function parseUserId(id: string): { localpart: string; server: ServerName } | undefined {
  return split(id, '@')
}

/** Whether this is a user id in the historical grammar. */
export function isUserId(id: unknown): id is UserId {
  return typeof id === 'string' && fitsId(id) && parseUserId(id) !== undefined
}

/** Whether a new local user may have this localpart. https://spec.matrix.org/v1.19/appendices/#user-identifiers */
export function isUserLocalpart(localpart: string): boolean {
  return /^[a-z\d._=/+-]+$/.test(localpart)
}

/** Whether a user id may be shown outside of events: visible ASCII characters only, and no empty localpart. */
export function isCompliantUserId(id: unknown): id is UserId {
  return isUserId(id) && /^[\x21-\x7e]+$/.test(localpartOf(id))
}

/** A room id of either form. */
export function isRoomId(id: unknown): id is RoomId {
  return isHashedRoomId(id) || isServerRoomId(id)
}

/** A room id before room version 12: `!opaque:server`. */
export function isServerRoomId(id: unknown): id is RoomId {
  return typeof id === 'string' && fitsId(id) && hasLocalpart(split(id, '!'))
}

/** A room id of room version 12 and later: `!` and the hash of the create event. */
export function isHashedRoomId(id: unknown): id is RoomId {
  return typeof id === 'string' && /^![\w-]{43}$/.test(id)
}

export function isRoomAlias(id: unknown): id is RoomAlias {
  return typeof id === 'string' && fitsId(id) && hasLocalpart(split(id, '#'))
}

function hasLocalpart(parts: { localpart: string } | undefined): boolean {
  return parts !== undefined && parts.localpart !== ''
}

/** An event id of any room version; which one decides about what follows the `$`. */
export function isEventId(id: unknown): id is EventId {
  return typeof id === 'string' && id.length > 1 && id.startsWith('$') && fitsId(id) && isText(id)
}

/** The server name of an identifier that has one. Room and event ids of later room versions have none. */
export function serverNameOf(id: UserId | RoomAlias): ServerName
export function serverNameOf(id: RoomId | EventId): ServerName | undefined
export function serverNameOf(id: string): ServerName | undefined {
  const colon = id.indexOf(':')
  return colon === -1 ? undefined : id.slice(colon + 1)
}

export function localpartOf(id: UserId | RoomAlias): string {
  return id.slice(1, id.indexOf(':'))
}

/** The parts of a content URI. The media id may not hold what could lead out of a directory. */
export function parseMxc(uri: string): { server: ServerName; mediaId: string } | undefined {
  const [, server, mediaId] = /^mxc:\/\/([^/]+)\/([\w-]{1,255})$/.exec(uri) ?? []
  if (server === undefined || mediaId === undefined || !isServerName(server)) return undefined
  return { server, mediaId }
}
