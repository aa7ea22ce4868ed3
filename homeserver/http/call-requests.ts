/** What requests for tokens of calls have in common, and how they are refused: clients know only `M_BAD_JSON`. */
import { z } from 'zod'
import { badJson } from '../core/errors.ts'
import type { DeviceId, UserId } from '../core/ids.ts'
import { maxCallIdLength } from '../domain/limits.ts'
import { identityOf } from '../domain/rtc/names.ts'
import { asJson, type Refuse } from './endpoint.ts'

/** A request by which a user's own server is asked, or another one by that: with the member in its older form or its newer. */
export const hostedRequest = z.object({
  url: z.string(),
  room_id: z.string(),
  slot_id: z.string(),
  member: z.object({ id: z.string(), claimed_device_id: z.string().optional() }).optional(),
  member_id: z.string().optional(),
})

/** What is missing is bad JSON here. */
export const asBadJson: Refuse = (refusal, request) => {
  return asJson(
    refusal.errcode === 'M_MISSING_PARAM' ? { ...refusal, body: { ...refusal.body, errcode: 'M_BAD_JSON' } } : refusal,
    request,
  )
}

/** Throws `M_BAD_JSON` where one is empty, endless, or no text that a database can keep. */
export function callIds(ids: Readonly<Record<string, string | undefined>>): void {
  for (const [name, id] of Object.entries(ids)) {
    const isGood = id !== undefined && id !== '' && id.length <= maxCallIdLength && !id.includes('\0')
    if (!isGood || !id.isWellFormed()) throw badJson(`'${name}' is not an id`)
  }
}

interface HostedMember {
  readonly userId: UserId
  readonly deviceId: DeviceId | undefined
  readonly memberId: string
  readonly identity: string
}

/** Whom the user's own server vouches for: the device of its session, where the request names none. */
export function hostedMember(
  userId: UserId,
  { member, member_id: memberId }: z.output<typeof hostedRequest>,
  ownDevice: DeviceId | undefined,
): HostedMember {
  if (memberId !== undefined) {
    callIds({ member_id: memberId })
    const named = { userId, deviceId: undefined, memberId }
    return { ...named, deviceId: ownDevice, identity: identityOf(named) }
  }
  const deviceId = member?.claimed_device_id ?? ownDevice
  callIds({ 'member.id': member?.id, 'member.claimed_device_id': deviceId })
  const named = { userId, deviceId, memberId: member?.id ?? '' }
  return { ...named, identity: identityOf(named) }
}
