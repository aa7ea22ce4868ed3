/** What users report to those who run the server: events, rooms, users. */
export const up = (dialect: string): readonly string[] => [
  `create table reports (
     id ${dialect === 'sqlite' ? 'integer primary key autoincrement' : 'bigint generated always as identity primary key'},
     received_ts bigint not null,
     reporter text not null,
     -- 'event', 'room' or 'user', and which
     subject text not null,
     room_id text,
     event_id text,
     user_id text,
     reason text,
     -- from -100, the worst, to 0, as clients before 1.18 told it
     score bigint
   )`,
  'create index reports_subject on reports (subject, id)',
  'create index reports_reporter on reports (reporter)',
]
