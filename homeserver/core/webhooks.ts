import type { Door } from './door.ts'

/** What a program posts at the address of a webhook. */
export interface WebhookPost {
  readonly hookId: string
  readonly secret: string
  /** Whose form the body has; undefined where it shows by itself. */
  readonly dialect: 'slack' | 'discord' | undefined
  /** In lower case, without parameters. */
  readonly contentType: string
  readonly body: Buffer
  /** The sender's own name for this message: with the same one it comes no second time. */
  readonly deliveryId: string | undefined
}

/** Gives the event's id. */
export type WebhookDoor = Door<WebhookPost, string>
