// nano 11, the client that CouchDB's own project makes, against the real binary: databases, documents, attachments, and
// its reader of changes, live, in batches and at once.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import nano from 'nano'

import { Arrivals, documents, fresh, write } from './couchdb.mjs'
import { Tailwater } from './harness.mjs'

const ids = (rows) => rows.map(({ id }) => id)
// It can be given the address of a database too, and then asks for `/name/name`.
const open = (url) => nano(new URL(url).origin).use(new URL(url).pathname.slice(1))
const named = (from, to) => documents(from, to).map(({ _id }) => _id)

describe('nano 11.0.7', () => {
  let tailwater, server

  before(async () => {
    tailwater = await Tailwater.start()
    server = nano(tailwater.http)
  })
  after(() => tailwater.stop())

  const use = async (docs) => open(await fresh(tailwater, docs))

  it('creates, lists, describes and destroys databases', async () => {
    assert.deepEqual(await server.db.create('a/b+c'), { ok: true })
    await assert.rejects(server.db.create('a/b+c'), { statusCode: 412, error: 'file_exists' })
    assert.ok((await server.db.list()).includes('a/b+c'))
    const { db_name, doc_count } = await server.db.get('a/b+c')
    assert.deepEqual([db_name, doc_count], ['a/b+c', 0])
    assert.deepEqual(await server.db.compact('a/b+c'), { ok: true })
    assert.deepEqual(await server.db.destroy('a/b+c'), { ok: true })
    await assert.rejects(server.db.get('a/b+c'), { statusCode: 404, reason: 'Database does not exist.' })
    assert.equal((await server.info()).couchdb, 'Welcome')
    assert.equal((await server.uuids(3)).uuids.length, 3)
  })

  it('writes and reads documents', async () => {
    const db = await use()
    const first = await db.insert({ word: 'ü🦀' }, 'an id/with + slash')
    assert.deepEqual([first.ok, first.id], [true, 'an id/with + slash'])
    const unnamed = await db.insert({ word: 'named by the server' })
    assert.match(unnamed.id, /^[0-9a-f]{32}$/)
    await assert.rejects(db.insert({ word: 'late' }, first.id), { statusCode: 409, error: 'conflict', reason: 'Document update conflict.' })
    const second = await db.insert({ _rev: first.rev, word: 'changed' }, first.id)
    const doc = await db.get(first.id, { revs_info: true, conflicts: true })
    assert.deepEqual(doc._revs_info.map(({ rev, status }) => [rev, status]), [[second.rev, 'available'], [first.rev, 'available']])
    assert.equal((await db.get(first.id, { rev: first.rev })).word, 'ü🦀')
    assert.equal((await db.head(first.id)).etag, `"${second.rev}"`)
    assert.equal((await db.destroy(first.id, second.rev)).ok, true)
    await assert.rejects(db.get(first.id), { statusCode: 404, reason: 'deleted' })
    await assert.rejects(db.get('nowhere'), { statusCode: 404, reason: 'missing' })
    await assert.rejects(db.head('nowhere'), { statusCode: 404 })
  })

  it('writes, lists and fetches many', async () => {
    const db = await use()
    const answers = await db.bulk({ docs: documents(1, 50) })
    assert.deepEqual(answers.map(({ ok, id }) => [ok, id]), named(1, 50).map((id) => [true, id]))
    const [conflict] = await db.bulk({ docs: documents(1, 1) })
    assert.deepEqual(conflict, { id: 'd00001', error: 'conflict', reason: 'Document update conflict.' })
    const { rows, total_rows } = await db.list({ startkey: 'd00010', endkey: 'd00012', include_docs: true })
    assert.deepEqual([rows.map(({ doc }) => doc.n), total_rows], [[10, 11, 12], 50])
    const fetched = await db.fetch({ keys: ['d00002', 'nowhere', 'd00001'] })
    assert.deepEqual(fetched.rows.map((row) => row.doc?.n ?? row.error), [2, 'not_found', 1])
    const revs = await db.fetchRevs({ keys: ['d00002'] })
    assert.equal(revs.rows[0].value.rev, answers[1].rev)
    const listed = await new Response(db.listAsStream()).json()
    assert.equal(listed.rows.length, 50)
  })

  it('finds', async () => {
    const db = await use(documents(1, 50))
    const asked = { selector: { n: { $gt: 10, $mod: [7, 0] } }, fields: ['n'], limit: 3 }
    const first = await db.find(asked)
    assert.deepEqual(first.docs, [{ n: 14 }, { n: 21 }, { n: 28 }])
    const next = await db.find({ ...asked, bookmark: first.bookmark })
    assert.deepEqual(next.docs, [{ n: 35 }, { n: 42 }, { n: 49 }])
    await assert.rejects(db.find({ selector: { n: { $bad: 1 } } }), { statusCode: 400 })
  })

  it('attaches', async () => {
    const db = await use([{ _id: 'd' }])
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, n) => n % 251))
    const { _rev: rev } = await db.get('d')
    const one = await db.attachment.insert('d', 'a b.bin', bytes, 'application/octet-stream', { rev })
    assert.equal(one.ok, true)
    assert.deepEqual(await db.attachment.get('d', 'a b.bin'), bytes)
    const streamed = []
    for await (const piece of db.attachment.getAsStream('d', 'a b.bin')) streamed.push(piece)
    assert.deepEqual(Buffer.concat(streamed), bytes)
    const gone = await db.attachment.destroy('d', 'a b.bin', { rev: one.rev })
    await assert.rejects(db.attachment.get('d', 'a b.bin'), { statusCode: 404 })
    assert.equal(gone.ok, true)
    // `multipart/related`: the document and its attachments in one body.
    const parts = [
      { name: 'one.txt', data: 'hello', content_type: 'text/plain' },
      { name: 'two.bin', data: bytes, content_type: 'application/octet-stream' },
    ]
    const together = await db.multipart.insert({ word: 'together' }, parts, 'm')
    assert.equal(together.ok, true)
    assert.equal(await db.attachment.get('m', 'one.txt'), 'hello')
    assert.deepEqual(await db.attachment.get('m', 'two.bin'), bytes)
    // It leaves what comes to whoever asks; texts are compressed, as they are kept.
    const back = await db.multipart.get('m')
    assert.ok(back.includes('"word":"together"') && back.includes('Content-Encoding: gzip') && back.includes(bytes))
  })

  it('reads changes in batches, up to now', async () => {
    const db = await use(documents(1, 250))
    const batches = []
    await new Promise((end, failed) => {
      const reader = db.changesReader.get({ since: 0, batchSize: 100, timeout: 100 })
      reader.on('batch', (rows) => batches.push(ids(rows))).on('end', end).on('error', failed)
    })
    assert.deepEqual(batches, [named(1, 100), named(101, 200), named(201, 250)])
  })

  it('reads all changes at once', async () => {
    const db = await use(documents(1, 250))
    for (const [options, expected] of [
      [{}, named(1, 250)],
      [{ selector: { n: { $lte: 120 } } }, named(1, 120)],
    ]) {
      const rows = []
      const last = await new Promise((end, failed) => {
        const reader = db.changesReader.spool({ since: 0, batchSize: 50, includeDocs: true, ...options })
        reader.on('batch', (batch) => rows.push(...batch)).on('end', end).on('error', failed)
      })
      assert.deepEqual(rows.map(({ doc }) => doc._id), expected)
      assert.equal(Number.parseInt(last), 250)
    }
    const streamed = await new Response(db.changesAsStream({ since: 0, limit: 3 })).json()
    assert.deepEqual(ids(streamed.results), named(1, 3))
  })

  it('follows changes, waiting for who reads them, over the death of the server', async (test) => {
    const another = await Tailwater.start()
    test.after(() => another.stop())
    const url = await fresh(another, documents(1, 3))
    const db = open(url)
    const rows = new Arrivals()
    const errors = new Arrivals()
    const reader = db.changesReader.start({ since: 0, includeDocs: true, wait: true, batchSize: 2 })
    test.after(() => db.changesReader.stop())
    reader.on('error', errors.add).on('batch', (batch) => {
      batch.forEach(rows.add)
      db.changesReader.resume()
    })
    await rows.reached(3)
    await write(url, documents(4, 5))
    await rows.reached(5)
    await another.killAndRestart()
    await write(url, documents(6, 8))
    // It comes back five seconds after an error.
    assert.deepEqual((await rows.reached(8)).map(({ doc }) => doc.n), documents(1, 8).map(({ n }) => n))
    assert.equal(errors.got.length, 1)
  })

  it('follows what a selector matches', async (test) => {
    const url = await fresh(tailwater, documents(1, 3))
    const db = open(url)
    const rows = new Arrivals()
    const reader = db.changesReader.start({ since: 0, selector: { n: { $mod: [2, 0] } }, fastChanges: true })
    test.after(() => db.changesReader.stop())
    reader.on('change', rows.add).on('error', rows.fail)
    await rows.reached(1)
    for (const doc of documents(4, 9)) await write(url, [doc])
    assert.deepEqual(ids(await rows.reached(4)), ['d00002', 'd00004', 'd00006', 'd00008'])
  })

  it('follows design documents alone', async (test) => {
    const url = await fresh(tailwater, [{ _id: '_design/some' }, ...documents(1, 3)])
    const db = open(url)
    const rows = new Arrivals()
    const reader = db.changesReader.start({ since: 0, qs: { filter: '_design' } })
    test.after(() => db.changesReader.stop())
    reader.on('change', rows.add).on('error', rows.fail)
    await rows.reached(1)
    await write(url, [...documents(4, 4), { _id: '_design/other' }])
    assert.deepEqual(ids(await rows.reached(2)), ['_design/some', '_design/other'])
  })

  it('is told that what it asks is wrong, and stops', async () => {
    const db = open(`${tailwater.http}/nowhere`)
    const error = await new Promise((failed) => db.changesReader.start({ since: 0 }).on('error', failed))
    assert.deepEqual([error.statusCode, error.reason], [404, 'Database does not exist.'])
  })
})
