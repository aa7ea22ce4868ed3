import { createHmac } from 'node:crypto'
import type { Client } from './client.ts'
import type { TestServer } from './server.ts'

/** An administrator, made with the shared secret of the tests. */
export async function registerAdmin(server: TestServer, username = 'admin'): Promise<Client> {
  const path = '/_synapse/admin/v1/register'
  const client = server.client()
  const { nonce } = await client.get(path)
  const password = `password of ${username}`
  const mac = createHmac('sha1', 'secret of the tests')
    .update([nonce, username, password, 'admin'].join('\0'))
    .digest('hex')
  await client.post(path, { nonce, username, password, admin: true, mac })
  return await client.login(username, password)
}
