/** What the bot says, in the language in which it was asked. */
import { MAX_FILE, MAX_QUEUE } from './config.ts'

export type Language = 'en' | 'ru'
type CommandName = 'play' | 'queue' | 'skip' | 'pause' | 'resume' | 'stop' | 'volume' | 'help'

const words: Readonly<Record<string, readonly [CommandName, Language]>> = {
  play: ['play', 'en'],
  queue: ['queue', 'en'],
  skip: ['skip', 'en'],
  pause: ['pause', 'en'],
  resume: ['resume', 'en'],
  stop: ['stop', 'en'],
  volume: ['volume', 'en'],
  help: ['help', 'en'],
  играй: ['play', 'ru'],
  очередь: ['queue', 'ru'],
  дальше: ['skip', 'ru'],
  пауза: ['pause', 'ru'],
  продолжай: ['resume', 'ru'],
  стоп: ['stop', 'ru'],
  громкость: ['volume', 'ru'],
  помощь: ['help', 'ru'],
}

export interface Asked {
  readonly command: CommandName
  readonly language: Language
  /** What follows the command. */
  readonly rest: string
}

/** What a message asks for, if it is a command: `!play`, or `!играй`. */
export function askedIn(body: string): Asked | undefined {
  const [, word = '', rest = ''] = /^!(\p{L}+)(?:\s+([^]*))?$/u.exec(body.trim()) ?? []
  const name = word.toLowerCase()
  const found = Object.hasOwn(words, name) ? words[name] : undefined
  return found && { command: found[0], language: found[1], rest: rest.trim() }
}

const megabytes = MAX_FILE / 1024 / 1024

const english = {
  help: `!play – plays a sound file: the one you answer with this, else the last one here
!play NAME – the last one with NAME in its name
!queue – what is played, and what comes then
!skip – the next one
!pause, !resume
!stop – ends the music
!volume 0…100
По-русски: !помощь`,
  encrypted: 'This room is encrypted: I can neither read it nor be heard in its calls. Make a room without encryption.',
  mayNot: 'Only those who may join the call here tell me what to play.',
  noFile: 'There is no such sound file among the last messages. Post one, and answer it with !play.',
  secretFile: 'That file is encrypted: I cannot open it.',
  tooLarge: `That file is larger than ${megabytes} MiB.`,
  gone: 'That file is not there any more.',
  unknown: 'I do not know what kind of sound that is.',
  needsFfmpeg: 'I play WAV and Ogg/Opus. For other kinds the server needs ffmpeg.',
  full: `The queue is full: ${MAX_QUEUE} files wait.`,
  tooMany: 'I play in as many rooms as I can. Try again later.',
  noCalls: 'I cannot join the call: the server has none, or does not let me in.',
  queued: (name: string, place: number) => `${name} is number ${place} in the queue.`,
  playing: (name: string) => `♪ ${name}`,
  failed: (name: string) => `${name} cannot be played.`,
  nothing: 'Nothing is played.',
  paused: 'Paused. !resume goes on.',
  stopped: 'The music is over.',
  alone: 'Nobody is in the call: the music is over.',
  lost: 'The call is over for me, and with it the music.',
  volume: (value: number) => `Volume ${value} of 100.`,
  badVolume: 'A number from 0 to 100, please.',
  isPaused: 'paused',
}

export type Texts = typeof english

const russian: Texts = {
  help: `!играй – играет звуковой файл: тот, на который вы этим отвечаете, иначе последний здесь
!играй ИМЯ – последний, в имени которого есть ИМЯ
!очередь – что играет и что дальше
!дальше – следующий
!пауза, !продолжай
!стоп – конец музыки
!громкость 0…100
In English: !help`,
  encrypted:
    'Эта комната зашифрована: я не могу ни читать в ней, ни звучать в её звонках. Создайте комнату без шифрования.',
  mayNot: 'Мне могут указывать только те, кому можно присоединиться к звонку здесь.',
  noFile: 'Среди последних сообщений нет такого звукового файла. Отправьте его и ответьте на него !играй.',
  secretFile: 'Этот файл зашифрован: я не могу его открыть.',
  tooLarge: `Этот файл больше ${megabytes} МиБ.`,
  gone: 'Этого файла больше нет.',
  unknown: 'Я не знаю, что это за звук.',
  needsFfmpeg: 'Я играю WAV и Ogg/Opus. Для других видов серверу нужен ffmpeg.',
  full: `Очередь полна: ждут ${MAX_QUEUE}.`,
  tooMany: 'Больше комнат сразу я не могу. Попробуйте позже.',
  noCalls: 'Не могу присоединиться к звонку: их на сервере нет, или меня не пускают.',
  queued: (name, place) => `${name} – номер ${place} в очереди.`,
  playing: (name) => `♪ ${name}`,
  failed: (name) => `${name}: не играется.`,
  nothing: 'Ничего не играет.',
  paused: 'Пауза. !продолжай – играть дальше.',
  stopped: 'Музыка окончена.',
  alone: 'В звонке никого нет: музыка окончена.',
  lost: 'Звонок для меня окончен, и с ним музыка.',
  volume: (value) => `Громкость ${value} из 100.`,
  badVolume: 'Число от 0 до 100, пожалуйста.',
  isPaused: 'пауза',
}

export const textsIn = (language: Language): Texts => (language === 'ru' ? russian : english)
