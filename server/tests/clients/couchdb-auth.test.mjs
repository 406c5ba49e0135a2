// Who may do what, as PouchDB 9 and nano 11 log in: with a password in the address, and with a session's cookie.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import nano from 'nano'

import { Arrivals, PouchDB, assertSame, documents, follow, inMemory } from './couchdb.mjs'
import { Tailwater, user } from './harness.mjs'

const READERS = { admins: { names: [], roles: [] }, members: { names: [], roles: ['readers'] } }

describe('with users', () => {
  let tailwater, admin

  const as = (name, password) => `http://${encodeURIComponent(name)}:${encodeURIComponent(password)}@127.0.0.1:${tailwater.port}`

  before(async () => {
    const entries = [user('adm', 'p@ss:w/ürd', '_admin'), user('bob', 'secret', 'readers'), user('eve', 'guess')]
    const config = ['[couchdb]\nsession_timeout_ms = 10_000\n', ...(await Promise.all(entries))].join('\n')
    tailwater = await Tailwater.start({ config })
    admin = nano(as('adm', 'p@ss:w/ürd'))
    await admin.db.create('private')
    await admin.request({ db: 'private', path: '_security', method: 'PUT', body: READERS })
    await admin.use('private').bulk({ docs: documents(1, 5) })
  })
  after(() => tailwater.stop())

  it('nano with a password in its address', async () => {
    assert.ok((await admin.db.list()).includes('private'))
    const db = nano(as('bob', 'secret')).use('private')
    assert.equal((await db.get('d00001')).n, 1)
    assert.equal((await db.insert({ by: 'bob' }, 'by-bob')).ok, true)
    for (const [name, password, expected] of [
      ['bob', 'wrong', { statusCode: 401, error: 'unauthorized', reason: 'Name or password is incorrect.' }],
      ['nobody', 'secret', { statusCode: 401, error: 'unauthorized', reason: 'Name or password is incorrect.' }],
      ['eve', 'guess', { statusCode: 403, error: 'forbidden', reason: 'You are not allowed to access this db.' }],
    ]) {
      await assert.rejects(nano(as(name, password)).use('private').get('d00001'), expected)
    }
    const nobody = nano(tailwater.http).use('private')
    await assert.rejects(nobody.get('d00001'), { statusCode: 401, reason: 'You are not authorized to access this db.' })
    await assert.rejects(nano(as('bob', 'secret')).db.create('his-own'), { statusCode: 401 })
  })

  it('nano with a session', async (test) => {
    const server = nano(tailwater.http)
    await assert.rejects(server.auth('bob', 'wrong'), { statusCode: 401, reason: 'Name or password is incorrect.' })
    assert.deepEqual(await server.auth('bob', 'secret'), { ok: true, name: 'bob', roles: ['readers'] })
    assert.deepEqual((await server.session()).userCtx, { name: 'bob', roles: ['readers'] })
    const rows = new Arrivals()
    const db = server.use('private')
    db.changesReader.start({ since: 0, selector: { by: 'bob' } }).on('change', rows.add).on('error', rows.fail)
    test.after(() => db.changesReader.stop())
    assert.equal((await db.insert({ by: 'bob' }, 'with-session')).ok, true)
    await rows.until(({ id }) => id === 'with-session')
    // Once a tenth of the session has passed, an answer brings a new cookie.
    const cookie = () => server.config.cookieJar.getCookieString(tailwater.http)
    const first = cookie()
    while (cookie() === first && !test.signal.aborted) {
      await db.head('d00001')
      await new Promise((later) => setTimeout(later, 100))
    }
    assert.equal((await db.get('d00001')).n, 1)
  })

  it('PouchDB with a password, in the address and beside it', async (test) => {
    for (const db of [
      new PouchDB(`${as('bob', 'secret')}/private`),
      new PouchDB(`${tailwater.http}/private`, { auth: { username: 'bob', password: 'secret' } }),
    ]) {
      assert.equal((await db.get('d00001')).n, 1)
      const live = follow(test, db, { include_docs: true, selector: { n: { $lte: 5 } } })
      assert.deepEqual((await live.reached(5)).map(({ doc }) => doc.n), [1, 2, 3, 4, 5])
      const local = inMemory()
      await local.put({ _id: `from-${db.name}`.replaceAll(/\W/g, '-') })
      const { push, pull } = await local.sync(db)
      assert.deepEqual([push.ok, pull.ok], [true, true])
      await assertSame(local, db)
    }
    const url = (name, password) => `${as(name, password)}/private`
    for (const [name, password, expected] of [
      ['bob', 'wrong', { status: 401, name: 'unauthorized' }],
      ['eve', 'guess', { status: 403, name: 'forbidden' }],
    ]) {
      const db = new PouchDB(url(name, password), { skip_setup: true })
      await assert.rejects(db.changes({ since: 0 }), expected)
      await assert.rejects(db.replicate.to(inMemory(), { retry: true, live: true }), expected)
    }
  })

  it('PouchDB with a session', async () => {
    // Its `fetch` keeps cookies, and sends them with every request.
    const login = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'name=bob&password=secret' }
    const answer = await PouchDB.fetch(`${tailwater.http}/_session`, login)
    assert.equal(answer.status, 200)
    const db = new PouchDB(`${tailwater.http}/private`)
    assert.equal((await db.get('d00001')).n, 1)
    assert.equal((await db.replicate.to(inMemory())).ok, true)
    await PouchDB.fetch(`${tailwater.http}/_session`, { method: 'DELETE' })
    await assert.rejects(db.get('d00001'), { status: 401 })
  })
})

describe('without a right to write', () => {
  it('PouchDB replicates a public feed, and goes on where it was', async (test) => {
    const config = '[[feed]]\nname = "events"\npublic = true\ncouchdb.db = "events"\n'
    const tailwater = await Tailwater.start({ config: `${config}${await user('adm', 'secret', '_admin')}` })
    test.after(() => tailwater.stop())
    const writer = nano(`http://adm:secret@127.0.0.1:${tailwater.port}`).use('events')
    await writer.bulk({ docs: documents(1, 50) })
    const [db, local] = [new PouchDB(`${tailwater.http}/events`), inMemory()]
    assert.equal((await local.replicate.from(db)).docs_written, 50)
    await assertSame(db, local)
    await writer.bulk({ docs: documents(51, 53) })
    const { docs_read, last_seq } = await local.replicate.from(db)
    assert.deepEqual([docs_read, Number.parseInt(last_seq)], [3, 53])
    await local.put({ _id: 'not-allowed' })
    await assert.rejects(local.replicate.to(db), { status: 401 })
    assert.equal((await db.info()).doc_count, 53)
  })
})
