// What the tests of CouchDB's clients share: PouchDB as it is put together from its parts, databases of a test's own,
// things that come one by one, and what two databases hold, in a form that can be compared.

import assert from 'node:assert/strict'
import { once, EventEmitter } from 'node:events'

import http from 'pouchdb-adapter-http'
import memory from 'pouchdb-adapter-memory'
import Core from 'pouchdb-core'
import find from 'pouchdb-find'
import replication from 'pouchdb-replication'

// `pouchdb` itself is these, and an adapter for the disk that is compiled.
export const PouchDB = Core.plugin(http).plugin(memory).plugin(replication).plugin(find)

export const range = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => from + n)
export const documents = (from, to, more = {}) => range(from, to).map((n) => ({ _id: `d${String(n).padStart(5, '0')}`, n, ...more }))

// A request with an answer in JSON. A connection that is kept may be one to a process that was killed since.
export async function ask(url, { method = 'GET', body, headers = {} } = {}) {
  const answer = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', connection: 'close', ...headers },
    body: body && JSON.stringify(body),
  })
  const said = await answer.json()
  assert.ok(answer.ok, `${method} ${url}: ${answer.status} ${JSON.stringify(said)}`)
  return said
}

let created = 0

// Creates a database of the test's own, with these documents, and returns its address.
export async function fresh(tailwater, docs = []) {
  const url = `${tailwater.http}/fresh${(created += 1)}`
  await ask(url, { method: 'PUT' })
  await write(url, docs)
  return url
}

export async function write(url, docs) {
  if (docs.length === 0) return []
  const answers = await ask(`${url}/_bulk_docs`, { method: 'POST', body: { docs } })
  assert.deepEqual(answers.filter(({ ok }) => !ok), [])
  return answers
}

// An empty PouchDB in memory.
export const inMemory = () => new PouchDB(`memory${(created += 1)}`, { adapter: 'memory' })

// What comes, in order.
export class Arrivals {
  got = []
  #news = new EventEmitter().setMaxListeners(0)
  #failure

  add = (one) => {
    this.got.push(one)
    this.#news.emit('news')
  }

  // There will be no more.
  fail = (error) => {
    this.#failure = error
    this.#news.emit('news')
  }

  // Waits for so many, and returns all there are.
  async reached(count) {
    while (this.got.length < count) {
      if (this.#failure) throw this.#failure
      await once(this.#news, 'news')
    }
    return this.got
  }

  // Waits for one of which this is true.
  async until(is) {
    for (let seen = 0; ; seen += 1) if (is((await this.reached(seen + 1))[seen])) return this.got[seen]
  }
}

// Follows a feed of PouchDB's until the test is over.
export function follow(test, db, options) {
  const changes = db.changes({ live: true, since: 0, ...options })
  const arrivals = new Arrivals()
  changes.on('change', arrivals.add)
  arrivals.ended = changes.then((status) => status)
  arrivals.ended.catch(arrivals.fail)
  arrivals.cancel = () => changes.cancel()
  test.after(arrivals.cancel)
  return arrivals
}

// Everything a database holds that is replicated: all leaves, and each winner with its conflicts and attachments. A
// text's digest is that of what is stored, and CouchDB stores it compressed; PouchDB in memory gives each attachment it is
// sent the generation of the document.
export async function contents(db) {
  const { results } = await db.changes({ since: 0, style: 'all_docs' })
  const { rows } = await db.allDocs({ include_docs: true, conflicts: true, attachments: true })
  for (const { doc } of rows) {
    doc._conflicts?.sort()
    for (const attachment of Object.values(doc._attachments ?? {})) {
      delete attachment.digest
      delete attachment.revpos
    }
  }
  const leaves = results.map(({ id, changes, deleted }) => [id, changes.map(({ rev }) => rev).sort(), deleted ?? false])
  return { leaves: leaves.sort(([one], [other]) => (one < other ? -1 : 1)), docs: rows.map(({ doc }) => doc) }
}

// Two databases hold the same; returns what.
export async function assertSame(one, other) {
  const [held, copy] = await Promise.all([contents(one), contents(other)])
  assert.deepEqual(copy, held)
  return held
}
