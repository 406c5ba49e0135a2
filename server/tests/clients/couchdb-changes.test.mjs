// PouchDB 9's feed of changes, against the real binary: live and not, with every kind of filter it sends.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { PouchDB, documents, follow, fresh, write } from './couchdb.mjs'
import { Tailwater } from './harness.mjs'

const design = {
  _id: '_design/some',
  filters: { multiples: 'function (doc, req) { return doc.n % Number(req.query.of) === 0 }', throws: 'function () { throw "no" }' },
  views: { odd: { map: 'function (doc) { if (doc.n % 2 === 1) emit(doc.n) }' } },
}

const ids = (rows) => rows.map(({ id }) => id)

describe('PouchDB 9.0.0', () => {
  let tailwater

  before(async () => (tailwater = await Tailwater.start()))
  after(() => tailwater.stop())

  it('creates the database it is asked for, and destroys it', async () => {
    const db = new PouchDB(`${tailwater.http}/made-by-pouchdb`)
    const { db_name, doc_count, update_seq } = await db.info()
    assert.deepEqual([db_name, doc_count, Number.parseInt(update_seq)], ['made-by-pouchdb', 0, 0])
    assert.equal((await db.destroy()).ok, true)
    const gone = new PouchDB(`${tailwater.http}/made-by-pouchdb`, { skip_setup: true })
    await assert.rejects(gone.get('a'), { status: 404, reason: 'Database does not exist.' })
  })

  it('follows changes, and stops when told to', async (test) => {
    const url = await fresh(tailwater, documents(1, 3))
    const live = follow(test, new PouchDB(url))
    await live.reached(3)
    // One after the other: each is shown, however often its document changes.
    let [{ rev }] = await write(url, documents(4, 4))
    await live.reached(4)
    ;[{ rev }] = await write(url, [{ _id: 'd00004', _rev: rev, n: 'again' }])
    await live.reached(5)
    ;[{ rev }] = await write(url, [{ _id: 'd00004', _rev: rev, _deleted: true }])
    const got = await live.reached(6)
    assert.deepEqual(ids(got), ['d00001', 'd00002', 'd00003', 'd00004', 'd00004', 'd00004'])
    assert.deepEqual(got.map(({ seq }) => Number.parseInt(seq)), [1, 2, 3, 4, 5, 6])
    assert.deepEqual([got[5].deleted, got[5].changes, got[4].deleted], [true, [{ rev }], undefined])
    live.cancel()
    assert.equal((await live.ended).status, 'cancelled')
  })

  it('follows with documents, from now on', async (test) => {
    const url = await fresh(tailwater, documents(1, 3))
    const live = follow(test, new PouchDB(url), { since: 'now', include_docs: true, attachments: true, conflicts: true })
    // It asks where now is before it waits there, so that what is written meanwhile may not be of it.
    for (let n = 4; live.got.length === 0; n += 1) {
      await write(url, documents(n, n))
      await Promise.race([live.reached(1), new Promise((later) => setTimeout(later, 50))])
    }
    const _attachments = { 'a b.txt': { content_type: 'text/plain', data: btoa('hello') } }
    await write(url, [{ _id: 'last', n: 'ü🦀', _attachments }])
    const { doc } = await live.until(({ id }) => id === 'last')
    assert.equal(doc.n, 'ü🦀')
    assert.equal(doc._attachments['a b.txt'].data, btoa('hello'))
    assert.ok(!ids(live.got).some((id) => ['d00001', 'd00002', 'd00003'].includes(id)))
  })

  const filters = {
    'a selector': [{ selector: { n: { $gt: 2, $lt: 6 } } }, [3, 4, 5]],
    'a selector with documents': [{ selector: { $or: [{ n: 1 }, { n: { $in: [5, 6] } }] }, include_docs: true }, [1, 5, 6]],
    ids: [{ doc_ids: ['d00002', 'd00005', 'nowhere'] }, [2, 5]],
    'a function': [{ filter: 'some/multiples', query_params: { of: 3 } }, [3, 6]],
    'a function, with documents': [{ filter: 'some/multiples', query_params: { of: 2 }, include_docs: true }, [2, 4, 6]],
    'a view': [{ filter: '_view', view: 'some/odd' }, [1, 3, 5]],
    'a function of its own': [{ filter: (doc) => doc.n > 4 }, [5, 6]],
    'the latest of every leaf': [{ style: 'all_docs', selector: { n: { $gte: 5 } } }, [5, 6]],
  }
  for (const [name, [options, expected]] of Object.entries(filters)) {
    it(`filters by ${name}, what is there and what comes`, async (test) => {
      const url = await fresh(tailwater, [design, ...documents(1, 3)])
      const db = new PouchDB(url)
      const wanted = expected.map((n) => `d0000${n}`)
      const there = wanted.filter((id) => id <= 'd00003')
      const live = follow(test, db, options)
      await live.reached(there.length)
      for (const doc of documents(4, 6)) await write(url, [doc])
      const got = await live.reached(wanted.length)
      assert.deepEqual(ids(got), wanted)
      for (const { doc } of got.filter(({ doc }) => doc)) assert.equal(doc._id, `d0000${doc.n}`)
      const { results, last_seq } = await db.changes({ since: 0, ...options })
      // Documents that are looked up by their ids may come in any order.
      assert.deepEqual(ids(results).sort(), wanted)
      assert.deepEqual((await db.changes({ since: last_seq, ...options })).results, [])
    })
  }

  it('is told what is wrong with a filter', async () => {
    const db = new PouchDB(await fresh(tailwater, [design, ...documents(1, 1)]))
    for (const [options, expected] of [
      [{ filter: 'nowhere/none' }, { status: 404, reason: 'missing' }],
      [{ filter: 'some/none' }, { status: 404, reason: 'missing json key: none' }],
      [{ filter: '_view', view: 'some/none' }, { status: 404, reason: 'missing json key: none' }],
      [{ selector: { n: { $bad: 1 } } }, { status: 400, reason: 'Invalid operator: $bad' }],
      [{ filter: 'some/throws' }, { status: 500 }],
    ]) {
      await assert.rejects(db.changes({ since: 0, ...options }), expected)
    }
    await assert.rejects(db.changes({ since: 'elsewhere' }), { status: 400 })
  })

  it('reads pages of changes, forwards and backwards', async () => {
    const db = new PouchDB(await fresh(tailwater, documents(1, 120)))
    const all = await db.changes({ since: 0 })
    assert.deepEqual(ids(all.results), documents(1, 120).map(({ _id }) => _id))
    let since = 0
    const pages = []
    for (;;) {
      const { results, last_seq } = await db.changes({ since, limit: 7, batch_size: 3, seq_interval: 2 })
      if (results.length === 0) break
      pages.push(...ids(results))
      since = last_seq
    }
    assert.deepEqual(pages, ids(all.results))
    const backwards = await db.changes({ descending: true, limit: 2 })
    assert.deepEqual(ids(backwards.results), ['d00120', 'd00119'])
  })

  it('goes on where it was after the server was killed', async (test) => {
    const another = await Tailwater.start()
    test.after(() => another.stop())
    const url = await fresh(another, documents(1, 30))
    const live = follow(test, new PouchDB(url))
    await live.reached(30)
    await another.killAndRestart()
    // It tells, and leaves to whoever follows what to do.
    await assert.rejects(live.ended)
    await write(url, documents(31, 40))
    const again = follow(test, new PouchDB(url), { since: live.got.at(-1).seq })
    await write(url, documents(41, 41))
    await again.reached(11)
    assert.deepEqual(ids([...live.got, ...again.got]), documents(1, 41).map(({ _id }) => _id))
  })
})
