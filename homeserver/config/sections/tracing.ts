import { secret, secretFile, section, share } from '../fields.ts'
import { httpUrl } from '../names.ts'

export const tracing = section('Traces for OpenTelemetry: on what requests spend time. docs/observability.md', {
  endpoint: httpUrl.meta({
    description: 'Where the collector takes them, by OTLP over HTTP.',
    example: 'http://127.0.0.1:4318/v1/traces',
    otherwise: 'off',
  }),
  ratio: share(0.01, 'How many of the requests are traced, from 0 to 1.'),
  headers: secret('Headers for the collector, such as a token: "Name: value", a line each.'),
  headers_file: secretFile('headers for the collector: "Name: value", a line each'),
})
