/** JSON web tokens as LiveKit has them: HS256, by the secret of an API key. https://www.rfc-editor.org/rfc/rfc7519 */
import type { JWTPayload } from 'jose'
import type { Clock } from '../../platform/clock.ts'
import type { Secret } from '../../platform/secret.ts'

export interface ApiKey {
  readonly id: string
  readonly secret: Secret
}

type Claims = Readonly<JWTPayload>

/** Clocks of two machines may differ by this much. */
const LEEWAY_S = 60
const alg = 'HS256'

export async function signJwt(claims: Claims, { id, secret }: ApiKey): Promise<string> {
  const { SignJWT } = await import('jose') // for those who call
  return await new SignJWT({ iss: id, ...claims }).setProtectedHeader({ alg, typ: 'JWT' }).sign(bytesOf(secret))
}

/** The claims of a token that the holder of the key made and that counts now; else undefined. */
export async function verifyJwt(
  token: string,
  { id, secret }: ApiKey,
  clock: Pick<Clock, 'now'>,
): Promise<Claims | undefined> {
  const { errors, jwtVerify } = await import('jose')
  const rules = { algorithms: [alg], issuer: id, requiredClaims: ['exp'], clockTolerance: LEEWAY_S }
  try {
    return (await jwtVerify(token, bytesOf(secret), { ...rules, currentDate: new Date(clock.now()) })).payload
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}

const bytesOf = (secret: Secret): Uint8Array => Buffer.from(secret.reveal())
