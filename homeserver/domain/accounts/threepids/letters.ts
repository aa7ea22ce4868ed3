/** What the server writes to addresses that are to be proved. */
import type { Purpose } from '../../../storage/threepids.ts'
import type { Letter } from './mailer.ts'

interface Proof {
  readonly to: string
  readonly serverName: string
  readonly link: string
}

const ignore = 'If you did not ask for this, do nothing: nothing happens without a click on the link.'

const reasons: Readonly<Record<Purpose, (serverName: string) => { subject: string; why: string }>> = {
  register: (serverName) => ({
    subject: `Confirm your e-mail address for ${serverName}`,
    why: `Somebody, probably you, is making an account on ${serverName} with this address.`,
  }),
  password: (serverName) => ({
    subject: `Reset your password on ${serverName}`,
    why: `Somebody, probably you, wants to set a new password on ${serverName}.`,
  }),
  add: (serverName) => ({
    subject: `Confirm your e-mail address for ${serverName}`,
    why: `Somebody, probably you, wants to add this address to an account on ${serverName}.`,
  }),
}

export function proofLetter(purpose: Purpose, { to, serverName, link }: Proof): Letter {
  const { subject, why } = reasons[purpose](serverName)
  return { to, subject, text: `${why}\n\nTo confirm, open this link within an hour:\n\n${link}\n\n${ignore}\n` }
}

/** Sent where the answer to whoever asks must not tell that the address is known (T62). */
export function knownLetter(to: string, serverName: string): Letter {
  return {
    to,
    subject: `You have an account on ${serverName}`,
    text: `Somebody, perhaps you, wanted to make an account on ${serverName} with this address.\nYou have one already: log in, or reset its password.\n`,
  }
}

/** To the addresses of an account when something about it has changed. */
export function changeLetter(
  to: string,
  serverName: string,
  what: 'address added' | 'address removed' | 'password',
): Letter {
  const changes = {
    'address added': 'An address was added to',
    'address removed': 'This address was removed from',
    password: 'The password was changed of',
  }
  const text = `${changes[what]} your account on ${serverName}.\nIf that was not you, talk to the administrator of ${serverName} at once.\n`
  return { to, subject: `Your account on ${serverName} has changed`, text }
}

export function codeText(serverName: string, code: string): string {
  return `${code} is your code for ${serverName}.`
}
