import { elementConfig } from '../../config/element/element.ts'
import { endpoint } from '../endpoint.ts'

/** For an Element Web that is served at `/element`, by this server's reverse proxy or another one. */
const config = endpoint({
  method: 'GET',
  path: '/element/config.json',
  auth: 'none',
  limit: 'none',
  handle: (_, services) => elementConfig(services.config),
})

export const elementConfigEndpoints = [config]
