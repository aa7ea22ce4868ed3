/** Which commands there are. */
import type { Command } from './command.ts'

interface Entry {
  readonly summary: string
  /** Loaded when asked for: most commands need neither the database nor the server. */
  readonly load: () => Promise<Command>
}

export const commands: Readonly<Record<string, Entry>> = {
  'register-user': {
    summary: 'make an account, with --admin an administrator',
    load: async () => (await import('./register-user.ts')).registerUser,
  },
  invite: {
    summary: 'make a code with which somebody can make an account',
    load: async () => (await import('./invite.ts')).invite,
  },
  user: {
    summary: 'list, lock, export, erase accounts, reset a password',
    load: async () => (await import('./user.ts')).user,
  },
  room: {
    summary: 'list rooms, or close one',
    load: async () => (await import('./room.ts')).room,
  },
  media: {
    summary: 'remove old files',
    load: async () => (await import('./media.ts')).media,
  },
  appservice: {
    summary: 'list or add application services (bridges and bots), or ask one whether it is there',
    load: async () => (await import('./appservice.ts')).appservice,
  },
  webhook: {
    summary: 'list the webhooks of all rooms, or remove one',
    load: async () => (await import('./webhook.ts')).webhook,
  },
  'telegram-import': {
    summary: 'bring a chat that Telegram Desktop has exported into a room',
    load: async () => (await import('./telegram-import.ts')).telegramImport,
  },
  backup: {
    summary: 'make a backup, prove one, list them',
    load: async () => (await import('./backup.ts')).backup,
  },
  restore: {
    summary: 'put a backup into an empty place',
    load: async () => (await import('./restore.ts')).restore,
  },
  'element-fetch': {
    summary: 'bring Element Web, which the server then serves at /element',
    load: async () => (await import('./element-fetch.ts')).elementFetch,
  },
  'element-config': {
    summary: 'print the configuration of Element Web for this server',
    load: async () => (await import('./element-config.ts')).elementConfigCommand,
  },
  migrate: {
    summary: 'bring the database to the schema of this release; --dry-run only tells',
    load: async () => (await import('./migrate.ts')).migrateCommand,
  },
  'rotate-keys': {
    summary: 'make a new key for signing; the old one goes on counting for what it has signed',
    load: async () => (await import('./rotate-keys.ts')).rotateKeys,
  },
  call: {
    summary: 'list who is or was in a call, end one, make a voice room',
    load: async () => (await import('./call.ts')).call,
  },
  'calls-install': {
    summary: 'build LiveKit, through which calls of groups go, and put it where the server finds it',
    load: async () => (await import('./calls-install.ts')).callsInstall,
  },
  'call-simulate': {
    summary: 'make a real call through the server, and say what is wrong where it fails',
    load: async () => (await import('./call-simulate.ts')).callSimulate,
  },
  diagnose: {
    summary: 'look at everything around this server, or at the way to another one, and say what mends it',
    load: async () => (await import('./diagnose.ts')).diagnose,
  },
  config: {
    summary: 'check the settings, or show those in force',
    load: async () => (await import('./config.ts')).configCommand,
  },
  'sample-config': {
    summary: 'print a file with all settings explained',
    load: async () => (await import('./sample-config.ts')).sampleConfig,
  },
}
