/** The administration API for commands: of the server that runs, or of one for the moment. */
import type { Config } from '../config/schema.ts'
import { operatorToken } from '../domain/accounts/operator-token.ts'
import { systemClock } from '../platform/clock.ts'
import { CommandError } from './command.ts'
import { withServer } from './with-server.ts'

export type Answer = Readonly<Record<string, unknown>>
/** Throws `CommandError` with the sentence of the server for every refusal. */
export type AskServer = (method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: object) => Promise<Answer>

export async function withAdminApi<T>(config: Config, use: (ask: AskServer) => Promise<T>): Promise<T> {
  return await withServer(config, async (url, secret) => {
    return await use(async (method, path, body) => {
      const response = await fetch(url + path, {
        method,
        headers: {
          Authorization: `Bearer ${operatorToken(secret, systemClock.now())}`,
          'Content-Type': 'application/json',
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const answer = (await response.json()) as Answer // our own server's
      if (response.ok) return answer
      const { error } = answer
      throw new CommandError(typeof error === 'string' ? error : `The server answered ${response.status}`)
    })
  })
}

/** The id of a room that is named by it or by an alias. */
export async function roomIdOf(ask: AskServer, room: string): Promise<string> {
  if (!room.startsWith('#')) return room
  return String((await ask('GET', `/_matrix/client/v3/directory/room/${encodeURIComponent(room)}`))['room_id'])
}
