import { choice, flag, list, reloads, section } from '../fields.ts'
import { serverName, serverPattern } from '../names.ts'

export const federation = section('Talking to other servers.', {
  mode: choice(['off', 'open'], 'off', 'off: an island. open: with every Matrix server. Needs a public server_name.'),
  allow: list(serverPattern, [], 'Only with these servers, if there are any in the list; * stands for anything.').meta(
    reloads,
  ),
  deny: list(serverPattern, [], 'Never with these servers, such as spam.example or *.spam.example.').meta(reloads),
  key_servers: list(
    serverName,
    [],
    'Servers to ask for signing keys of others that do not answer. Profile community: matrix.org.',
  ),
  device_names: flag(false, 'Tell other servers how people call their devices, such as "Phone of Kim".'),
})
