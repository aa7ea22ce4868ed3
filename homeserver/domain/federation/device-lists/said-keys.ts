/**
 * What another server says of the keys of its users. Only what is well-formed and theirs is taken (T71): the rest is
 * left out, as if it had not been said. Signatures are kept as they came; clients look at all of them.
 */
import { isJsonObject } from '../../../core/canonical-json.ts'
import { MatrixError } from '../../../core/errors.ts'
import type { Json } from '../../../core/event.ts'
import { type DeviceId, fitsId, type UserId } from '../../../core/ids.ts'
import type { StoredCrossSigningKey } from '../../../storage/cross-signing.ts'
import type { StoredDeviceKeys } from '../../../storage/device-keys.ts'
import { isSignedBy, parseCrossSigningKey, parseDeviceKeys, storedText } from '../../devices/signed-keys.ts'
import { maxDeviceName, maxDevices } from '../../limits.ts'

export interface KeysOfUser {
  readonly userId: UserId
  readonly devices: readonly StoredDeviceKeys[]
  /** A master key, and a self-signing key if that is signed by it. */
  readonly crossSigning: readonly StoredCrossSigningKey[]
}

export interface SaidDevice {
  readonly deviceId: Json | undefined
  readonly keys: Json | undefined
  readonly name: Json | undefined
}

export interface SaidCrossSigning {
  readonly master: Json | undefined
  readonly selfSigning: Json | undefined
}

export function keysOfUser(userId: UserId, devices: readonly SaidDevice[], said: SaidCrossSigning): KeysOfUser {
  const crossSigning = crossSigningOf(userId, said)
  const taken = new Set(crossSigning.map(({ publicKey }) => publicKey))
  const known = devices.slice(0, maxDevices).flatMap((device) => deviceOf(userId, device) ?? [])
  const byId = new Map(known.filter(({ deviceId }) => !taken.has(deviceId)).map((device) => [device.deviceId, device]))
  return { userId, devices: [...byId.values()], crossSigning }
}

/** Undefined unless these are keys of that device. */
export function deviceOf(userId: UserId, { deviceId, keys, name }: SaidDevice): StoredDeviceKeys | undefined {
  if (!isDeviceId(deviceId) || !isJsonObject(keys)) return undefined
  const text = textOf(() => storedText(parseDeviceKeys(keys, userId, deviceId)))
  return text === undefined ? undefined : { userId, deviceId, keys: text, displayName: nameOf(name) }
}

export function isDeviceId(value: Json | undefined): value is DeviceId {
  return typeof value === 'string' && value !== '' && fitsId(value) && !value.includes('\0')
}

/** `known` is the public part of the master key, if none is said. */
export function crossSigningOf(
  userId: UserId,
  { master, selfSigning }: SaidCrossSigning,
  known?: string,
): StoredCrossSigningKey[] {
  const masterKey = crossSigningKey(userId, 'master', master)
  const publicKey = masterKey?.publicKey ?? known
  const isVouched =
    isJsonObject(selfSigning) &&
    publicKey !== undefined &&
    isSignedBy(selfSigning, userId, `ed25519:${publicKey}`, publicKey)
  const selfSigningKey = isVouched ? crossSigningKey(userId, 'self_signing', selfSigning) : undefined
  return [masterKey, selfSigningKey].filter((key) => key !== undefined)
}

function crossSigningKey(
  userId: UserId,
  usage: 'master' | 'self_signing',
  value: Json | undefined,
): StoredCrossSigningKey | undefined {
  if (!isJsonObject(value)) return undefined
  let publicKey = ''
  const keys = textOf(() => {
    const parsed = parseCrossSigningKey(value, userId, usage)
    publicKey = parsed.publicKey
    return storedText(parsed.keys)
  })
  return keys === undefined ? undefined : { userId, usage, publicKey, keys }
}

function nameOf(name: Json | undefined): string | null {
  return typeof name === 'string' ? name.replaceAll('\0', '').slice(0, maxDeviceName) : null
}

/** Undefined for what is refused. */
function textOf(read: () => string): string | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof MatrixError) return undefined
    throw error
  }
}
