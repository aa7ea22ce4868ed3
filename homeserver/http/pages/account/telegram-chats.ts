/** Which of somebody's chats of Telegram are rooms. The bridge says which are theirs, and does what is chosen. */
import { MatrixError } from '../../../core/errors.ts'
import { isRoomId } from '../../../core/ids.ts'
import type { ChatsAnswer, TelegramChat } from '../../../core/telegram-chats.ts'
import type { Asker } from '../../../domain/appservice/telegram-chats.ts'
import type { Reply } from '../../endpoint.ts'
import type { Services } from '../../services.ts'
import { type Html, html } from '../html.ts'
import type { Messages } from '../messages/messages.ts'
import { seeOther } from '../page.ts'
import { doneNote, errorNote, select } from '../parts.ts'
import { requesterOf } from './requester.ts'
import type { AccountVisit, View } from './view.ts'

const address = '/account?action=telegram'

export const telegramChatsView: View = {
  show: async (visit, services) => {
    const chatId = visit.query.get('chat')
    if (chatId === null) return await showChats(visit, services)
    return await orProblem(visit, services, () => showRooms(visit, services, chatId))
  },
  submit: async (visit, services) =>
    await orProblem(visit, services, async () => seeOther(`${address}&${await act(visit, services)}`)),
}

/** What is refused is told above the list. */
async function orProblem(visit: AccountVisit, services: Services, show: () => Promise<Reply>): Promise<Reply> {
  try {
    return await show()
  } catch (error) {
    return await showChats(visit, services, problemOf(visit.messages, error))
  }
}

const askerOf = ({ visitor, messages }: AccountVisit): Asker => ({
  who: requesterOf(visitor),
  language: messages.language,
})

/** Does what a button says. Gives what the page then tells. */
async function act(visit: AccountVisit & { readonly form: URLSearchParams }, { telegramChats }: Services) {
  const { form, visitor, messages } = visit
  if (visitor.isSuspended) throw new MatrixError(403, 'M_USER_SUSPENDED', messages.suspended)
  const [what, chatId, room] = [form.get('do'), form.get('chat') ?? '', form.get('room') ?? '']
  const asker = askerOf(visit)
  if (what === 'open') return joined('opened', await telegramChats.join(asker, { chatId }))
  if (!isRoomId(room)) throw new MatrixError(400, 'M_INVALID_PARAM', messages.telegramNoRoom)
  if (what === 'join') return joined('joined', await telegramChats.join(asker, { chatId, roomId: room }))
  if (what === 'end') {
    await telegramChats.end(asker, room)
    return 'done=ended'
  }
  const isPause = what === 'pause'
  await telegramChats.setState(asker, room, isPause ? 'paused' : 'active')
  return isPause ? 'done=paused' : 'done=resumed'
}

const joined = (done: string, { is_deaf: isDeaf }: { readonly is_deaf: boolean }): string =>
  `done=${done}${isDeaf ? '&deaf=1' : ''}`

interface Problem {
  readonly text: string
  readonly status: number
}

/** Refusals are sentences for people already. */
function problemOf(messages: Messages, error: unknown): Problem {
  if (!(error instanceof MatrixError)) throw error
  const isAway = error.status >= 500
  return { text: isAway ? messages.telegramAway : error.message, status: isAway ? 502 : error.status }
}

async function showChats(visit: AccountVisit, services: Services, problem?: Problem) {
  const { messages, query } = visit
  const done = problem ? undefined : doneOf(messages, query.get('done'))
  const asker = askerOf(visit)
  let shown: Html
  let away: Problem | undefined
  try {
    shown = await chatList(visit, services, await services.telegramChats.chats(asker))
  } catch (error) {
    away = problemOf(messages, error)
    shown = html``
  }
  const wrong = problem ?? away
  return visit.page({
    title: messages.telegramChats,
    status: wrong?.status ?? 200,
    content: html`${errorNote(wrong?.text)}${doneNote(done)}
    ${done !== undefined && query.has('deaf') && html`<p class="error" role="alert">${messages.telegramDeaf}</p>`}
    ${shown}`,
  })
}

const doneOf = (messages: Messages, done: string | null): string | undefined =>
  ({
    opened: messages.telegramOpened,
    joined: messages.telegramJoined,
    ended: messages.telegramEnded,
    paused: messages.telegramPaused,
    resumed: messages.telegramResumed,
  })[done ?? '']

async function chatList(visit: AccountVisit, { telegramChats }: Services, { bot, role, tg_user, chats }: ChatsAnswer) {
  const { messages } = visit
  if (tg_user === undefined && role !== 'admin') {
    return html`<p>${messages.telegramNotLinked}</p>
      <p class="actions"><a class="button" href="/account?action=logins">${messages.waysIn}</a></p>`
  }
  const rooms = chats.flatMap(({ portal }) => portal?.room_id ?? []).filter(isRoomId)
  const names = await telegramChats.namesOf(askerOf(visit), rooms)
  return html`<p>${messages.telegramHint}</p>
    <ul class="list">
      ${chats.map((chat) => item(visit, chat, names.get(chat.portal?.room_id ?? '')))}
    </ul>
    <p class="soft">${messages.telegramAdd(`@${bot}`)}</p>`
}

function item(visit: AccountVisit, chat: TelegramChat, room: string | undefined): Html {
  const { messages } = visit
  const { chat_id: chatId, title, type, is_forum: isForum, members, portal } = chat
  const kind = type === 'channel' ? messages.telegramChannel : isForum ? messages.telegramForum : messages.telegramGroup
  const what = members === undefined ? kind : `${kind}, ${messages.telegramMembers(members)}`
  const button = (act: string, text: string, look: 'plain' | 'danger') =>
    html`<button class="${look}" name="do" value="${act}" aria-label="${text}: ${title}">${text}</button>`
  if (!portal) {
    return html`<li>
      <div>
        <h2>${title}</h2>
        <p>${what}. ${messages.telegramNotBridged}</p>
      </div>
      <form method="post" action="${address}" class="actions">
        ${visit.token}<input type="hidden" name="chat" value="${chatId}" />
        ${button('open', messages.telegramNewRoom, 'plain')}
        <a
          class="button plain"
          href="${address}&chat=${encodeURIComponent(chatId)}"
          aria-label="${messages.telegramJoin}: ${title}"
          >${messages.telegramJoin}</a
        >
      </form>
    </li>`
  }
  const isPaused = portal.state === 'paused'
  return html`<li>
    <div>
      <h2>${title}</h2>
      <p>${what}. ${messages.telegramBridged(room)}${isPaused && ` ${messages.telegramPaused}`}</p>
    </div>
    <form method="post" action="${address}" class="actions">
      ${visit.token}<input type="hidden" name="room" value="${portal.room_id}" />
      ${isPaused ? button('resume', messages.telegramResume, 'plain') : button('pause', messages.telegramPause, 'plain')}
      ${button('end', messages.end, 'danger')}
    </form>
  </li>`
}

/** The rooms with one of which the chat is joined. */
async function showRooms(visit: AccountVisit, { telegramChats }: Services, chatId: string) {
  const { messages, token } = visit
  const asker = askerOf(visit)
  const { chats } = await telegramChats.chats(asker)
  const chat = chats.find(({ chat_id: id }) => id === chatId)
  if (!chat) throw new MatrixError(404, 'M_NOT_FOUND', messages.telegramNoChat)
  const taken = new Set(chats.map(({ portal }) => portal?.room_id))
  const rooms = (await telegramChats.rooms(asker)).filter(({ room_id: id }) => !taken.has(id))
  const options = rooms.map(
    ({ room_id: id, name, canonical_alias: alias }) => [id, name ?? alias ?? id] satisfies [string, string],
  )
  const choose = html`<form method="post" action="${address}">
    ${token}<input type="hidden" name="chat" value="${chatId}" />
    ${select({ name: 'room', label: messages.telegramRoom, hint: messages.telegramRoomHint, options })}
    <p class="actions">
      <button name="do" value="join">${messages.telegramJoin}</button>
      <a class="button plain" href="${address}">${messages.cancel}</a>
    </p>
  </form>`
  const none = html`<p>${messages.telegramNoRooms}</p>
    <p class="actions"><a class="button plain" href="${address}">${messages.cancel}</a></p>`
  return visit.page({ title: chat.title, content: options.length > 0 ? choose : none })
}
