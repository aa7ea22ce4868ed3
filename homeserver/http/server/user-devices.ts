/** https://spec.matrix.org/v1.19/server-server-api/#device-management */
import { endpoint, JsonText } from '../endpoint.ts'

const getDevices = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/user/devices/:userId',
  auth: 'server',
  limit: 'federation',
  handle: async ({ params }, { publishedKeys }) => new JsonText(await publishedKeys.deviceList(params.userId)),
})

export const userDevicesEndpoints = [getDevices]
