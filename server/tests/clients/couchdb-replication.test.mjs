// PouchDB 9's replication, against the real binary: between a PouchDB in memory and a database, between two databases,
// once and live, with conflicts, deletions and attachments, and over the death of the server.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { Arrivals, PouchDB, assertSame, documents, fresh, inMemory, range } from './couchdb.mjs'
import { Tailwater } from './harness.mjs'

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII='

const picture = (data = PIXEL) => ({ content_type: 'image/png', data })
const text = (words) => ({ content_type: 'text/plain', data: Buffer.from(words).toString('base64') })

// Fills a database, by PouchDB's means: a design document, a deleted one, attachments of two kinds, ids and members of
// every script, a body of some size.
async function furnish(db) {
  await db.bulkDocs(documents(1, 130))
  const gone = await db.get('d00007')
  await db.remove(gone)
  const again = await db.get('d00008')
  await db.put({ ...again, n: 'changed' })
  await db.put({ _id: '_design/some', views: { all: { map: 'function (doc) { emit(doc._id) }' } } })
  await db.put({ _id: 'with/slash + ü🦀', 'ключ "\\': [null, 1.5e300, -0.1, { '': '\u0000' }], big: 'x'.repeat(200_000) })
  await db.put({ _id: 'pictures', _attachments: { 'a b.png': picture(), 'ü/notes.txt': text('hello '.repeat(500)), empty: text('') } })
  const { _rev } = await db.get('pictures')
  await db.putAttachment('pictures', 'later.bin', _rev, Buffer.from(range(0, 255)), 'application/octet-stream')
}

// Gives a document another branch, as a replication would.
async function branch(db, id, rev, body) {
  const [start, hash] = rev.split('-')
  const doc = { _id: id, _rev: rev, _revisions: { start: Number(start), ids: [hash] }, ...body }
  assert.deepEqual(await db.bulkDocs([doc], { new_edits: false }), [])
}

async function quarrel(db) {
  await db.put({ _id: 'quarrel', says: 'first', _attachments: { mine: text('of the first') } })
  await branch(db, 'quarrel', '1-ffffffffffffffffffffffffffffffff', { says: 'second', _attachments: { mine: text('of the second') } })
  await branch(db, 'quarrel', '1-00000000000000000000000000000000', { says: 'third' })
  await branch(db, 'quarrel', '2-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', { _deleted: true })
}

// Follows a replication until the test is over.
function watch(test, replication) {
  const changes = new Arrivals()
  replication.on('change', changes.add)
  replication.catch(changes.fail)
  test.after(() => replication.cancel())
  return changes
}

const done = ({ ok, doc_write_failures, errors, docs_written }) => {
  assert.deepEqual({ ok, doc_write_failures, errors }, { ok: true, doc_write_failures: 0, errors: [] })
  return docs_written
}

describe('PouchDB 9.0.0 replicates', () => {
  let tailwater
  const database = async (docs) => new PouchDB(await fresh(tailwater, docs))

  before(async () => (tailwater = await Tailwater.start()))
  after(() => tailwater.stop())

  const kinds = {
    'a database to memory': [() => database(), inMemory],
    'memory to a database': [inMemory, () => database()],
    'a database to another': [() => database(), () => database()],
  }
  for (const [name, [source, target]] of Object.entries(kinds)) {
    it(`${name}, with conflicts, deletions and attachments`, async () => {
      const [one, other] = [await source(), await target()]
      await furnish(one)
      await quarrel(one)
      assert.equal(done(await one.replicate.to(other, { batch_size: 20 })), 137)
      const { leaves, docs } = await assertSame(one, other)
      assert.equal(docs.length, 133)
      assert.equal(leaves.find(([id]) => id === 'quarrel')[1].length, 4)
      assert.equal(docs.find(({ _id }) => _id === 'quarrel')._conflicts.length, 2)
      assert.equal(docs.find(({ _id }) => _id === 'pictures')._attachments['later.bin'].data, Buffer.from(range(0, 255)).toString('base64'))
      for (const rev of leaves.find(([id]) => id === 'quarrel')[1]) {
        const [mine, copy] = await Promise.all([one, other].map((db) => db.get('quarrel', { rev, revs: true, attachments: true })))
        const body = ({ _attachments, ...doc }) => ({ ...doc, data: _attachments?.mine.data })
        assert.deepEqual(body(copy), body(mine))
      }
      // Once more there is nothing to do, and afterwards only what is new.
      assert.equal((await one.replicate.to(other)).docs_read, 0)
      await one.put({ _id: 'new' })
      const { docs_read } = await one.replicate.to(other)
      assert.equal(docs_read, 1)
    })
  }

  it('what a filter lets pass', async () => {
    const some = {
      _id: '_design/some',
      filters: { multiples: 'function (doc, req) { return doc.n % Number(req.query.of) === 0 }' },
      views: { odd: { map: 'function (doc) { if (doc.n % 2 === 1) emit(doc.n) }' } },
    }
    const source = await database([some, ...documents(1, 9)])
    for (const [options, expected] of [
      [{ selector: { n: { $gte: 8 } } }, [8, 9]],
      [{ doc_ids: ['d00002', 'd00005'] }, [2, 5]],
      [{ filter: 'some/multiples', query_params: { of: 4 } }, [4, 8]],
      [{ filter: '_view', view: 'some/odd' }, [1, 3, 5, 7, 9]],
      [{ filter: ({ n }) => n === 1 }, [1]],
    ]) {
      const target = inMemory()
      assert.equal(done(await source.replicate.to(target, options)), expected.length)
      const { rows } = await target.allDocs({ include_docs: true })
      assert.deepEqual(rows.map(({ doc }) => doc.n), expected)
    }
  })

  for (const [name, pair] of Object.entries({
    'two databases': async () => [await database(), await database()],
    'a database and memory': async () => [await database(), inMemory()],
  })) {
    it(`both ways between ${name}, until they agree`, async () => {
      const [one, other] = await pair()
      await furnish(one)
      await quarrel(other)
      for (const [db, says] of [[one, 'one'], [other, 'other']]) {
        await db.put({ _id: 'both', says, _attachments: { says: text(says), picture: picture() } })
      }
      const { push, pull } = await one.sync(other)
      assert.deepEqual([done(push), done(pull)], [134, 5])
      await assertSame(one, other)
      // The conflict is resolved on one side: the loser goes, with its attachments.
      const winner = await one.get('both', { conflicts: true })
      assert.equal(winner._conflicts.length, 1)
      await one.remove('both', winner._conflicts[0])
      await one.sync(other)
      await assertSame(one, other)
      assert.equal((await other.get('both', { conflicts: true }))._conflicts, undefined)
    })

    it(`live both ways between ${name}`, async (test) => {
      const [one, other] = await pair()
      const sync = one.sync(other, { live: true, retry: true })
      const changes = watch(test, sync)
      const written = (count) =>
        changes.until(() => changes.got.reduce((sum, { change }) => sum + change.docs.length, 0) >= count)
      await one.bulkDocs(documents(1, 30))
      await other.bulkDocs(documents(31, 60))
      await written(60)
      await Promise.all([one, other].map((db, side) => db.put({ _id: 'both', side, _attachments: { side: text(`${side}`) } })))
      await written(62)
      const { docs } = await assertSame(one, other)
      assert.equal(docs[0]._conflicts.length, 1)
      await other.remove(await other.get('d00001'))
      await written(63)
      await assert.rejects(one.get('d00001'), { status: 404, reason: 'deleted' })
      await assertSame(one, other)
    })
  }

  // Behind each batch PouchDB asks about the database, and handles no error there, which would end the process. Those
  // requests are repeated until there is an answer or the server is gone for good; every other one fails as it does.
  const patient = (server) => async (url, options) => {
    for (;;) {
      try {
        return await PouchDB.fetch(url, options)
      } catch (error) {
        if (!url.endsWith('/')) throw error
        if (server.isOver) return new Response('{}')
        await new Promise((later) => setTimeout(later, 20))
      }
    }
  }

  // What a replication writes again moves a seq once more: seqs that are as many as documents say that none was.
  const writes = async (db) => Number.parseInt((await db.info()).update_seq)

  for (const [way, pair] of Object.entries({
    'to memory': (database) => [database(), inMemory()],
    'from memory': (database) => [inMemory(), database()],
    'to another database': (database) => [database(), database()],
  })) {
    it(`on after the server was killed in the middle: ${way}`, async (test) => {
      const another = await Tailwater.start()
      const remote = async () => new PouchDB(await fresh(another), { fetch: patient(another) })
      const [source, target] = await Promise.all(pair(remote))
      await source.bulkDocs(documents(1, 600, { _attachments: { a: text('attached') } }))
      const replication = source.replicate.to(target, { live: true, retry: true, batch_size: 20, back_off_function: () => 50 })
      const changes = watch(test, replication)
      test.after(() => {
        another.isOver = true
        return another.stop()
      })
      for (const [kill, at] of [100, 300, 500].entries()) {
        await changes.until(({ docs }) => docs.at(-1).n >= at)
        await another.killAndRestart()
        await source.bulkDocs(documents(601 + kill, 601 + kill))
      }
      const expected = 603
      while (!test.signal.aborted && (await target.info()).doc_count < expected) await new Promise((later) => setTimeout(later, 20))
      const { leaves } = await assertSame(source, target)
      assert.equal(leaves.length, expected)
      assert.equal(await writes(target), expected)
      const read = changes.got.flatMap(({ docs }) => docs.map(({ _id }) => _id))
      assert.equal(new Set(read).size, read.length, 'nothing was replicated twice')
    })
  }
})
