/** Words of messages, names and topics, for searching: docs/adr/0007-search.md. */
import type { Dialect } from '../homeserver/storage/database.ts'

export const up = (dialect: Dialect): readonly string[] => [
  // One row, from the first start of the indexer on: it has looked at all events up to here.
  'create table search_progress (only_row smallint primary key check (only_row = 1), position bigint not null)',
  `create table search_documents (
     -- of the event that is found; SQLite's full text index needs an integer key
     stream_id ${dialect === 'sqlite' ? 'integer' : 'bigint'} primary key,
     -- of the event whose text this is: the same one, or its latest edit
     source_id bigint not null,
     room_id text not null,
     sender text not null,
     type text not null,
     has_url smallint not null,
     words ${dialect === 'sqlite' ? 'text' : 'tsvector'} not null
   )`,
  'create index search_documents_source on search_documents (source_id)',
  ...(dialect === 'sqlite' ? sqliteIndex : postgresIndex),
]

/** The index keeps no text of its own: to take an entry out it has to be told the words that went in. */
const forget = `insert into search_index (search_index, rowid, words) values ('delete', old.stream_id, old.words)`
const learn = 'insert into search_index (rowid, words) values (new.stream_id, new.words)'

const sqliteIndex = [
  // Words come in lower case and with spaces between: to the tokenizer every byte above ASCII is part of a word.
  `create virtual table search_index using fts5
     (words, content = 'search_documents', content_rowid = 'stream_id', tokenize = 'ascii')`,
  // What is taken out is gone from the file at once, not when the next merge passes by (T39).
  `insert into search_index (search_index, rank) values ('secure-delete', 1)`,
  `create trigger search_documents_insert after insert on search_documents begin ${learn}; end`,
  `create trigger search_documents_delete after delete on search_documents begin ${forget}; end`,
  `create trigger search_documents_update after update of words on search_documents begin ${forget}; ${learn}; end`,
]

const postgresIndex = [
  // Additions come in batches that nobody waits for; left in a list, they would be looked through by every search.
  'create index search_documents_words on search_documents using gin (words) with (fastupdate = off)',
  'create index search_documents_room on search_documents (room_id, stream_id)',
]
