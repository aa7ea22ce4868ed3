/** Six digits. There are only a million, so what is kept of them is of no use without a key outside of the database. */
import { createHmac, randomInt, timingSafeEqual } from 'node:crypto'

const COUNT = 1_000_000
const DIGITS = 6

export class CodeKey {
  readonly #key: Buffer

  constructor(key: Buffer) {
    this.#key = key
  }

  newCode(): string {
    return String(randomInt(COUNT)).padStart(DIGITS, '0')
  }

  /** Of a code for one login page, or without a page for any. */
  hmac(code: string, loginId: string | undefined): string {
    return this.#hmac(`code ${loginId ?? 'open'} ${code}`)
  }

  isSame(hmac: string, other: string): boolean {
    return hmac.length === other.length && timingSafeEqual(Buffer.from(hmac), Buffer.from(other))
  }

  /** What the link of a login page carries: 43 characters that follow from its id for nobody but us. */
  nonce(loginId: string): string {
    return this.#hmac(`nonce ${loginId}`)
  }

  #hmac(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('base64url')
  }
}

/** What somebody has typed, in any digits and with any signs between; undefined if these are not six digits. */
export function typedCode(text: string): string | undefined {
  const digits = text.replaceAll(/[\s\p{Pd}\p{Cf}]/gu, '').replaceAll(/\p{Nd}/gu, (digit) => String(valueOf(digit)))
  return /^\d{6}$/.test(digits) ? digits : undefined
}

/** In Unicode the ten digits of a script follow one another from a zero on. */
function valueOf(digit: string): number {
  const point = digit.codePointAt(0) ?? 0
  for (let value = 0; value < 9; value++) {
    if (!/\p{Nd}/u.test(String.fromCodePoint(point - value - 1))) return value
  }
  return 9
}
