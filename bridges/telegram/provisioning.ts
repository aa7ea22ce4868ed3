/** What people choose on the homeserver, by its API or its page: it says who asks, and we say whether they may. */
import type * as z from 'zod'
import { badJson, MatrixError } from '../../homeserver/core/errors.ts'
import {
  askedBody,
  auditBody,
  type AuditAnswer,
  type ChatsAnswer,
  joinBody,
  type JoinAnswer,
  type PortalsAnswer,
  portalBody,
  portalStateBody,
} from '../../homeserver/core/telegram-chats.ts'
import type { Question } from '../appservice/listener.ts'
import type { Database } from '../appservice/database.ts'
import type { Bans } from './bans.ts'
import type { Chats } from './chats.ts'
import { isRefusal, type Matrix } from './matrix.ts'
import type { Permissions } from './permissions.ts'
import type { Portals } from './portals.ts'
import type { Puppets } from './puppets.ts'
import { refuseMissing, RuleError, type Rules } from './rules.ts'
import { latestActs } from './store/audit.ts'
import { eventsByRoom } from './store/events.ts'
import { allPortals, type Portal, portalOfRoom, portalsOfChat } from './store/portals.ts'
import type { Telegram } from './telegram.ts'
import { textsFor } from './texts.ts'

export interface ProvisioningParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
  readonly chats: Chats
  readonly portals: Portals
  readonly puppets: Puppets
  readonly rules: Rules
  readonly permissions: Permissions
  readonly bans: Bans
  readonly bot: { readonly username: string }
}

export class Provisioning {
  readonly #parts: ProvisioningParts
  /** By method and path. */
  readonly questions: Readonly<Record<string, Question>>

  constructor(parts: ProvisioningParts) {
    this.#parts = parts
    this.questions = Object.fromEntries([
      question('chats', askedBody, ({ user_id }) => this.#chats(user_id)),
      question('portals', askedBody, ({ user_id }) => this.#list(user_id)),
      question('join', joinBody, (asked) => this.#join(asked)),
      question('end', portalBody, (asked) => this.#end(asked)),
      question('state', portalStateBody, (asked) => this.#setState(asked)),
      question('retry', portalBody, (asked) => this.#retry(asked)),
      question('audit', auditBody, (asked) => this.#audit(asked)),
    ])
  }

  async #chats(userId: string): Promise<ChatsAnswer> {
    const { chats, rules, puppets, bot } = this.#parts
    const role = await rules.roleOf(userId)
    const tgUser = role === 'relay' ? undefined : await puppets.telegramIdNow(userId)
    const theirs = role === 'admin' ? await chats.list('all') : tgUser === undefined ? [] : await chats.list({ tgUser })
    return { bot: bot.username, role, ...(tgUser === undefined ? {} : { tg_user: tgUser }), chats: theirs }
  }

  /** All, or those that they have bridged, or whose chat they run. */
  async #list(userId: string): Promise<PortalsAnswer> {
    const { database } = this.#parts
    const { chats, role } = await this.#chats(userId)
    const own = new Set(chats.map(({ chat_id: id }) => id))
    const counts = await eventsByRoom(database)
    const portals = (await allPortals(database)).filter(
      (portal) => role === 'admin' || portal.bridged_by === userId || own.has(portal.chat_id),
    )
    return {
      portals: portals.map(({ room_id, chat_id, thread_id, type, title, state, bridged_by }) => ({
        room_id,
        chat_id,
        thread_id: Number(thread_id),
        type,
        title,
        state,
        bridged_by,
        ...(counts.get(room_id) ?? { waiting: 0, dead: 0 }),
      })),
    }
  }

  /** Where it is refused, a bot that was called for it goes again. */
  async #join(asked: z.output<typeof joinBody>): Promise<JoinAnswer> {
    const { room_id: roomId, is_invited: isInvited } = asked
    try {
      return await this.#joined(asked)
    } catch (error) {
      const isLost = roomId !== undefined && isInvited && !(await portalOfRoom(this.#parts.database, roomId)) // else asked twice
      if (isLost) await this.#move(roomId, 'leave').catch(unlessRefused)
      throw error
    }
  }

  async #joined(asked: z.output<typeof joinBody>): Promise<JoinAnswer> {
    const { telegram, portals, rules } = this.#parts
    const { user_id: userId, chat_id: chatId, room_id: given, force: isForced } = asked
    await rules.checkUser(userId)
    if (!(await rules.runsChat(userId, chatId))) throw new RuleError('no_chat_admin')
    await rules.checkChat(userId, chatId)
    const chat = await telegram.reader.getChat({ chat_id: Number(chatId) }).catch(refuseMissing)
    const by = { userId, actor: userId }
    if (given !== undefined) {
      await this.#move(given, 'join').catch((error: unknown) => {
        throw isRefusal(error) ? new RuleError('no_room') : error
      })
      await rules.checkRoom(userId, given, { isForced })
      await portals.join({ chat, roomId: given, ...by })
    }
    const roomId = given ?? (await portals.open(chat, by))
    return { room_id: roomId, is_deaf: await portals.isDeaf(chat) }
  }

  async #move(roomId: string, action: 'join' | 'leave'): Promise<void> {
    const { matrix } = this.#parts
    await matrix.setMembership(matrix.botUserId, roomId, action)
  }

  /** With all its topics, where it is the room of the chat itself. */
  async #end({ user_id: userId, room_id: roomId }: z.output<typeof portalBody>): Promise<object> {
    const { portals, database } = this.#parts
    const portal = await this.#portal(userId, roomId)
    const all = portal.thread_id === 0 ? await portalsOfChat(database, portal.chat_id) : [portal]
    for (const one of all) await portals.end(one, userId)
    return {}
  }

  async #setState({ user_id: userId, room_id: roomId, state }: z.output<typeof portalStateBody>): Promise<object> {
    const { chat_id: chatId } = await this.#portal(userId, roomId)
    await this.#parts.portals.setState(chatId, state, userId)
    return {}
  }

  async #retry({ user_id: userId, room_id: roomId }: z.output<typeof portalBody>): Promise<object> {
    const { portals, rules } = this.#parts
    const portal = await this.#bridged(userId, roomId)
    return { count: await portals.retry(roomId, await rules.retriable(userId, portal)) }
  }

  async #audit({ user_id: userId, limit }: z.output<typeof auditBody>): Promise<AuditAnswer> {
    if (!this.#parts.permissions.isAdmin(userId)) throw new RuleError('no_admin')
    const acts = await latestActs(this.#parts.database, limit)
    return { acts: acts.map(({ at, ...act }) => ({ ts: Number(at), ...act })) }
  }

  /** One that is theirs to change. */
  async #portal(userId: string, roomId: string): Promise<Portal> {
    const portal = await this.#bridged(userId, roomId)
    await this.#parts.rules.checkMayEnd(userId, portal)
    return portal
  }

  async #bridged(userId: string, roomId: string): Promise<Portal> {
    const { database, bans } = this.#parts
    if (await bans.has(userId)) throw new RuleError('relay_only')
    const portal = await portalOfRoom(database, roomId)
    if (!portal) throw new RuleError('not_bridged')
    return portal
  }
}

/** It is not there any more. */
function unlessRefused(error: unknown): void {
  if (!isRefusal(error)) throw error
}

const missing = new Set(['no_chat', 'no_room', 'not_bridged'])

function question<Body extends typeof askedBody>(
  name: string,
  form: Body,
  act: (asked: z.output<Body>) => Promise<object>,
): [string, Question] {
  const answer = async (body: unknown): Promise<object> => {
    const parsed = form.safeParse(body)
    if (!parsed.success) throw badJson(parsed.error.message)
    try {
      return await act(parsed.data)
    } catch (problem) {
      if (!(problem instanceof RuleError)) throw problem
      const { reason } = problem
      const [status, errcode] = missing.has(reason) ? [404, 'M_NOT_FOUND'] : [403, 'M_FORBIDDEN']
      const text = textsFor(parsed.data.language).bridgeRefusals[reason]
      throw new MatrixError(status, errcode, text, { extra: { 'org.domovoi.reason': reason } })
    }
  }
  return [`POST /_matrix/app/unstable/org.domovoi.telegram/${name}`, answer]
}
