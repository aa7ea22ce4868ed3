/** Commands about who somebody is in Telegram. */
import type { LinkAnswer } from '../../../homeserver/core/telegram-login.ts'
import type { LinkCodes } from '../link-codes.ts'
import type { Matrix } from '../matrix.ts'
import { textsFor } from '../texts.ts'
import { argumentsOf, type Commands } from './command.ts'

export interface OneselfParts {
  readonly matrix: Matrix
  readonly linkCodes: LinkCodes
  readonly bot: { readonly id: string; readonly username: string }
}

export function oneselfCommands({ matrix, linkCodes, bot }: OneselfParts): Commands {
  /** Telegram's id of somebody who is linked. */
  const idOf = async (userId: string): Promise<string | undefined> => {
    const { tg_user: id } = await matrix.internal('account', { user_id: userId }).catch(() => ({ tg_user: undefined }))
    return typeof id === 'string' ? id : undefined
  }
  return {
    link: async (event) => {
      const [code, yes] = argumentsOf(event)
      try {
        if (code !== undefined) return await linkCodes.say(event.sender, code, yes === 'yes')
        const { nonce } = await matrix.internal('link/start', { user_id: event.sender })
        return `Open https://t.me/${bot.username}?start=K${String(nonce)} in Telegram within 10 minutes, and say yes there.`
      } catch {
        return 'This account cannot be linked here.'
      }
    },
    unlink: async ({ sender }) => {
      const id = await idOf(sender)
      if (id === undefined) return `${sender} is not linked with anybody in Telegram.`
      const answer = (await matrix.internal('unlink', { tg_user: id })) as unknown as LinkAnswer
      if (answer.kind === 'refused') return textsFor('en').refusals[answer.reason]
      return `${sender} is not linked with the user ${id} of Telegram any more.`
    },
    whoami: async ({ sender }) => {
      const id = await idOf(sender)
      return id === undefined
        ? `You are ${sender}, not linked with anybody in Telegram.`
        : `You are ${sender}, and in Telegram the user ${id}.`
    },
  }
}
