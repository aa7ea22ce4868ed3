/** Builds what serves files, as the configuration has it. */
import { join } from 'node:path'
import type { Config } from '../../config/schema.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetcher } from '../../platform/fetch.ts'
import type { Service } from '../../platform/lifecycle.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Database } from '../../storage/database.ts'
import { DiskStore } from './disk-store.ts'
import { ImageCopies } from './image-copies.ts'
import type { MediaStore } from './media-store.ts'
import { MediaAdmin } from './media-admin.ts'
import { MediaLinks } from './media-links.ts'
import { Media, type RemoteMedia } from './media.ts'
import { PageDescriber } from './previews/page-describer.ts'
import { UrlPreviews } from './previews/url-previews.ts'
import { openBucket } from './open-bucket.ts'
import { MediaReader } from './reader.ts'
import { RemoteCopies, type RemoteMediaSource } from './remote-copies.ts'
import { S3Store } from './s3-store.ts'
import { Spool } from './spool.ts'
import { MediaSweeper } from './sweeper.ts'
import { Thumbnails } from './thumbnails.ts'

export interface OpenMediaParts {
  readonly config: Config
  readonly database: Database
  readonly clock: Clock
  readonly metrics: Metrics
  readonly fetch: Fetcher
  readonly remote?: RemoteMedia
  /** None where nobody talks with other servers. */
  readonly remoteMedia?: RemoteMediaSource | undefined
}

export interface MediaServices {
  readonly media: Media
  readonly mediaAdmin: MediaAdmin
  readonly mediaLinks: MediaLinks
  readonly mediaReader: MediaReader
  readonly thumbnails: Thumbnails
  /** Undefined where they are switched off. */
  readonly urlPreviews: UrlPreviews | undefined
  readonly runnable: readonly Service[]
}

export async function openMedia({
  config,
  database,
  clock,
  metrics,
  fetch,
  remoteMedia,
  remote,
}: OpenMediaParts): Promise<MediaServices> {
  const store = await openStore(config, clock)
  const spool = await Spool.open(join(config.media.path, 'incoming'), { store, clock })
  const mediaReader = new MediaReader({ store, spool, metrics })
  const { server_name: serverName, media } = config
  const { max_upload: maxBytes } = media
  const copies = remoteMedia && new RemoteCopies({ source: remoteMedia, database, spool, clock, maxBytes })
  const images = new ImageCopies({ serverName, database, clock, spool })
  const describer = new PageDescriber({ fetch, images, clock, deny: media.previews_deny })
  return {
    media: new Media({ serverName, maxBytes, database, spool, clock, remote: remote ?? copies }),
    mediaLinks: new MediaLinks({
      clock,
      keyFile: join(config.data_dir, 'secrets', 'media_link_key'),
      baseUrl: `${config.public_url}/_domovoi/media`,
    }),
    mediaAdmin: new MediaAdmin({ database, store }),
    mediaReader,
    thumbnails: new Thumbnails({ database, reader: mediaReader, spool, clock, metrics }),
    urlPreviews: media.previews === 'on' ? new UrlPreviews({ database, clock, metrics, describer }) : undefined,
    runnable: [
      { name: 'media store', stop: () => Promise.resolve(store.close?.()) },
      new MediaSweeper({ database, store, spool, clock }),
    ],
  }
}

async function openStore({ media, outgoing }: Config, clock: Clock): Promise<MediaStore> {
  if (media.store === 'disk') return new DiskStore(media.path)
  return new S3Store(await openBucket(media.s3, { outgoing, clock }))
}
