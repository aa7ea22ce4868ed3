/** What a backup says of itself, as its last file. */
import { z } from 'zod'

export const MANIFEST = 'manifest.json'
export const FORMAT = 1

const digest = z.object({ size: z.number(), sha256: z.string() })

export const manifest = z.object({
  format: z.literal(FORMAT, { error: 'made by another release in another format' }),
  version: z.string(),
  server_name: z.string(),
  dialect: z.enum(['sqlite', 'postgres']),
  created_ts: z.number(),
  /** The schema, by the names of its migrations. */
  migrations: z.array(z.string()),
  tables: z.record(z.string(), digest.extend({ rows: z.number() })),
  files: z.record(z.string(), digest),
  /** Whether the files of users are in it, or somewhere else (S3). */
  media: z.enum(['included', 'elsewhere']),
})

export type Manifest = z.output<typeof manifest>

/** Tables that are made anew from others, or that hold nothing but the moment. */
export const skippedTables: readonly RegExp[] = [
  /^search_/,
  /^media_thumbnails$/,
  /^url_previews$/,
  /^uia_sessions$/,
  /^login_tokens$/,
  /^login_failures$/,
  /^sliding_connections$/,
  /^delayed_events$/,
  /^oauth_(codes|device_grants)$/,
  /^threepid_validations$/,
  /_challenges$/,
]
