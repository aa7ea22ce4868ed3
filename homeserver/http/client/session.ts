/** What the endpoints that open sessions have in common. */
import { z } from 'zod'
import type { OpenSession, SessionOptions } from '../../domain/accounts/sessions.ts'

/** Bytes of UTF-8, as of an identifier. */
const MAX_DEVICE_ID = 255

const deviceId = z
  .string()
  .min(1)
  .refine((id) => Buffer.byteLength(id) <= MAX_DEVICE_ID && !id.includes('\0'), 'not a device id')

/** Keys of a body that open a session. */
export const sessionShape = {
  device_id: deviceId.nullish(),
  initial_device_display_name: z.string().nullish(),
  refresh_token: z.boolean().nullish(),
}

interface SessionBody {
  readonly device_id?: string | null | undefined
  readonly initial_device_display_name?: string | null | undefined
  readonly refresh_token?: boolean | null | undefined
}

interface SessionCall {
  readonly ip: string
  readonly body: SessionBody
  readonly request: { readonly headers: { readonly 'user-agent'?: string | undefined } }
}

export function sessionOptions({ ip, body, request }: SessionCall): SessionOptions {
  return {
    ip,
    userAgent: request.headers['user-agent'],
    deviceId: body.device_id ?? undefined,
    displayName: body.initial_device_display_name ?? undefined,
    isRefreshable: body.refresh_token ?? undefined,
  }
}

export function sessionAnswer({ userId, deviceId: id, ...session }: OpenSession) {
  return { user_id: userId, device_id: id, ...tokenAnswer(session) }
}

export function tokenAnswer(tokens: Omit<OpenSession, 'userId' | 'deviceId'>) {
  const { accessToken, refreshToken, expiresInMs } = tokens
  return {
    access_token: accessToken,
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    ...(expiresInMs === undefined ? {} : { expires_in_ms: expiresInMs }),
  }
}
