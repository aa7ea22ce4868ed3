/** What `!tg help` says; `!tg help ru` in Russian. */
const english = `!tg bridge – join this room with a Telegram group: gives a code to send there; with the code that /bridge gave there, !tg bridge CODE
!tg create [NAME] – the same with a new room
!tg unbridge – end that; with --purge, forget also which message was which
!tg delete-portal – end that, and empty the room
!tg pause, !tg resume – bridge nothing for a while
!tg sync – take over description and pins of the group now
!tg status, !tg id – what is bridged, and what waits
!tg dead, !tg retry [EVENT] – what Telegram did not take, and send it again
!tg topic new NAME, !tg topic close, !tg topic reopen – topics of a forum
!tg invite-link – a link into the Telegram group
!tg set public, !tg set private – let everybody into the room, by #telegram_NAME
!tg relay-format {name}: – what stands before messages in Telegram; once or always, whether each has it; default
!tg link, !tg unlink – log in to this account by Telegram, or not any more; with the code that /link gave you there, !tg link CODE
!tg whoami – who you are in Telegram
For admins: !tg list, !tg audit, !tg ban WHO, !tg unban WHO, !tg bans, !tg limits, !tg lease`

const russian = `!tg bridge – соединить комнату с группой Telegram: даёт код для группы; с кодом, который дал там /bridge: !tg bridge КОД
!tg create [НАЗВАНИЕ] – то же с новой комнатой
!tg unbridge – прекратить; с --purge забыть и то, какое сообщение каким было
!tg delete-portal – прекратить и освободить комнату
!tg pause, !tg resume – на время ничего не передавать
!tg sync – взять описание и закреплённое из группы сейчас
!tg status, !tg id – что соединено и что ждёт
!tg dead, !tg retry [СОБЫТИЕ] – что Telegram не принял, и отправить снова
!tg topic new НАЗВАНИЕ, !tg topic close, !tg topic reopen – темы форума
!tg invite-link – ссылка в группу Telegram
!tg set public, !tg set private – пускать в комнату всех, по #telegram_ИМЯ
!tg relay-format {name}: – что стоит перед сообщениями в Telegram; once или always – у первого или у каждого; default – как обычно
!tg link, !tg unlink – входить в эту запись через Telegram или больше нет; с кодом, который дал там /link: !tg link КОД
!tg whoami – кто вы в Telegram
Для администраторов: !tg list, !tg audit, !tg ban КТО, !tg unban КТО, !tg bans, !tg limits, !tg lease`

export const helpIn = (language: string | undefined): string =>
  language?.startsWith('ru') === true ? russian : english
