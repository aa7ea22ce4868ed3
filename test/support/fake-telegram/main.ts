/**
 * `npm run fake-telegram [-- --port 8081]`: a Telegram of your own in the terminal, to try the bridge and the login without one.
 * There are Alice and Bob, and a group called Kitchen in which the bot is an administrator. What you type, Alice says.
 */
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import type { Message } from 'node-telegram-bot-api'
import { FakeTelegram, fullRights } from './fake-telegram.ts'
import type { FakeChat } from './world.ts'

const HELP = `What you type is said in the chat you are in. Besides:
  .as NAME          be somebody else, who comes into being       .chat NAME    go to another chat: Kitchen, bot
  .reply N TEXT     answer message N     .edit N TEXT  .delete N     .react N EMOJI…     .press N TEXT of a button
  .group NAME       a new group with the bot in it     .leave  .join     .chats     .help     .quit
`
const print = (line: string): void => void process.stdout.write(`${line}\n`)
const { values } = parseArgs({ options: { port: { type: 'string', default: '8081' } } })
const telegram = await FakeTelegram.start({ port: Number(values.port) })
let me = telegram.person('Alice', { username: 'alice' })
const people = new Map([['alice', me]])
const bob = telegram.person('Bob', { username: 'bob' })
people.set('bob', bob)
const kitchen = telegram.supergroup('Kitchen', { owner: me, members: [bob], bot: fullRights })
const groups = new Map<string, FakeChat>([['kitchen', kitchen]])
let chat = kitchen

telegram.world.onMessage = show

function nameOf({ from, sender_chat: sender }: Message): string {
  return sender?.title ?? from?.first_name ?? '?'
}

function show(message: Message): void {
  const kind = Object.keys(message).find((key) =>
    ['photo', 'document', 'video', 'sticker', 'poll', 'location'].includes(key),
  )
  const text = message.text ?? message.caption ?? ''
  const buttons = message.reply_markup?.inline_keyboard.flat().map((button) => `[${button.text}]`) ?? []
  const where = message.chat.title ?? `${message.chat.first_name} and the bot`
  const marks = [kind && `<${kind}>`, text, message.edit_date && '(edited)', ...buttons].filter(Boolean)
  print(`${where} ${message.message_id} ${nameOf(message)}: ${marks.join(' ')}`)
}

function messageOf(number: string): Message {
  const message = chat.messages.get(Number(number))
  if (!message) throw new Error(`no message ${number} in this chat`)
  return message
}

function become(name: string): void {
  const person = people.get(name.toLowerCase()) ?? telegram.person(name, { username: name.toLowerCase() })
  people.set(name.toLowerCase(), person)
  const inGroup = chat.chat.type !== 'private'
  me = person
  if (!inGroup) chat = me.bot
  else if (!chat.members.has(me.user.id)) me.join(chat)
}

function press(number: string, label: string): void {
  const message = messageOf(number)
  const button = message.reply_markup?.inline_keyboard.flat().find(({ text }) => text === label)
  if (!button?.callback_data) throw new Error('no such button')
  me.press(message, button.callback_data)
}

function goTo(name: string): void {
  const found = name === 'bot' ? me.bot : groups.get(name.toLowerCase())
  if (!found) throw new Error(`no chat ${name}`)
  chat = found
}

const orders: Readonly<Record<string, (first: string, rest: string, all: string) => void>> = {
  as: (_, __, name) => become(name),
  chat: (_, __, name) => goTo(name),
  reply: (number, text) => void me.say(chat, { text, replyTo: messageOf(number).message_id }),
  edit: (number, text) => void me.edit(messageOf(number), { text }),
  delete: (number) => me.delete(messageOf(number)),
  react: (number, emoji) => me.react(messageOf(number), ...emoji.split(' ').filter(Boolean)),
  press,
  group: (_, __, name) =>
    void groups.set(name.toLowerCase(), (chat = telegram.supergroup(name, { owner: me, bot: fullRights }))),
  leave: () => me.leave(chat),
  join: () => me.join(chat),
  chats: () => [...groups.values()].forEach((one) => print(`${one.chat.title}: ${one.chat.id}`)),
  help: () => print(HELP),
  quit: () => lines.close(),
}

function take(line: string): void {
  if (!line.startsWith('.')) return void (line.trim() === '' || me.say(chat, line))
  const [, verb = '', all = ''] = /^\.(\w+) ?(.*)$/.exec(line) ?? []
  const [first = '', ...rest] = all.split(' ')
  const order = orders[verb]
  if (!order) throw new Error('no such order; .help tells which there are')
  order(first, rest.join(' '), all)
}

print(`Telegram is at ${telegram.url}. For config.yaml:

telegram:
  bot_token: '${telegram.token}'
  api_root: '${telegram.url}'

${HELP}`)
const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: '' })
lines.on('line', (line) => {
  try {
    take(line)
  } catch (error) {
    print(`! ${error instanceof Error ? error.message : String(error)}`)
  }
})
lines.on('close', () => void telegram[Symbol.asyncDispose]())
