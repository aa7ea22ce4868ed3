/** Backups of room keys, encrypted by the client. https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups */
import { invalidParam, type MatrixError, notFound, refuse, tooLarge } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { UserId } from '../../core/ids.ts'
import type { Conn, Database, Tx } from '../../storage/database.ts'
import {
  addBackup,
  type BackedUpSession,
  type BackupVersion,
  countBackups,
  findBackup,
  listSessions,
  putSessions,
  removeBackup,
  removeSessions,
  type SessionScope,
  setBackupAuthData,
  touchBackup,
} from '../../storage/key-backup.ts'
import { maxBackedUpSessions, maxBackupDataBytes, maxKeyBackups } from '../limits.ts'

export type { BackedUpSession, BackupVersion }

export interface SessionData {
  readonly first_message_index: number
  readonly forwarded_count: number
  readonly is_verified: boolean
  readonly session_data: JsonObject
}

/** Room → session → data. */
export type RoomSessions = Readonly<Record<string, Readonly<Record<string, SessionData>>>>

export interface BackupState {
  readonly etag: string
  readonly count: number
}

/** Sessions read at once when a whole backup is given out. */
const PAGE = 1000

export class KeyBackup {
  readonly #database: Database

  constructor({ database }: { database: Database }) {
    this.#database = database
  }

  /** The version of that name, or the latest. Throws `M_NOT_FOUND`. */
  async get(userId: UserId, version?: string): Promise<BackupVersion> {
    return await requireBackup(this.#database, userId, version)
  }

  /** Begins a new version, which is the current one from then on, and gives its name. */
  async create(userId: UserId, algorithm: string, authData: JsonObject): Promise<string> {
    const text = dataText(authData)
    return await this.#database.transaction('create key backup', async (tx) => {
      const { latest, live } = await countBackups(tx, userId)
      if (live >= maxKeyBackups) throw tooLarge(`You have ${maxKeyBackups} key backups: delete some`)
      await addBackup(tx, userId, { version: latest + 1, algorithm, authData: text })
      return String(latest + 1)
    })
  }

  /** Throws `M_INVALID_PARAM` for another algorithm, `M_NOT_FOUND`. */
  async update(userId: UserId, version: string, algorithm: string, authData: JsonObject): Promise<void> {
    const text = dataText(authData)
    await this.#database.transaction('update key backup', async (tx) => {
      const backup = await requireBackup(tx, userId, version)
      if (backup.algorithm !== algorithm) throw invalidParam('The algorithm of a backup stays the same')
      await setBackupAuthData(tx, userId, backup.version, text)
    })
  }

  /** Deletes a version and its sessions; one that was deleted before is no error. Throws `M_NOT_FOUND`. */
  async delete(userId: UserId, version: string): Promise<void> {
    await this.#database.transaction('delete key backup', async (tx) => {
      const number = numberOf(version)
      const { latest } = await countBackups(tx, userId)
      if (number === undefined || number > latest) throw noBackup()
      await removeBackup(tx, userId, number)
    })
  }

  /** Keeps the better of two sessions. Throws `M_WRONG_ROOM_KEYS_VERSION` unless the version is the current one. */
  async put(userId: UserId, version: string, rooms: RoomSessions): Promise<BackupState> {
    const sessions = sessionsOf(rooms)
    return await this.#database.transaction('back up room keys', async (tx) => {
      const current = await requireBackup(tx, userId)
      if (String(current.version) !== version) throw wrongVersion(current.version)
      if (current.sessionCount + sessions.length > maxBackedUpSessions) throw tooLarge('The backup is full')
      const { added, changed } = await putSessions(tx, userId, current.version, sessions)
      return await touched(tx, userId, current, { changed, countDelta: added })
    })
  }

  /** Deletes sessions of a version. Throws `M_NOT_FOUND` if there is no such version. */
  async deleteSessions(userId: UserId, version: string, scope: SessionScope): Promise<BackupState> {
    return await this.#database.transaction('delete backed up keys', async (tx) => {
      const backup = await requireBackup(tx, userId, version)
      const removed = await removeSessions(tx, userId, backup.version, scope)
      return await touched(tx, userId, backup, { changed: removed, countDelta: -removed })
    })
  }

  /** The sessions of a version, page by page in the order of rooms. Throws `M_NOT_FOUND` if there is no such version. */
  async *sessions(userId: UserId, version: string, scope: SessionScope): AsyncGenerator<BackedUpSession[]> {
    const backup = await requireBackup(this.#database, userId, version)
    let after: BackedUpSession | undefined
    for (;;) {
      const page = await listSessions(this.#database, userId, backup.version, scope, { after, limit: PAGE })
      after = page.at(-1)
      if (after) yield page
      if (page.length < PAGE) return
    }
  }
}

async function requireBackup(conn: Conn, userId: UserId, version?: string): Promise<BackupVersion> {
  const number = version === undefined ? undefined : numberOf(version)
  if (version !== undefined && number === undefined) throw noBackup()
  const backup = await findBackup(conn, userId, number)
  if (!backup) throw noBackup()
  return backup
}

async function touched(
  tx: Tx,
  userId: UserId,
  { version, etag, sessionCount }: BackupVersion,
  { changed, countDelta }: { changed: number; countDelta: number },
): Promise<BackupState> {
  if (changed === 0) return { etag: String(etag), count: sessionCount }
  await touchBackup(tx, userId, version, countDelta)
  return { etag: String(etag + 1), count: sessionCount + countDelta }
}

function sessionsOf(rooms: RoomSessions): BackedUpSession[] {
  return Object.entries(rooms).flatMap(([roomId, sessions]) =>
    Object.entries(sessions).map(([sessionId, data]) => ({
      roomId,
      sessionId,
      firstMessageIndex: data.first_message_index,
      forwardedCount: data.forwarded_count,
      isVerified: data.is_verified,
      sessionData: dataText(data.session_data),
    })),
  )
}

function dataText(data: JsonObject): string {
  const text = JSON.stringify(data)
  if (Buffer.byteLength(text) > maxBackupDataBytes) throw tooLarge(`More than ${maxBackupDataBytes} bytes`)
  return text
}

/** Versions are counted from 1; any other text names none. */
function numberOf(version: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(version) ? Number(version) : undefined
}

function noBackup(): MatrixError {
  return notFound('There is no such key backup')
}

function wrongVersion(current: number): MatrixError {
  return refuse(403, 'M_WRONG_ROOM_KEYS_VERSION', 'This is not the current key backup', {
    current_version: String(current),
  })
}
