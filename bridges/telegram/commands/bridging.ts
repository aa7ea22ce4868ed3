/** Commands that join a room with a chat, and end that. */
import { logger } from '../../../homeserver/platform/log.ts'
import type { MatrixEvent } from '../../appservice/event.ts'
import { objectOf } from '../../appservice/json.ts'
import { problemOf } from '../failures.ts'
import type { Handshakes } from '../handshakes.ts'
import { isRefusal, type Matrix } from '../matrix.ts'
import type { Metadata } from '../metadata.ts'
import type { Portals } from '../portals.ts'
import { refuseMissing, type Rules } from '../rules.ts'
import { chatOfSide, type Portal } from '../store/portals.ts'
import type { Telegram } from '../telegram.ts'
import { textsFor } from '../texts.ts'
import { argumentsOf, bridged, type Commands, restOf } from './command.ts'

const log = logger('telegram')

export interface BridgingParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly rules: Rules
  readonly portals: Portals
  readonly handshakes: Handshakes
  readonly metadata: Metadata
  readonly bot: { readonly id: string; readonly username: string }
}

export function bridgingCommands(parts: BridgingParts): Commands {
  const { matrix, telegram, rules, portals, handshakes, metadata, bot } = parts

  const offer = async (roomId: string, userId: string): Promise<string> => {
    const code = await handshakes.offer({ room_id: roomId, user_id: userId })
    return `Add @${bot.username} to the Telegram group as an administrator, and let one of its administrators send the following there within 10 minutes. Whoever has this code until then can join a group of theirs with this room.\n\n/bridge@${bot.username} ${code}`
  }

  /** Somebody who may has said yes in the chat. */
  const accept = async ({ room_id: roomId, sender }: MatrixEvent, code: string): Promise<string> => {
    const found = await handshakes.accept(code, 'telegram')
    if (!found) return 'This code is wrong or too old. Send /bridge in the Telegram group for a new one.'
    const chatId = chatOfSide(found.room_id)
    await rules.checkChat(sender, chatId)
    const chat = await telegram.reader.getChat({ chat_id: Number(chatId) }).catch(refuseMissing)
    const room = await matrix.describe(roomId)
    await portals.join({ chat, roomId, userId: sender, actor: `${sender} ${found.user_id}` })
    await telegram.sender
      .sendMessage({ chat_id: chat.id, text: textsFor(undefined).bridged(room, sender) })
      .catch((error: unknown) => log.warn({ chat: chatId, problem: problemOf(error) }, 'bridged, but not told there'))
    return (await portals.isDeaf(chat))
      ? 'Make the bot an administrator there: now it hears commands only.'
      : 'Bridged.'
  }

  const setState = (state: 'active' | 'paused', answer: string) =>
    bridged(async ({ sender }, portal) => {
      await rules.checkMayEnd(sender, portal)
      await portals.setState(portal.chat_id, state, sender)
      return answer
    })

  return {
    bridge: async (event) => {
      const { room_id: roomId, sender } = event
      const words = argumentsOf(event)
      await rules.checkRoom(sender, roomId, { isForced: words.includes('--force') })
      const code = words.find((word) => !word.startsWith('--'))
      return code === undefined ? await offer(roomId, sender) : await accept(event, code)
    },
    create: async (event) => {
      const { sender } = event
      await rules.checkUser(sender)
      const name = restOf(event)
      const roomId = await portals.make(name === '' ? 'Telegram' : name, sender)
      await matrix.ruleMember(roomId, sender, 'invite')
      return `You are invited to a new room. ${await offer(roomId, sender)}`
    },
    unbridge: bridged(async (event, portal) => {
      await rules.checkMayEnd(event.sender, portal)
      await portals.end(portal, event.sender, { isPurged: argumentsOf(event).includes('--purge') })
      return `This room is not bridged with ${portal.title} any more.`
    }),
    'delete-portal': bridged(async (event, portal) => {
      await rules.checkRules(event.sender, portal.room_id)
      const creator = (await matrix.allState(portal.room_id)).find(({ type }) => type === 'm.room.create')?.sender
      if (creator !== matrix.botUserId) return 'This room is not mine: !tg unbridge leaves it to you.'
      if (argumentsOf(event)[0] !== 'yes')
        return 'Everybody has to leave this room then. If that is right: !tg delete-portal yes'
      await portals.end(portal, event.sender, { isPurged: true })
      await empty(matrix, portal)
      return ''
    }),
    pause: setState('paused', 'Nothing is bridged until !tg resume.'),
    resume: setState('active', 'Bridged again.'),
    sync: bridged(async ({ sender }, portal) => {
      await rules.checkMayEnd(sender, portal)
      await metadata.refresh(portal)
      return `This room is as ${portal.title} is.`
    }),
  }
}

/** Everybody has to leave whom the bot can make leave; then it goes itself. */
async function empty(matrix: Matrix, { room_id: roomId }: Portal): Promise<void> {
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/joined_members`
  const { joined } = await matrix.request(matrix.botUserId, 'GET', path)
  for (const userId of Object.keys(objectOf(joined))) {
    if (userId === matrix.botUserId) continue
    await matrix.ruleMember(roomId, userId, 'kick').catch((error: unknown) => {
      if (!isRefusal(error)) throw error
    })
  }
  await matrix.notice(roomId, 'The bot leaves. Whoever is still here may too.', `tg.emptied.${roomId}`)
  await matrix.setMembership(matrix.botUserId, roomId, 'leave')
}
