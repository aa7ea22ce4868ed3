// The Jest transform: blanks out types exactly as Node does when it runs the server, so tests run the dialect of production.
import { stripTypeScriptTypes } from 'node:module'

export default {
  process: (source, path) => ({ code: path.endsWith('.ts') ? stripTypeScriptTypes(source) : source }),
}
