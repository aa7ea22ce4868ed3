/** The address a request came from; a forwarded one is believed only from trusted proxies. */
import type { IncomingMessage } from 'node:http'
import { BlockList, isIPv6 } from 'node:net'

export type TrustedProxies = BlockList

/** From addresses and CIDR ranges of the config. */
export function trustedProxies(ranges: readonly string[]): TrustedProxies {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

/** Walks `X-Forwarded-For` from its end to the first address that is no trusted proxy. */
export function clientAddress(request: IncomingMessage, trusted: TrustedProxies): string {
  let address = plain(request.socket.remoteAddress ?? '')
  const header = request.headers['x-forwarded-for']
  if (header === undefined) return address
  const hops = (Array.isArray(header) ? header.join(',') : header).split(',').map((hop) => plain(hop.trim()))
  while (hops.length > 0 && isTrusted(address, trusted)) address = hops.pop() ?? address
  return address
}

/** Whether nobody but a trusted proxy can have written its headers. */
export function isFromProxy({ socket }: IncomingMessage, trusted: TrustedProxies): boolean {
  return isTrusted(plain(socket.remoteAddress ?? ''), trusted)
}

function isTrusted(address: string, trusted: TrustedProxies): boolean {
  return trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

/** `::ffff:1.2.3.4` is `1.2.3.4`. */
function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
