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
