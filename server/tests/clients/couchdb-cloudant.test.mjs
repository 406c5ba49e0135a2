// The followers of changes that IBM makes for Cloudant, in Python and for Node, and PyPI's `couchdb`, which loses a row that
// comes in one chunk with a heartbeat, against the real binary.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import Cloudant from '@ibm-cloud/cloudant'

import { Arrivals, ask, documents, fresh, write } from './couchdb.mjs'
import { Python, Tailwater, user } from './harness.mjs'

const { BasicAuthenticator, ChangesFollower, CloudantV1, CouchdbSessionAuthenticator } = Cloudant

const named = (from, to) => documents(from, to).map(({ _id, n }) => `${_id} ${n}`)

let python
before(async () => (python = await Python.with('ibmcloudant==0.11.12', 'couchdb==1.2')))
after(() => python?.stop())

const start = async (test, config) => {
  const tailwater = await Tailwater.start({ config })
  test.after(() => tailwater.stop())
  return tailwater
}

// Follows a database with a client of Python's.
async function follow(client, url, ...credentials) {
  const { origin, pathname } = new URL(url)
  const { line } = await python.run('couchdb_follow.py', client, origin, pathname.slice(1), ...credentials)
  const next = async (count) => {
    const lines = []
    while (lines.length < count) lines.push(await line())
    return lines
  }
  return { line, next }
}

// A database that only readers may read, and who may.
async function restricted(test) {
  const users = await Promise.all([user('adm', 'secret', '_admin'), user('bob', 'secret', 'readers')])
  const { http } = await start(test, users.join(''))
  const headers = { authorization: `Basic ${btoa('adm:secret')}` }
  const url = `${http}/private`
  await ask(url, { method: 'PUT', headers })
  await ask(`${url}/_security`, { method: 'PUT', headers, body: { members: { roles: ['readers'] } } })
  await ask(`${url}/_bulk_docs`, { method: 'POST', headers, body: { docs: documents(1, 3) } })
  return url
}

describe("PyPI's ibmcloudant 0.11.12", () => {
  it('reads all changes once', async (test) => {
    const { next, line } = await follow('cloudant-once', await fresh(await start(test), documents(1, 500)))
    assert.deepEqual(await next(500), named(1, 500))
    assert.equal(await line(), undefined)
  })

  it('follows changes, over the death of the server', async (test) => {
    const tailwater = await start(test)
    const url = await fresh(tailwater, documents(1, 3))
    const { next } = await follow('cloudant', url)
    assert.deepEqual(await next(3), named(1, 3))
    await write(url, documents(4, 5))
    assert.deepEqual(await next(2), named(4, 5))
    for (let n = 6; n < 9; n += 1) {
      await tailwater.killAndRestart()
      await write(url, documents(n, n))
      assert.deepEqual(await next(1), named(n, n))
    }
  })

  for (const client of ['cloudant-once', 'cloudant-session-once']) {
    it(`logs in: ${client}`, async (test) => {
      const { next } = await follow(client, await restricted(test), 'bob', 'secret')
      assert.deepEqual(await next(3), named(1, 3))
    })
  }
})

describe("PyPI's couchdb 1.2", () => {
  it('loses no row to a heartbeat', async (test) => {
    const url = await fresh(await start(test), documents(1, 2))
    const { next } = await follow('couchdb', url)
    assert.deepEqual(await next(2), named(1, 2))
    for (const doc of documents(3, 40)) {
      await write(url, [doc])
      if (doc.n % 10 === 0) await new Promise((later) => setTimeout(later, 150))
    }
    assert.deepEqual(await next(38), named(3, 40))
  })
})

describe("npm's @ibm-cloud/cloudant 0.12.19", () => {
  const service = (url, authenticator) => {
    const made = new CloudantV1({ authenticator })
    made.setServiceUrl(new URL(url).origin)
    return made
  }
  const params = (url) => ({ db: new URL(url).pathname.slice(1), since: '0', includeDocs: true })
  const shown = ({ id, doc }) => `${id} ${doc.n}`

  for (const Authenticator of [BasicAuthenticator, CouchdbSessionAuthenticator]) {
    it(`reads all changes once: ${Authenticator.name}`, async (test) => {
      const url = await restricted(test)
      const follower = new ChangesFollower(service(url, new Authenticator({ username: 'bob', password: 'secret' })), params(url))
      const rows = []
      for await (const row of follower.startOneOff()) rows.push(row)
      assert.deepEqual(rows.map(shown), named(1, 3))
    })
  }

  it('follows changes, over the death of the server', async (test) => {
    const tailwater = await start(test)
    const url = await fresh(tailwater, documents(1, 3))
    const follower = new ChangesFollower(service(url, new BasicAuthenticator({ username: 'any', password: 'any' })), params(url))
    test.after(() => follower.stop())
    const rows = new Arrivals()
    follower.start().on('data', rows.add)
    await rows.reached(3)
    await tailwater.killAndRestart()
    await write(url, documents(4, 6))
    assert.deepEqual((await rows.reached(6)).map(shown), named(1, 6))
  })
})
