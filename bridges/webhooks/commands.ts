/** What people ask of the bot in a room: messages that begin with `!webhook`. */
import { logger } from '../../homeserver/platform/log.ts'
import type { MatrixEvent } from '../appservice/event.ts'
import type { Homeserver } from '../appservice/homeserver.ts'
import { cleanName } from '../appservice/names.ts'
import { findState, maySetState } from '../appservice/powers.ts'
import { localpartOf, type WebhookParts } from './config.ts'
import type { PrivateChats } from './private-chats.ts'
import { hashOf, hookIdOf, newSecret, signingSecret } from './secrets.ts'
import {
  addHook,
  findHook,
  type Hook,
  hooksOfRoom,
  removeHook,
  setDisabled,
  setMayMention,
  setSecret,
} from './store/hooks.ts'

/** In one room. */
const MAX_HOOKS = 20
const MAX_NAME = 80
const MAX_PATTERN = 200
const log = logger('webhooks')

const HELP = `!webhook new NAME – an address by which programs post here
!webhook out URL [type=m.room.message,…] [match=words*] – tell this address what is said here
!webhook list – the webhooks of this room
!webhook renew ID – a new secret; the old address is over
!webhook mention ID on|off – whether what it says may notify people, also the whole room
!webhook resume ID – begin again to tell an address that failed for long
!webhook remove ID`

interface Asked {
  readonly event: MatrixEvent
  readonly words: readonly string[]
}

type Command = (asked: Asked) => Promise<string>

export class Commands {
  readonly #parts: WebhookParts
  readonly #homeserver: Homeserver
  readonly #chats: PrivateChats
  readonly #commands: ReadonlyMap<string, Command>

  constructor(parts: WebhookParts & { homeserver: Homeserver; chats: PrivateChats }) {
    this.#parts = parts
    this.#homeserver = parts.homeserver
    this.#chats = parts.chats
    this.#commands = new Map<string, Command>([
      ['new', (asked) => this.#new(asked)],
      ['out', (asked) => this.#out(asked)],
      ['list', ({ event }) => this.#list(event)],
      ['renew', (asked) => this.#withHook(asked, (hook) => this.#renew(hook, asked.event))],
      ['mention', (asked) => this.#withHook(asked, (hook) => this.#mention(hook, asked.words[1]))],
      ['resume', (asked) => this.#withHook(asked, (hook) => this.#resume(hook))],
      ['remove', (asked) => this.#withHook(asked, (hook) => this.#remove(hook))],
    ])
  }

  /** Answers where the event is a command. Never rejects: what went wrong is told. */
  async take(event: MatrixEvent): Promise<void> {
    const { body } = event.content
    if (event.type !== 'm.room.message' || typeof body !== 'string') return
    const [word, name = 'help', ...words] = body.trim().split(/\s+/)
    if (word !== '!webhook') return
    const answer = await this.#answer(name.toLowerCase(), { event, words }).catch((error: unknown) => {
      log.warn({ error }, 'command of a webhook failed')
      return `That did not work: ${error instanceof Error ? error.message : 'unknown'}`
    })
    await this.#homeserver
      .notice(event.room_id, answer, `webhook.answer.${event.event_id.slice(1)}`, event.event_id)
      .catch((error: unknown) => log.warn({ error }, 'command of a webhook not answered'))
  }

  async #answer(name: string, asked: Asked): Promise<string> {
    const command = this.#commands.get(name)
    if (!command) return name === 'help' ? HELP : `There is no command ${name.slice(0, MAX_NAME)}.\n\n${HELP}`
    const { sender, room_id: roomId } = asked.event
    if (!this.#homeserver.isLocal(sender)) return 'That is for people of this server.'
    if (!maySetState(await this.#homeserver.state(roomId), sender, 'm.room.power_levels')) {
      return 'You may not do that here: it needs the power to change power levels.'
    }
    return await command(asked)
  }

  async #new({ event, words }: Asked): Promise<string> {
    const name = cleanName(words.join(' '), MAX_NAME)
    if (name === '') return 'How shall it be called? !webhook new NAME'
    const secret = newSecret()
    const hook = await this.#add(event, { name, secret_hash: hashOf(secret), url: null, types: null, pattern: null })
    if (typeof hook === 'string') return hook
    await this.#homeserver.makeUser(localpartOf(hook.hook_id), name)
    await this.#homeserver.join(this.#userOf(hook), event.room_id)
    await this.#tellAddress(hook, secret, event.sender)
    return `The webhook ${name} (${hook.hook_id}) is here. Its address is in your private chat with me: who has it can post here.`
  }

  async #out({ event, words: [address = '', ...options] }: Asked): Promise<string> {
    if (!isAddress(address)) return 'It needs an address that begins with https:// or http://'
    if (await this.#isEncrypted(event.room_id)) return 'This room is encrypted: I cannot read what is said here.'
    const { types, pattern, problem } = optionsOf(options)
    if (problem !== undefined) return problem
    const name = new URL(address).host.slice(0, MAX_NAME)
    const hook = await this.#add(event, { name, secret_hash: null, url: address, types, pattern })
    if (typeof hook === 'string') return hook
    const { config } = this.#parts
    const text = `What is said in ${event.room_id} goes to ${address}. The secret for checking the signatures:\n\n${signingSecret(config.key, hook.hook_id)}`
    await this.#chats.tell(event.sender, text, `webhook.secret.${hook.hook_id}`)
    return `${name} (${hook.hook_id}) is told what is said here. The secret that its signatures are made with is in your private chat with me.`
  }

  /** The new webhook, or why there is none. */
  async #add(
    { event_id: eventId, room_id: roomId, sender }: MatrixEvent,
    given: Pick<Hook, 'name' | 'secret_hash' | 'url' | 'types' | 'pattern'>,
  ): Promise<Hook | string> {
    const { database, clock } = this.#parts
    const hookId = hookIdOf(eventId)
    if ((await hooksOfRoom(database, roomId)).length >= MAX_HOOKS) return `A room has ${MAX_HOOKS} webhooks at most.`
    const base = { hook_id: hookId, room_id: roomId, created_by: sender, created_at: clock.now() }
    const isAdded = await database.transaction('webhook', (tx) => addHook(tx, { ...base, ...given }))
    const hook = isAdded ? await findHook(database, hookId) : undefined
    return hook ?? `It is there already. Without its secret: !webhook renew ${hookId}`
  }

  async #tellAddress(hook: Hook, secret: string, userId: string): Promise<void> {
    const address = `${this.#parts.config.publicUrl}/webhooks/${hook.hook_id}/${secret}`
    const text = `The address of ${hook.name}, for ${hook.room_id}:\n\n${address}\n\nFor programs written for Slack or Discord put /slack or /discord behind it.`
    await this.#chats.tell(userId, text, `webhook.address.${hashOf(secret).slice(0, 16)}`)
  }

  async #list({ room_id: roomId }: MatrixEvent): Promise<string> {
    const hooks = await hooksOfRoom(this.#parts.database, roomId)
    return hooks.map(lineOf).join('\n') || 'This room has no webhooks.'
  }

  /** Only of the room where it is asked for. */
  async #withHook({ event, words: [hookId = '', ...words] }: Asked, act: HookCommand): Promise<string> {
    const hook = await findHook(this.#parts.database, hookId)
    if (hook?.room_id !== event.room_id) return 'This room has no such webhook. !webhook list shows them.'
    return await act(hook, words)
  }

  async #renew(hook: Hook, { sender }: MatrixEvent): Promise<string> {
    if (hook.secret_hash === null) return 'It has no address of its own.'
    const secret = newSecret()
    await this.#parts.database.transaction('webhook secret', (tx) => setSecret(tx, hook.hook_id, hashOf(secret)))
    await this.#tellAddress(hook, secret, sender)
    return `The old address of ${hook.name} is over. The new one is in your private chat with me.`
  }

  async #mention(hook: Hook, given: string | undefined): Promise<string> {
    if (given !== 'on' && given !== 'off') return '!webhook mention ID on, or off'
    const { database } = this.#parts
    await database.transaction('webhook mention', (tx) => setMayMention(tx, hook.hook_id, given === 'on'))
    const note = `For @room its user ${this.#userOf(hook)} needs the power to notify everybody.`
    return given === 'on' ? `${hook.name} may notify people. ${note}` : `What ${hook.name} says notifies nobody.`
  }

  async #resume(hook: Hook): Promise<string> {
    if (hook.url === null) return 'It is not told anything.'
    await this.#parts.database.transaction('webhook resumed', (tx) => setDisabled(tx, hook.hook_id, null))
    return `${hook.name} is told again what is said here.`
  }

  async #remove(hook: Hook): Promise<string> {
    await this.#parts.database.transaction('webhook removed', (tx) => removeHook(tx, hook.hook_id))
    if (hook.secret_hash !== null) {
      await this.#homeserver.member(this.#userOf(hook), hook.room_id, 'leave').catch(() => undefined) // it may be gone
    }
    return `${hook.name} is over.`
  }

  async #isEncrypted(roomId: string): Promise<boolean> {
    return findState(await this.#homeserver.state(roomId), 'm.room.encryption') !== undefined
  }

  #userOf({ hook_id: hookId }: Hook): string {
    return this.#homeserver.userOf(localpartOf(hookId))
  }
}

type HookCommand = (hook: Hook, words: readonly string[]) => Promise<string>

function isAddress(text: string): boolean {
  if (!URL.canParse(text) || text.length > 1000) return false
  const { protocol, username, password } = new URL(text)
  return /^https?:$/.test(protocol) && username === '' && password === ''
}

interface Options {
  readonly types: string | null
  readonly pattern: string | null
  readonly problem?: string
}

/** `match=` takes all the rest: it may have spaces. */
function optionsOf(options: readonly string[]): Options {
  const [, types, pattern] = /^(?:type=(\S+))?\s*(?:match=(.+))?$/s.exec(options.join(' ')) ?? []
  const isOdd = options.length > 0 && types === undefined && pattern === undefined
  const isLong = Math.max(types?.length ?? 0, pattern?.length ?? 0) > MAX_PATTERN
  const problem = isOdd || isLong ? 'Behind the address: type=m.room.message,m.reaction match=words*' : undefined
  return { types: types ?? null, pattern: pattern ?? null, ...(problem === undefined ? {} : { problem }) }
}

function lineOf({
  hook_id: id,
  name,
  created_by: by,
  url,
  types,
  pattern,
  may_mention: may,
  disabled_at: off,
}: Hook): string {
  const what =
    url === null ? 'posts here' : `is told ${types ?? 'm.room.message'}${pattern === null ? '' : ` with ${pattern}`}`
  const notes = [may === 1 ? ', may notify' : '', off === null ? '' : ', switched off because it failed for long']
  return `${id} ${name}: ${what}${notes.join('')} (${by})`
}
