/** Key backups. https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups */
import { Readable } from 'node:stream'
import { z } from 'zod'
import { invalidParam, notFound } from '../../core/errors.ts'
import type { BackedUpSession, BackupVersion, SessionData } from '../../domain/devices/key-backup.ts'
import { endpoint, JsonText, Reply } from '../endpoint.ts'
import { jsonObject } from './json-object.ts'

const since = ['r0', 'v3'] as const
const common = { since, auth: 'user', limit: 'keys', whileSuspended: true } as const
const maxBody = 16 * 1024 * 1024

const versionBody = z.object({ algorithm: z.string().max(255), auth_data: jsonObject, version: z.string().optional() })
const versionQuery = z.object({ version: z.string() })
const count = z.int().nonnegative()
const session = z.object({
  first_message_index: count,
  forwarded_count: count,
  is_verified: z.boolean(),
  session_data: jsonObject,
})
const name = z.string().min(1).max(255)
const roomSessions = z.object({ sessions: z.record(name, session) })

const createVersion = endpoint({
  ...common,
  method: 'POST',
  path: '/room_keys/version',
  body: versionBody,
  handle: async ({ who, body }, { keyBackup }) => ({
    version: await keyBackup.create(who.userId, body.algorithm, body.auth_data),
  }),
})

const currentVersion = endpoint({
  ...common,
  method: 'GET',
  path: '/room_keys/version',
  handle: async ({ who }, { keyBackup }) => described(await keyBackup.get(who.userId)),
})

const getVersion = endpoint({
  ...common,
  method: 'GET',
  path: '/room_keys/version/:version',
  handle: async ({ params, who }, { keyBackup }) => described(await keyBackup.get(who.userId, params.version)),
})

const updateVersion = endpoint({
  ...common,
  method: 'PUT',
  path: '/room_keys/version/:version',
  body: versionBody,
  handle: async ({ params: { version }, who, body }, { keyBackup }) => {
    if (body.version !== undefined && body.version !== version) throw invalidParam('Another version is in the body')
    await keyBackup.update(who.userId, version, body.algorithm, body.auth_data)
    return {}
  },
})

const deleteVersion = endpoint({
  ...common,
  method: 'DELETE',
  path: '/room_keys/version/:version',
  handle: async ({ params, who }, { keyBackup }) => {
    await keyBackup.delete(who.userId, params.version)
    return {}
  },
})

function described({ version, algorithm, authData, etag, sessionCount }: BackupVersion): JsonText {
  const rest = JSON.stringify({ version: String(version), algorithm, etag: String(etag), count: sessionCount })
  return new JsonText(`{"auth_data":${authData},${rest.slice(1)}`)
}

const putAll = endpoint({
  ...common,
  method: 'PUT',
  path: '/room_keys/keys',
  maxBody,
  query: versionQuery,
  body: z.object({ rooms: z.record(name, roomSessions) }),
  handle: async ({ who, query, body }, { keyBackup }) => {
    const rooms = Object.entries(body.rooms).map(([roomId, { sessions }]) => [roomId, sessions] as const)
    return await keyBackup.put(who.userId, query.version, Object.fromEntries(rooms))
  },
})

const putRoom = endpoint({
  ...common,
  method: 'PUT',
  path: '/room_keys/keys/:roomId',
  maxBody,
  query: versionQuery,
  body: roomSessions,
  handle: async ({ params, who, query, body }, { keyBackup }) =>
    await keyBackup.put(who.userId, query.version, { [params.roomId]: body.sessions }),
})

const putSession = endpoint({
  ...common,
  method: 'PUT',
  path: '/room_keys/keys/:roomId/:sessionId',
  query: versionQuery,
  body: session,
  handle: async ({ params: { roomId, sessionId }, who, query, body }, { keyBackup }) => {
    const sessions: Record<string, SessionData> = { [sessionId]: body }
    return await keyBackup.put(who.userId, query.version, { [roomId]: sessions })
  },
})

/** A whole backup may be larger than memory: it is written page by page. */
const getAll = endpoint({
  ...common,
  method: 'GET',
  path: '/room_keys/keys',
  query: versionQuery,
  handle: async ({ who, query }, { keyBackup }) => {
    await keyBackup.get(who.userId, query.version)
    const pages = keyBackup.sessions(who.userId, query.version, {})
    return new Reply(200, Readable.from(allRooms(pages)), { 'Content-Type': 'application/json' })
  },
})

const getRoom = endpoint({
  ...common,
  method: 'GET',
  path: '/room_keys/keys/:roomId',
  query: versionQuery,
  handle: async ({ params: { roomId }, who, query }, { keyBackup }) => {
    const members: string[] = []
    for await (const page of keyBackup.sessions(who.userId, query.version, { roomId })) {
      for (const one of page) members.push(sessionMember(one))
    }
    return new JsonText(`{"sessions":{${members.join(',')}}}`)
  },
})

const getSession = endpoint({
  ...common,
  method: 'GET',
  path: '/room_keys/keys/:roomId/:sessionId',
  query: versionQuery,
  handle: async ({ params: { roomId, sessionId }, who, query }, { keyBackup }) => {
    for await (const [found] of keyBackup.sessions(who.userId, query.version, { roomId, sessionId })) {
      if (found) return new JsonText(sessionText(found))
    }
    throw notFound('There is no such key in the backup')
  },
})

const deleteAll = endpoint({
  ...common,
  method: 'DELETE',
  path: '/room_keys/keys',
  query: versionQuery,
  handle: async ({ who, query }, { keyBackup }) => await keyBackup.deleteSessions(who.userId, query.version, {}),
})

const deleteRoom = endpoint({
  ...common,
  method: 'DELETE',
  path: '/room_keys/keys/:roomId',
  query: versionQuery,
  handle: async ({ params: { roomId }, who, query }, { keyBackup }) =>
    await keyBackup.deleteSessions(who.userId, query.version, { roomId }),
})

const deleteSession = endpoint({
  ...common,
  method: 'DELETE',
  path: '/room_keys/keys/:roomId/:sessionId',
  query: versionQuery,
  handle: async ({ params: { roomId, sessionId }, who, query }, { keyBackup }) =>
    await keyBackup.deleteSessions(who.userId, query.version, { roomId, sessionId }),
})

function sessionText({ firstMessageIndex, forwardedCount, isVerified, sessionData }: BackedUpSession): string {
  return `{"first_message_index":${firstMessageIndex},"forwarded_count":${forwardedCount},"is_verified":${isVerified},"session_data":${sessionData}}`
}

function sessionMember(session: BackedUpSession): string {
  return `${JSON.stringify(session.sessionId)}:${sessionText(session)}`
}

/** `{"rooms":{…}}` from pages in the order of rooms. */
async function* allRooms(pages: AsyncIterable<readonly BackedUpSession[]>): AsyncGenerator<string> {
  let room: string | undefined
  yield '{"rooms":{'
  for await (const page of pages) {
    let text = ''
    for (const one of page) {
      if (one.roomId === room) text += ','
      else text += `${room === undefined ? '' : '}},'}${JSON.stringify(one.roomId)}:{"sessions":{`
      room = one.roomId
      text += sessionMember(one)
    }
    yield text
  }
  yield room === undefined ? '}}' : '}}}}'
}

export const roomKeysEndpoints = [
  createVersion,
  currentVersion,
  getVersion,
  updateVersion,
  deleteVersion,
  putAll,
  putRoom,
  putSession,
  getAll,
  getRoom,
  getSession,
  deleteAll,
  deleteRoom,
  deleteSession,
]
