// Unmodified clients over TLS: their own WebSockets, HTTP/2 and HTTP/1.1, with a certificate that they are told to trust as
// NODE_EXTRA_CA_CERTS would tell them.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import tls from 'node:tls'

import { Firehose } from '@skyware/firehose'
import { Client, fql } from 'fauna'
import WebSocket from 'ws'

import { PouchDB, documents, follow, write } from './couchdb.mjs'
import { Tailwater, certificate, corpus, temporaryDirectory } from './harness.mjs'

const captured = corpus()

describe('clients over TLS', () => {
  let tailwater, files

  before(async () => {
    const data = temporaryDirectory()
    files = await certificate(data)
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(files.certificate, 'utf8')])
    tailwater = await Tailwater.start({ config: 'limits.connections_max = 1000\n', data, tls: files })
  })
  after(() => tailwater?.stop())

  it('a certificate that nobody vouches for is not trusted', async () => {
    const stranger = await certificate(temporaryDirectory())
    const socket = tls.connect({ port: tailwater.securePort, host: 'localhost', ca: readFileSync(stranger.certificate) })
    const [error] = await once(socket, 'error')
    assert.equal(error.code, 'DEPTH_ZERO_SELF_SIGNED_CERT')
  })

  it('fetch is answered, and told what to do on the wrong port', async () => {
    assert.equal((await fetch(`${tailwater.https}/v1/status`)).status, 200)
    const answer = await fetch(`${tailwater.https.replace('https', 'http')}/v1/status`)
    assert.equal(answer.status, 400)
    assert.match(await answer.text(), /https:\/\//)
  })

  it('ws follows a feed, and is told that the server restarts', async () => {
    const socket = new WebSocket(`${tailwater.wss}/v1/feeds/labels/events`)
    await once(socket, 'open')
    const message = once(socket, 'message')
    const published = await fetch(`${tailwater.https}/v1/feeds/labels/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: '{"kind":"put","body":"hello"}\n',
    })
    assert.equal(published.status, 200)
    assert.equal(JSON.parse((await message)[0]).body, 'hello')
    const other = await Tailwater.start({ config: 'limits.connections_max = 1000\n', tls: files })
    const ended = new WebSocket(`${other.wss}/v1/feeds/labels/events`)
    await once(ended, 'open')
    const close = once(ended, 'close')
    await other.stop()
    assert.equal((await close)[0], 1012)
    socket.terminate()
  })

  it('@skyware/firehose decodes everything', { skip: !captured && 'the captured frames are not at hand' }, async () => {
    await tailwater.publishFrames(captured.bytes)
    const firehose = new Firehose({ relay: tailwater.wss, cursor: '0', autoReconnect: false, ws: WebSocket })
    const seqs = []
    await new Promise((done, failed) => {
      const take = (event) => seqs.push(event.seq) === captured.frames.length && done()
      for (const kind of ['commit', 'identity', 'account']) firehose.on(kind, take)
      firehose.on('error', ({ error }) => failed(error))
      firehose.on('websocketError', ({ error }) => failed(error))
      firehose.start()
    })
    firehose.close()
    assert.deepEqual(seqs, seqs.toSorted((one, other) => one - other))
  })

  it('npm fauna queries and streams over HTTP/2', async () => {
    const client = new Client({ secret: 'secret', endpoint: new URL(tailwater.https), long_type: 'number' })
    await client.query(fql`Collection.create({ name: "Product" })`)
    const { data: token } = await client.query(fql`Product.all().eventSource()`)
    const stream = client.stream(token)
    const added = new Promise((done, failed) => stream.start((event) => event.type === 'add' && done(event), failed))
    const { data: created } = await client.query(fql`Product.create({ n: 1 })`)
    assert.deepEqual([(await added).data.id, created.n], [created.id, 1])
    stream.close()
    client.close()
  })

  it('PouchDB creates a database and follows its changes', async (test) => {
    const url = `${tailwater.https}/secure`
    const db = new PouchDB(url)
    assert.equal((await db.info()).db_name, 'secure')
    const live = follow(test, db)
    await write(url, documents(1, 3))
    await live.reached(3)
    await write(url, documents(4, 4))
    const got = await live.reached(4)
    assert.deepEqual(got.map(({ id }) => id), ['d00001', 'd00002', 'd00003', 'd00004'])
  })
})
