/** The letter that tells a user what he has missed. Of encrypted messages it tells that they are there. */
import type { JsonObject } from '../../core/event.ts'
import type { Letter } from '../accounts/threepids/mailer.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { EventSurroundings } from './notification.ts'

interface Missed {
  readonly event: StoredEvent
  readonly around: EventSurroundings
}

interface Digest {
  readonly to: string
  readonly serverName: string
  /** At least one, in their order. */
  readonly missed: readonly Missed[]
  /** There is more than that. */
  readonly hasMore: boolean
}

/** Characters. */
const MAX_MESSAGE = 500
const MAX_NAME = 60

const why =
  'You get this letter because your app has asked to be told by e-mail of what you miss. There, in the settings of notifications, you can end that.'

export function digestLetter({ to, serverName, missed, hasMore }: Digest): Letter {
  const rooms = [...Map.groupBy(missed, ({ event }) => event.roomId).values()]
  const sections = rooms.map((room) => sectionOf(room, serverName))
  const more = hasMore ? ['There is more than that.'] : []
  const text = [`You have missed something on ${serverName}.`, ...sections, ...more, `-- \n${why}`].join('\n\n')
  return { to, subject: subjectOf(rooms), text: `${text}\n`, headers: { 'Auto-Submitted': 'auto-generated' } }
}

function subjectOf(rooms: readonly (readonly Missed[])[]): string {
  const [first = []] = rooms
  const [missed] = first
  const name = missed ? roomName(missed) : ''
  const others = rooms.length - 1
  if (others === 0) return missed && isInvite(missed) ? `Invitation: ${name}` : `Missed messages: ${name}`
  return `Missed messages: ${name} and ${others} other ${others === 1 ? 'room' : 'rooms'}`
}

function sectionOf(room: readonly Missed[], serverName: string): string {
  const [first] = room
  if (!first) return ''
  const { event } = first
  const link = `https://matrix.to/#/${event.roomId}/${event.row.event_id}?via=${serverName}`
  return [roomName(first), ...room.map((missed) => `  ${senderName(missed)}: ${messageOf(missed)}`), `  ${link}`].join(
    '\n',
  )
}

function roomName(missed: Missed): string {
  const { roomName: name, roomAlias } = missed.around
  return oneLine(name ?? roomAlias ?? senderName(missed), MAX_NAME)
}

function senderName({ event, around }: Missed): string {
  return oneLine(around.senderName ?? event.row.sender, MAX_NAME)
}

function messageOf(missed: Missed): string {
  const { event } = missed
  if (event.row.type === 'm.room.encrypted') return 'an encrypted message'
  if (isInvite(missed)) return 'invites you'
  const { body } = JSON.parse(event.contentText) as JsonObject // of an event that was checked
  return typeof body === 'string'
    ? oneLine(body, MAX_MESSAGE)
    : `something of the kind ${oneLine(event.row.type, MAX_NAME)}`
}

function isInvite({ event }: Missed): boolean {
  return event.row.type === 'm.room.member'
}

/** What others have written cannot look like a part of the letter. */
function oneLine(text: string, max: number): string {
  const line = text.replaceAll(/[\s\p{Cc}\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim()
  return line.length > max ? `${line.slice(0, max)}…` : line
}
