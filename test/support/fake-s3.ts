/**
 * One bucket of an S3 service, in memory: PUT, GET with a range, DELETE, lists in pages of two, uploads in parts, and the
 * check of signatures, written from
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and not with the package under test.
 */
import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export class FakeS3 implements AsyncDisposable {
  readonly bucket = 'domovoi media'
  readonly accessKeyId = 'AKIAFAKE'
  readonly secretAccessKey = 'secret/of+the=tests'
  readonly objects = new Map<string, Buffer>()
  /** Parts of what is not whole yet, by id of the upload. */
  readonly uploads = new Map<string, Map<number, Buffer>>()
  /** Method and status of each answer. */
  readonly answers: string[] = []
  /** So many of the next requests are answered with 500. */
  failures = 0
  /** What was uploaded in parts is not as it was. */
  losesParts = false
  /** Requests get no answer. */
  hangs = false
  /** Requests that got none. */
  unanswered = 0
  readonly #server = createServer((request, response) => void this.#answer(request, response))

  static async start(): Promise<FakeS3> {
    const fake = new FakeS3()
    await new Promise<void>((resolve) => void fake.#server.listen(0, '127.0.0.1', resolve))
    return fake
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}` // a listening server has one
  }

  /** The settings that lead here, as the inside of a YAML object. */
  get config(): string {
    return `media: { store: s3, s3: { endpoint: '${this.endpoint}', region: eu-north-1, bucket: '${this.bucket}',
      access_key_id: '${this.accessKeyId}', secret_access_key: '${this.secretAccessKey}' } }`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => void this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat((await request.toArray()) as Buffer[]) // no encoding is set
    if (this.hangs) return void this.unanswered++
    const { pathname, searchParams: query } = new URL(request.url ?? '', this.endpoint)
    const [status, content] = this.#serve(request, decodeURIComponent(pathname), query, body)
    this.answers.push(`${request.method} ${status}`)
    const etag = request.method === 'PUT' ? { etag: `"${sha256(body)}"` } : {}
    response.writeHead(status, { ...etag, ...(content ? { 'content-length': content.length } : {}) }).end(content)
  }

  #serve(
    request: IncomingMessage,
    path: string,
    query: URLSearchParams,
    body: Buffer,
  ): [status: number, content?: Buffer] {
    if (this.failures > 0) {
      this.failures--
      return [500]
    }
    if (!this.#isSigned(request, body)) return [403]
    if (path === `/${this.bucket}` && query.get('list-type') === '2') return [200, this.#page(query)]
    if (!path.startsWith(`/${this.bucket}/`)) return [404]
    const key = path.slice(this.bucket.length + 2)
    if (query.has('uploads') || query.has('uploadId')) return this.#upload(request, key, query, body)
    if (request.method === 'PUT') {
      if (Number(request.headers['content-length']) !== body.length) return [411]
      this.objects.set(key, body)
      return [200]
    }
    if (request.method === 'DELETE') {
      this.objects.delete(key)
      return [204]
    }
    const object = this.objects.get(key)
    if (!object) return [404]
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    return start === undefined ? [200, object] : [206, object.subarray(Number(start), Number(end) + 1)]
  }

  #page(query: URLSearchParams): Buffer {
    const keys = [...this.objects.keys()].toSorted()
    const from = Number(query.get('continuation-token') ?? 0)
    const rest = from + 2 < keys.length ? `<NextContinuationToken>${from + 2}</NextContinuationToken>` : ''
    const contents = keys.slice(from, from + 2).map((key) => `<Contents><Key>${key}</Key></Contents>`)
    return Buffer.from(`<ListBucketResult>${contents.join('')}${rest}</ListBucketResult>`)
  }

  #upload(
    { method }: IncomingMessage,
    key: string,
    query: URLSearchParams,
    body: Buffer,
  ): [status: number, content?: Buffer] {
    if (method === 'POST' && query.has('uploads')) {
      const id = `${key}/${this.uploads.size}+1`
      this.uploads.set(id, new Map())
      return [
        200,
        Buffer.from(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`),
      ]
    }
    const id = query.get('uploadId') ?? ''
    const parts = this.uploads.get(id)
    if (!parts) return [404, Buffer.from('<Error><Code>NoSuchUpload</Code></Error>')]
    if (method === 'PUT') {
      parts.set(Number(query.get('partNumber')), body)
      return [200]
    }
    this.uploads.delete(id)
    if (method === 'DELETE') return [204]
    const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>&quot;(\w+)&quot;<\/ETag>/g)]
    const pieces = named.map(([, number, etag]) => ({ etag, piece: parts.get(Number(number)) ?? Buffer.alloc(0) }))
    if (this.losesParts || pieces.some(({ etag, piece }) => etag !== sha256(piece))) {
      return [200, Buffer.from('<Error><Code>InvalidPart</Code></Error>')]
    }
    this.objects.set(key, Buffer.concat(pieces.map(({ piece }) => piece)))
    return [200, Buffer.from('<CompleteMultipartUploadResult/>')]
  }

  #isSigned({ method, url = '', headers }: IncomingMessage, body: Buffer): boolean {
    const [, scope = '', names = '', signature] =
      /^AWS4-HMAC-SHA256 Credential=AKIAFAKE\/([^,]+), SignedHeaders=([^,]+), Signature=([\da-f]{64})$/.exec(
        headers.authorization ?? '',
      ) ?? []
    const bodyHash = sha256(body)
    if (headers['x-amz-content-sha256'] !== bodyHash || !names.split(';').includes('host')) return false
    const signed = names.split(';').map((name) => `${name}:${String(headers[name])}\n`)
    const { pathname, searchParams } = new URL(url, this.endpoint)
    const query = [...searchParams].map((pair) => pair.map(encodeURIComponent).join('=')).toSorted()
    const canonical = [method, pathname, query.join('&'), signed.join(''), names, bodyHash].join('\n')
    const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n')
    const key = scope
      .split('/')
      .reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${this.secretAccessKey}`)
    return scope.endsWith('/eu-north-1/s3/aws4_request') && hmac(key, text).toString('hex') === signature
  }
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()
