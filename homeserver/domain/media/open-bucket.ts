/** A bucket of an S3-compatible service, as a section of the settings has it. */
import { readFile } from 'node:fs/promises'
import type { Config } from '../../config/schema.ts'
import type { Clock } from '../../platform/clock.ts'
import { createFetcher } from '../../platform/fetch.ts'
import { S3Bucket } from '../../platform/s3.ts'

/** The settings were checked for what is needed. Whoever opens it closes it. */
export async function openBucket(
  { endpoint = '', region, bucket = '', access_key_id, secret_access_key }: Config['media']['s3'],
  { outgoing, clock }: { readonly outgoing: Config['outgoing']; readonly clock: Clock },
): Promise<S3Bucket> {
  const ca = outgoing.ca_file === undefined ? [] : [await readFile(outgoing.ca_file, 'utf8')]
  // The administrator named this one address, so it may be a private one.
  const fetcher = createFetcher({ deny: [], clock, ...(ca.length > 0 ? { ca } : {}) })
  const [accessKeyId, secretAccessKey] = [access_key_id?.reveal() ?? '', secret_access_key?.reveal() ?? '']
  return await S3Bucket.open({ endpoint, region, bucket, accessKeyId, secretAccessKey }, fetcher)
}
