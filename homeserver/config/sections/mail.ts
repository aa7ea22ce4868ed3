import { choice, secret, secretFile, section, text, whole } from '../fields.ts'
import { httpUrl } from '../names.ts'

export const mail = section('The SMTP server that sends e-mail: to confirm addresses and to reset passwords.', {
  host: text('Its host name.', { example: 'smtp.example.org', otherwise: 'no e-mail is sent' }),
  port: whole(1, 65_535, 587, 'TCP port.'),
  encryption: choice(
    ['starttls', 'tls', 'none'],
    'starttls',
    'starttls: on port 587. tls: from the first byte, on port 465. none: only on this machine.',
  ),
  user: text('User name there.', { example: 'domovoi' }),
  password: secret('Password there.'),
  password_file: secretFile('the password for the SMTP server'),
  from: text('The sender that people see.', {
    example: 'Example <noreply@example.org>',
    otherwise: 'Domovoi <noreply@<server_name>>',
  }),
})

export const sms = section('Text messages, to confirm telephone numbers.', {
  gateway: httpUrl.meta({
    description: 'POST {"to": "447700900001", "text": "..."} goes there.',
    example: 'https://sms.example.org/send',
    otherwise: 'off',
  }),
  secret: secret('Sent to the gateway as bearer token.'),
  secret_file: secretFile('the secret for the SMS gateway'),
})
