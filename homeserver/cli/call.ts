import { type Answer, withAdminApi } from './admin-api.ts'
import { callLink } from './call-link.ts'
import { type Command, UsageError } from './command.ts'

const path = '/_domovoi/admin/v1/calls'
/** Calls that one command shows. */
const MAX_CALLS = 1_000

export const call: Command = {
  usage:
    'list | history [ROOM | USER] [--limit N] | end ROOM | make-room NAME [--alias ALIAS] | ' +
    'link create ROOM USER [--expires DURATION] [--uses N] | link list | link revoke LINK',
  help: `Looks after the calls of groups. Works beside a running server; if none runs, one is started for the moment.

  list       a line for each who is in a call: room, person, device, since when, what is sent
  history    a line for each who was in a call, the newest call first: room, person, from, to; "-" for what goes on.
             Of the latest 100 calls, or N, of all, of one room or of one user
  end ROOM   cuts off everybody who is in the room's call. They are in the room still, and may begin another one.
  make-room NAME
             makes a voice room that everybody may enter, in the space of rooms.space if there is one; ALIAS is its alias,
             without # and server
  link       links by which people without an account come into the call of one room that is not encrypted, as guests:
             one more, made by a user of this server who may invite to the room, for a day or DURATION, for any number
             of guests or N; a line for each, with room, user, end and uses; none any more, and its guests are out.`,
  options: {
    limit: { type: 'string' },
    alias: { type: 'string' },
    expires: { type: 'string' },
    uses: { type: 'string' },
  },
  async run({ positionals: [action, subject, ...rest], values, config, print }) {
    if (action === 'link') {
      const words = subject === undefined ? rest : [subject, ...rest]
      const { expires, uses } = values
      const limits = { expires: textOf(expires), uses: textOf(uses) }
      return print(await callLink(config(), words, limits))
    }
    if (rest.length > 0) throw new UsageError(`Unexpected argument ${rest[0]}`)
    if (action === 'list' && subject === undefined) return print(await list(config()))
    if (action === 'history') return print(await history(config(), subject, limitOf(values['limit'])))
    if (action === 'end' && subject !== undefined) return print(await end(config(), subject))
    if (action === 'make-room' && subject !== undefined) return print(await make(config(), subject, values['alias']))
    throw new UsageError('list, history, end ROOM, make-room NAME or link?')
  },
}

type Config = Parameters<typeof withAdminApi>[0]

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

async function list(config: Config): Promise<string> {
  const { calls } = await withAdminApi(config, (ask) => ask('GET', path))
  const lines = listOf(calls).flatMap(({ room_id: roomId, participants }) =>
    listOf(participants).map(({ user_id: userId, device_id: device, joined_ts: joined, tracks }) =>
      [roomId, userId, device ?? '', timeOf(joined), listOf(tracks).map(sentOf).join(' ')].join('\t').trimEnd(),
    ),
  )
  return lines.join('\n') || 'Nobody is in a call'
}

/** Such as `microphone:opus:muted` or `camera:VP8:1280x720`. */
const sentOf = ({ source, codec, muted, width, height }: Answer): string =>
  [source, String(codec).replace(/^.*\//, ''), width === undefined ? '' : `${Number(width)}x${Number(height)}`]
    .concat(muted === true ? ['muted'] : [])
    .filter((part) => part !== '')
    .join(':')

async function history(config: Config, subject: string | undefined, limit: number): Promise<string> {
  const of =
    subject === undefined ? '' : `&${subject.startsWith('@') ? 'user_id' : 'room_id'}=${encodeURIComponent(subject)}`
  const { calls } = await withAdminApi(config, (ask) => ask('GET', `${path}/history?limit=${limit}${of}`))
  const lines = listOf(calls).flatMap(({ room_id: roomId, participants }) =>
    listOf(participants).map(({ user_id: userId, joined_ts: joined, left_ts: left }) =>
      [roomId, userId, timeOf(joined), left === null ? '-' : timeOf(left)].join('\t'),
    ),
  )
  return lines.join('\n') || 'There were no calls'
}

async function end(config: Config, roomId: string): Promise<string> {
  const { participants } = await withAdminApi(config, (ask) => ask('POST', `${path}/${encodeURIComponent(roomId)}/end`))
  return `The call is over; cut off: ${Number(participants)}`
}

async function make(config: Config, name: string, alias: unknown): Promise<string> {
  const room = { name, ...(typeof alias === 'string' ? { alias } : {}) }
  const { room_id: roomId } = await withAdminApi(config, (ask) => ask('POST', '/_domovoi/admin/v1/voice_rooms', room))
  return String(roomId)
}

function limitOf(given: unknown): number {
  if (given === undefined) return 100
  const limit = Number(given)
  if (Number.isInteger(limit) && limit > 0 && limit <= MAX_CALLS) return limit
  throw new UsageError(`--limit is a number up to ${MAX_CALLS}`)
}

/** Our own server's answer. */
const listOf = (value: unknown): readonly Answer[] => value as readonly Answer[]

const timeOf = (ms: unknown): string => new Date(Number(ms)).toISOString()
