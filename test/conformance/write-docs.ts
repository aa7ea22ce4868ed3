/** `npm run docs`: writes what is made from the endpoint declarations. */
import { writeFileSync } from 'node:fs'
import { renderEndpoints } from './endpoints-doc.ts'

writeFileSync(new URL('../../docs/endpoints.md', import.meta.url), renderEndpoints())
