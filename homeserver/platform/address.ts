/** Which network addresses may be dialled (T43). */
import { BlockList, isIP } from 'node:net'

/**
 * Ranges that are not the public internet.
 * https://www.iana.org/assignments/iana-ipv4-special-registry https://www.iana.org/assignments/iana-ipv6-special-registry
 */
export const privateRanges: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '::1/128',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23', // Teredo and other protocol assignments
  '2001:db8::/32',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
]

export type AddressCheck = (address: string) => boolean

/**
 * Tells whether an IP address may be dialled. `allow` makes exceptions from `deny`; both hold addresses and CIDR
 * ranges, and throw when they are none. An IPv6 address that carries an IPv4 one (mapped, translated, 6to4) must pass
 * as both. The unspecified address, which reaches this machine, never passes.
 */
export function addressCheck({ deny, allow }: { deny: readonly string[]; allow: readonly string[] }): AddressCheck {
  const denied = listOf(deny)
  const allowed = listOf(allow)
  const passes = (address: string, family: 'ipv4' | 'ipv6'): boolean =>
    allowed.check(address, family) || !denied.check(address, family)

  return (address) => {
    if (isIP(address) === 4) return address !== '0.0.0.0' && passes(address, 'ipv4')
    const bytes = parseIpv6(address)
    if (!bytes || bytes.every((byte) => byte === 0)) return false
    const inner = embeddedIpv4(bytes)
    if (inner === undefined) return passes(address.replace(/%.*/, ''), 'ipv6')
    return inner !== '0.0.0.0' && passes(inner, 'ipv4') && passes(address.replace(/%.*/, ''), 'ipv6')
  }
}

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    const prefix = bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits)
    list.addSubnet(address, prefix, family)
  }
  return list
}

/** Prefixes of IPv6 addresses whose IPv4 address begins at `at`. */
const embeddings: readonly { readonly prefix: readonly number[]; readonly at: number }[] = [
  { prefix: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], at: 12 }, // ::ffff:a.b.c.d, mapped
  { prefix: [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0], at: 12 }, // ::ffff:0:a.b.c.d, stateless translation
  { prefix: [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], at: 12 }, // 64:ff9b::/96, NAT64
  { prefix: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], at: 12 }, // ::a.b.c.d, once "compatible"
  { prefix: [0x20, 0x02], at: 2 }, // 2002::/16, 6to4
]

function embeddedIpv4(bytes: readonly number[]): string | undefined {
  // ::1 reads as 0.0.0.1 by the last of the zero prefixes, but is an address in its own right.
  const own = bytes.slice(0, 15).every((byte) => byte === 0)
  const match = embeddings.find(({ prefix }) => prefix.every((byte, index) => bytes[index] === byte))
  return match && !own ? bytes.slice(match.at, match.at + 4).join('.') : undefined
}

/** The sixteen bytes, or undefined when it is no IPv6 address. A zone such as `%eth0` is left out. */
function parseIpv6(text: string): number[] | undefined {
  if (isIP(text) !== 6) return undefined
  const [head = '', tail] = text.replace(/%.*/, '').split('::')
  const before = groupBytes(head)
  const after = tail === undefined ? [] : groupBytes(tail)
  const gap = Array.from({ length: 16 - before.length - after.length }, () => 0)
  return [...before, ...gap, ...after]
}

function groupBytes(groups: string): number[] {
  if (groups === '') return []
  return groups.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number)
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}
