import type { Door } from './door.ts'

/** What Telegram, or somebody else, posts at the address for updates. */
export interface UpdatePost {
  readonly secret: string | undefined
  /** Asked for when the secret is right: nobody else's body is read. */
  readonly read: () => Promise<Buffer>
}

/** Resolves when the update is on disk. */
export type UpdateDoor = Door<UpdatePost, void>
