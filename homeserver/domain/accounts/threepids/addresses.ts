/** One way to write an address, so that it belongs to one user however it is typed (T65). */
import { domainToASCII } from 'node:url'
import { invalidParam } from '../../../core/errors.ts'
import type { ThreePid } from '../../../storage/threepids.ts'

const MAX_LENGTH = 254

/** Throws `M_INVALID_PARAM` for what is no address. */
export function emailAddress(given: string): ThreePid {
  const text = given.normalize('NFC').toLowerCase()
  const at = text.lastIndexOf('@')
  const [local, domain] = [text.slice(0, at), domainToASCII(text.slice(at + 1))]
  // No quoted local parts and no literal addresses: hardly anybody has them, and they are a way to inject (T65).
  const isGood = at > 0 && /^[^\s"(),:;<>@[\\\]\p{Cc}]+$/u.test(local) && /^[a-z\d-]+(?:\.[a-z\d-]+)*$/.test(domain)
  if (!isGood || text.length > MAX_LENGTH) throw invalidParam('This is no e-mail address')
  return { medium: 'email', address: `${local}@${domain}` }
}

/** In international form without a plus, as https://spec.matrix.org/v1.19/appendices/#pstn-phone-numbers wants it. */
export async function phoneNumber(country: string, number: string): Promise<ThreePid> {
  const { isSupportedCountry, parsePhoneNumberFromString } = await import('libphonenumber-js/min')
  if (!isSupportedCountry(country)) throw invalidParam('This is no country')
  const parsed = parsePhoneNumberFromString(number, country)
  if (!parsed?.isPossible()) throw invalidParam('This is no telephone number')
  return { medium: 'msisdn', address: parsed.number.slice(1) }
}
