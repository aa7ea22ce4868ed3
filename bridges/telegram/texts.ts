/** What the bot says in Telegram, in English and Russian. */
import type { BridgeRefusal } from '../../homeserver/core/telegram-chats.ts'
import type { BrowserLabel, LinkRefusal, LoginRefusal } from '../../homeserver/core/telegram-login.ts'

const english = {
  start: `This bot joins Telegram groups with Matrix rooms, and lets you log in to Matrix.

/login – six digits for the login page
/whoami – which Matrix account is yours
/link – link this Telegram account with your Matrix account
/chats – choose which of your groups are Matrix rooms
/unlink – end the link with it
/loginoff, /loginon – forbid and allow logging in by this bot
/logout – sign out everywhere
/settings – my language, and whether you are yourself in Matrix
/privacy – what I know of you

In a group: add me as an administrator, then /bridge.`,
  groupHelp: `/bridge – join this group with a Matrix room: gives a code for there; with the code that !tg bridge gave there, /bridge CODE
/unbridge, /pause, /resume, /status, /id
/topics rooms, /topics threads, /topics flat – what topics of this forum are in Matrix
/invite – where the Matrix room is
/privacy – what I know of you
/redact as an answer – delete that message in Matrix too`,
  unknown: 'I do not know that. /help tells what I can do.',
  privateOnly: (bot: string) => `Write to me alone for that: https://t.me/${bot}`,
  onlyAdmins: 'That is for administrators of this group who may change its info.',
  howToBridge: (code: string) =>
    `Send in the Matrix room, within 10 minutes: !tg bridge ${code}\nWhoever has this code until then can join a room of theirs with this group.\nOr send !tg bridge there, and the code that it gives you here: /bridge CODE`,
  badCode: 'This code is wrong or too old. Send !tg bridge in the Matrix room for a new one.',
  bridged: (room: string, user: string) =>
    `This group is bridged with the Matrix room ${room}, as ${user} wished there. What is said here is read there, and the other way round. /unbridge ends that.`,
  greeting: (page: string | undefined) =>
    `Nothing that is said here goes to Matrix, until an administrator of this group chooses it: ${page === undefined ? '' : `at ${page}, or `}by !tg bridge in a Matrix room, and then /bridge here.`,
  chats: (page: string | undefined, chats: readonly string[]) =>
    `${chats.length === 0 ? 'I am in no group or channel of yours.' : `Yours, in which I am:\n${chats.join('\n')}`}${page === undefined ? '' : `\n\nChoose there which of them are Matrix rooms: ${page}`}`,
  roomLink: (url: string) => `The Matrix room: ${url}\nWho is not in it needs an invitation.`,
  publicLink: (url: string) => `The Matrix room, for everybody: ${url}`,
  roomBack: 'Somebody is in the Matrix room again: what is said here is read there.',
  botOut: 'I was removed from the Matrix room. Nothing is bridged until I am invited there again.',
  roomLeft: 'Everybody has left the Matrix room. Nothing is bridged until somebody comes back.',
  directChat: (user: string) =>
    `${user} would like to talk with you from Matrix. What you write to me goes there from now on. /unbridge ends that.`,
  whichTopics: '/topics rooms, /topics threads, or /topics flat.',
  topicsAre: {
    rooms: 'Topics are rooms of their own from now on.',
    threads: 'Topics are threads of the one room from now on.',
    flat: 'All topics are in the one room from now on.',
  },
  settings: 'What language shall I speak, and who shall speak for you in Matrix, where your account is linked?',
  languageOfApp: 'As my app',
  asMyself: 'I myself',
  asGhost: 'A stand-in',
  privacy: (server: string) =>
    `What you write, and your name, picture and number, go to the Matrix rooms of groups that are bridged, on ${server} and on the servers of their people. They stay there as long as those servers keep them. /redact in answer to your message deletes it there. What you write to me alone, those who run me may read. For logging in, your number, name and picture are kept.`,
  notBridged: 'This group is not bridged.',
  unbridged: 'This group is not bridged any more.',
  paused: 'Nothing is bridged until /resume.',
  resumed: 'Bridged again.',
  isBridged: (state: string) => `This group is bridged: ${state}.`,
  waiting: (updates: number, events: number) => `Waiting: ${updates} to Matrix, ${events} to Telegram.`,
  deaf: 'But I hear only commands here. Make me an administrator; or let my owner send /setprivacy to @BotFather, and then remove and add me.',
  notAdminHint: 'Make me an administrator: else I see no reactions and not who comes and goes.',
  replyToRedact: 'Answer the message that is to go with /redact.',
  notThere: 'That message is not in Matrix.',
  code: (server: string, device: string, minutes: number) =>
    ` is your code for ${server}${device}.\nValid for ${minutes} minutes. Nobody from us asks for it: never give it on.`,
  from: (browser: string, system: string) => `, asked for by ${[browser, system].filter(Boolean).join(' on ')}`,
  notMe: 'That is not me',
  whichPicture: 'Which picture does the login page show?',
  confirm: (device: string) => `Sign in${device}?`,
  yes: 'Yes',
  no: 'No',
  done: 'Done.',
  stopped: 'Stopped. Whoever asked for it is shut out for an hour.',
  signedIn: (user: string, device: string) => `New sign-in as ${user}${device}.`,
  signOutAll: 'Sign out everywhere',
  signedOut: 'Signed out everywhere.',
  askLink: (user: string) => `Link this Telegram account with ${user}? Then you can log in to it from here.`,
  linked: (user: string) => `Linked with ${user}.`,
  unlinked: (user: string) => `Not linked with ${user} any more.`,
  whoami: (user: string) => `You are ${user} in Matrix.`,
  linkCode: (code: string) => `In Matrix, in a room with the bot, send within 10 minutes:\n\n!tg link ${code}`,
  nobody: 'You have no Matrix account here yet. /login makes one.',
  loginOff: 'Nobody can log in by this bot as you, until /loginon.',
  loginOn: 'You can log in by this bot.',
  unavailable: 'The Matrix server does not answer. Try again in a minute.',
  refusals: {
    off: 'Logging in by Telegram is switched off.',
    no_page: 'Open the login page first, and choose Telegram there.',
    bad_link: 'This link is too old, or was used already. Open the login page again.',
    bad_choice: 'No login page shows that picture. Send /login to begin anew.',
    busy: 'Very many people log in just now. Use the button on the login page instead.',
    too_many: 'Too many tries. Wait a while.',
    no_account: 'You have no account here, and strangers cannot make one.',
    not_allowed: 'That is not possible.',
    taken: 'One of the two is linked with somebody else.',
    not_linked: 'There is no link.',
    only_way: 'Set a password in Matrix first: this is the only way to log in to your account.',
  } satisfies Record<LoginRefusal | LinkRefusal, string>,
  bridgeRefusals: {
    relay_only: 'You may not bridge anything here.',
    no_power: 'You may not do that here: it needs the power to change power levels.',
    no_chat_admin: 'That is for administrators of the Telegram group who may change its info.',
    no_admin: 'That is for admins of the bridge.',
    encrypted:
      'This room is encrypted, and Telegram is not: bridging it would give away what is said here. Make a room without encryption.',
    other_bridge: 'This room is bridged by somebody else already. If that is over: !tg bridge --force',
    federated: 'People of other servers can enter this room, and such rooms are not bridged here.',
    room_bridged: 'This room is bridged already.',
    chat_bridged: 'This is bridged already. /unbridge first.',
    too_many: 'You have bridged as many chats as one may here.',
    too_large: 'This group has more people than may be bridged here.',
    no_chat: 'The bot is not in that group.',
    no_room: 'The bot does not get into that room.',
    not_bridged: 'This room is not bridged.',
  } satisfies Record<BridgeRefusal, string>,
}

export type Texts = typeof english

const russian: Texts = {
  start: `Этот бот соединяет группы Telegram с комнатами Matrix и помогает войти в Matrix.

/login – шесть цифр для страницы входа
/whoami – какая учётная запись Matrix ваша
/link – связать этот Telegram с вашей учётной записью Matrix
/chats – выбрать, какие из ваших групп станут комнатами Matrix
/unlink – разорвать связь с ней
/loginoff, /loginon – запретить и разрешить вход через бота
/logout – выйти везде
/settings – мой язык и кто вы в Matrix
/privacy – что я о вас знаю

В группе: сделайте меня администратором, затем /bridge.`,
  groupHelp: `/bridge – соединить группу с комнатой Matrix: даёт код для неё; с кодом, который дал там !tg bridge: /bridge КОД
/unbridge, /pause, /resume, /status, /id
/topics rooms, /topics threads, /topics flat – чем темы форума будут в Matrix
/invite – где комната Matrix
/privacy – что я о вас знаю
/redact в ответ – удалить это сообщение и в Matrix`,
  unknown: 'Я этого не знаю. /help расскажет, что я умею.',
  privateOnly: (bot) => `Напишите мне лично: https://t.me/${bot}`,
  onlyAdmins: 'Это могут администраторы группы, которым разрешено менять её данные.',
  howToBridge: (code) =>
    `Отправьте в комнате Matrix в течение 10 минут: !tg bridge ${code}\nУ кого есть этот код, тот до тех пор может соединить с группой свою комнату.\nИли отправьте там !tg bridge, а полученный код – сюда: /bridge КОД`,
  badCode: 'Код неверен или устарел. Отправьте !tg bridge в комнате Matrix ещё раз.',
  bridged: (room, user) =>
    `Группа соединена с комнатой Matrix ${room}: этого пожелал там ${user}. Сказанное здесь читают там, и наоборот. /unbridge прекращает это.`,
  greeting: (page) =>
    `Ничего из сказанного здесь не попадает в Matrix, пока этого не выберет администратор группы: ${page === undefined ? '' : `на странице ${page} или `}через !tg bridge в комнате Matrix, а затем /bridge здесь.`,
  chats: (page, chats) =>
    `${chats.length === 0 ? 'Меня нет ни в одной вашей группе и ни в одном канале.' : `Ваши, где есть я:\n${chats.join('\n')}`}${page === undefined ? '' : `\n\nВыберите там, какие из них станут комнатами Matrix: ${page}`}`,
  roomLink: (url) => `Комната Matrix: ${url}\nВойти можно по приглашению.`,
  publicLink: (url) => `Комната Matrix, открытая для всех: ${url}`,
  roomBack: 'В комнате Matrix снова кто-то есть: сказанное здесь читают там.',
  botOut: 'Меня удалили из комнаты Matrix. Ничего не передаётся, пока меня туда снова не пригласят.',
  roomLeft: 'Из комнаты Matrix все вышли. Ничего не передаётся, пока кто-нибудь не вернётся.',
  directChat: (user) =>
    `${user} хочет поговорить с вами из Matrix. То, что вы мне пишете, теперь попадает туда. /unbridge прекращает это.`,
  whichTopics: '/topics rooms, /topics threads или /topics flat.',
  topicsAre: {
    rooms: 'Теперь темы – отдельные комнаты.',
    threads: 'Теперь темы – ветки одной комнаты.',
    flat: 'Теперь все темы в одной комнате.',
  },
  settings: 'На каком языке мне говорить и кто говорит за вас в Matrix, если ваша запись связана?',
  languageOfApp: 'Как в приложении',
  asMyself: 'Я сам',
  asGhost: 'Двойник',
  privacy: (server) =>
    `То, что вы пишете, ваше имя, фото и номер попадают в комнаты Matrix соединённых групп, на ${server} и на серверы их участников, и остаются там, пока те серверы их хранят. /redact в ответ на ваше сообщение удаляет его и там. То, что вы пишете мне лично, могут читать мои владельцы. Для входа хранятся ваш номер, имя и фото.`,
  notBridged: 'Группа не соединена.',
  unbridged: 'Группа больше не соединена.',
  paused: 'Ничего не передаётся до /resume.',
  resumed: 'Снова соединено.',
  isBridged: (state) => `Группа соединена: ${state}.`,
  waiting: (updates, events) => `Ждут: ${updates} в Matrix, ${events} в Telegram.`,
  deaf: 'Но здесь я слышу только команды. Сделайте меня администратором или попросите моего владельца отправить /setprivacy в @BotFather, затем удалите и снова добавьте меня.',
  notAdminHint: 'Сделайте меня администратором: иначе я не вижу реакций и кто приходит и уходит.',
  replyToRedact: 'Ответьте /redact на сообщение, которое надо удалить.',
  notThere: 'Этого сообщения нет в Matrix.',
  code: (server, device, minutes) =>
    ` – ваш код для ${server}${device}.\nДействует ${minutes} мин. Никто от нас его не спросит: никому его не передавайте.`,
  from: (browser, system) => `, запрос: ${[browser, system].filter(Boolean).join(', ')}`,
  notMe: 'Это не я',
  whichPicture: 'Какая картинка на странице входа?',
  confirm: (device) => `Войти${device}?`,
  yes: 'Да',
  no: 'Нет',
  done: 'Готово.',
  stopped: 'Остановлено. Тот, кто запросил вход, не сможет повторить его час.',
  signedIn: (user, device) => `Новый вход: ${user}${device}.`,
  signOutAll: 'Выйти везде',
  signedOut: 'Выполнен выход везде.',
  askLink: (user) => `Связать этот Telegram с ${user}? Тогда отсюда можно будет войти в эту запись.`,
  linked: (user) => `Связано с ${user}.`,
  unlinked: (user) => `Связи с ${user} больше нет.`,
  whoami: (user) => `В Matrix вы ${user}.`,
  linkCode: (code) => `Отправьте в Matrix, в комнате с ботом, в течение 10 минут:\n\n!tg link ${code}`,
  nobody: 'У вас ещё нет учётной записи Matrix здесь. Её создаст /login.',
  loginOff: 'Войти через бота от вашего имени нельзя до /loginon.',
  loginOn: 'Вход через бота разрешён.',
  unavailable: 'Сервер Matrix не отвечает. Попробуйте через минуту.',
  refusals: {
    off: 'Вход через Telegram выключен.',
    no_page: 'Сначала откройте страницу входа и выберите там Telegram.',
    bad_link: 'Ссылка устарела или уже использована. Откройте страницу входа ещё раз.',
    bad_choice: 'Такой картинки нет ни на одной странице входа. Начните заново: /login.',
    busy: 'Сейчас входит очень много людей. Нажмите кнопку на странице входа.',
    too_many: 'Слишком много попыток. Подождите.',
    no_account: 'У вас нет учётной записи здесь, а новых не создают.',
    not_allowed: 'Это невозможно.',
    taken: 'Одна из сторон уже связана с другой.',
    not_linked: 'Связи нет.',
    only_way: 'Сначала задайте пароль в Matrix: другого способа войти в вашу запись нет.',
  },
  bridgeRefusals: {
    relay_only: 'Вам здесь нельзя ничего соединять.',
    no_power: 'Вам здесь нельзя: нужно право менять уровни прав в комнате.',
    no_chat_admin: 'Это могут администраторы группы Telegram, которым разрешено менять её данные.',
    no_admin: 'Это для администраторов моста.',
    encrypted:
      'Комната зашифрована, а Telegram – нет: сказанное в ней стало бы открытым. Создайте комнату без шифрования.',
    other_bridge: 'Комнату уже соединяет кто-то другой. Если это в прошлом: !tg bridge --force',
    federated: 'В комнату могут войти люди с других серверов, такие здесь не соединяют.',
    room_bridged: 'Комната уже соединена.',
    chat_bridged: 'Уже соединено. Сначала /unbridge.',
    too_many: 'Вы соединили столько чатов, сколько здесь можно.',
    too_large: 'В группе больше людей, чем здесь можно соединять.',
    no_chat: 'Бота нет в этой группе.',
    no_room: 'Бот не может войти в эту комнату.',
    not_bridged: 'Комната не соединена.',
  },
}

export const textsFor = (language: string | undefined): Texts =>
  language?.startsWith('ru') === true ? russian : english

export function deviceLabel(texts: Texts, device: BrowserLabel | undefined): string {
  if (!device || (device.browser === undefined && device.system === undefined)) return ''
  return texts.from(device.browser ?? '', device.system ?? '')
}

type Scope = 'all_private_chats' | 'all_group_chats' | 'all_chat_administrators'

interface Listed {
  readonly name: string
  readonly en: string
  readonly ru: string
}

const alone: readonly Listed[] = [
  { name: 'login', en: 'Log in to Matrix', ru: 'Войти в Matrix' },
  { name: 'whoami', en: 'Which Matrix account is yours', ru: 'Какая учётная запись ваша' },
  { name: 'link', en: 'Link with your Matrix account', ru: 'Связать с записью Matrix' },
  { name: 'unlink', en: 'End the link', ru: 'Разорвать связь' },
  { name: 'logout', en: 'Sign out everywhere', ru: 'Выйти везде' },
  { name: 'chats', en: 'Choose which groups are Matrix rooms', ru: 'Выбрать группы для Matrix' },
  { name: 'settings', en: 'Language, and who you are in Matrix', ru: 'Язык и кто вы в Matrix' },
  { name: 'privacy', en: 'What I know of you', ru: 'Что я о вас знаю' },
  { name: 'help', en: 'What I can do', ru: 'Что я умею' },
]
const everybody: readonly Listed[] = [
  { name: 'status', en: 'What is bridged', ru: 'Что соединено' },
  { name: 'invite', en: 'Where the Matrix room is', ru: 'Где комната Matrix' },
  { name: 'redact', en: 'In answer: delete that in Matrix too', ru: 'В ответ: удалить это и в Matrix' },
  { name: 'privacy', en: 'What I know of you', ru: 'Что я о вас знаю' },
  { name: 'help', en: 'What I can do', ru: 'Что я умею' },
]
const rulers: readonly Listed[] = [
  { name: 'bridge', en: 'Join this group with a Matrix room', ru: 'Соединить группу с комнатой Matrix' },
  { name: 'unbridge', en: 'End that', ru: 'Прекратить' },
  { name: 'pause', en: 'Bridge nothing for a while', ru: 'На время ничего не передавать' },
  { name: 'resume', en: 'Bridge again', ru: 'Снова передавать' },
  { name: 'topics', en: 'What topics are in Matrix', ru: 'Чем темы будут в Matrix' },
  { name: 'id', en: 'The number of this group', ru: 'Номер группы' },
  ...everybody,
]
const menus: readonly (readonly [Scope, readonly Listed[]])[] = [
  ['all_private_chats', alone],
  ['all_group_chats', everybody],
  ['all_chat_administrators', rulers],
]

/** For Telegram's menus: what each may do where they are, in their language. https://core.telegram.org/bots/api#setmycommands */
export const commandMenus = menus.flatMap(([type, commands]) =>
  (['en', 'ru'] as const).map((language) => ({
    scope: { type },
    commands: commands.map(({ name, [language]: description }) => ({ command: name, description })),
    ...(language === 'en' ? {} : { language_code: language }),
  })),
)
