// The unmodified driver for JavaScript, with its default client (HTTP/2 with prior knowledge) and with FetchClient (HTTP/1.1).

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { Client, FetchClient, StreamToken, fql } from 'fauna'

import { Tailwater, Wire } from './harness.mjs'

function open(kind, endpoint) {
  const config = { secret: 'secret', endpoint: new URL(endpoint), long_type: 'number' }
  return kind === 'HTTP/2' ? new Client(config) : new Client(config, new FetchClient({ url: endpoint, fetch_keepalive: false }))
}

// Everything a stream shows, taken without waiting: the default client loses what comes while a consumer waits.
function follow(stream) {
  const events = []
  let told = () => {}
  stream.start(
    (event) => {
      events.push(event)
      told()
    },
    (error) => {
      events.failed = error
      told()
    },
  )
  events.has = async (count) => {
    while (events.length < count && !events.failed) await new Promise((next) => (told = next))
    if (events.failed) throw events.failed
    return events
  }
  return events
}

// Connections that were kept and are broken since fail once each.
async function answers(client) {
  for (;;) {
    try {
      return await client.query(fql`1`)
    } catch (error) {
      assert.equal(error.name, 'NetworkError')
    }
  }
}

const shown = (events) => events.map((event) => [event.type, event.data.n])

for (const kind of ['HTTP/2', 'HTTP/1.1']) {
  describe(`npm fauna over ${kind}`, () => {
    let tailwater, wire, client
    before(async () => {
      tailwater = await Tailwater.start({ config: '[fauna]\nstatus_interval_ms = 200\n' })
      wire = await Wire.start(tailwater.port)
      client = open(kind, `http://127.0.0.1:${wire.port}`)
      await client.query(fql`Collection.create({ name: "Product" })`)
    })
    after(async () => {
      client?.close()
      await wire?.stop()
      await tailwater?.stop()
    })

    it('queries', async () => {
      const { data, txn_ts, stats } = await client.query(fql`Product.create({ name: ${'pizza'}, n: ${1}, at: Time("2024-03-21T12:35:18.680Z") })`)
      assert.equal(data.name, 'pizza')
      assert.equal(data.at.isoString, '2024-03-21T12:35:18.680Z')
      assert.ok(txn_ts > 0 && stats.write_ops === 1)
      const { data: page } = await client.query(fql`Product.where(.n == ${1})`)
      assert.deepEqual(page.data.map((product) => product.id), [data.id])
      await client.query(fql`Product.byId(${data.id})!.delete()`)
      await assert.rejects(client.query(fql`Product.byId(${data.id})!.name`), { code: 'document_not_found' })
      await assert.rejects(client.query(fql`Nothing.all()`), { code: 'unbound_variable', httpStatus: 400 })
      await assert.rejects(client.query(fql`abort("oops")`), { code: 'abort', abort: 'oops' })
    })

    it('streams what happens', async () => {
      const stream = client.stream(fql`Product.where(.n > 0).eventSource()`, { status_events: true })
      const all = follow(stream)
      await all.has(1)
      assert.equal(all[0].type, 'status')
      await client.query(fql`Product.create({ id: "7", n: 1 })`)
      await client.query(fql`Product.byId("7")!.update({ n: 2 })`)
      await client.query(fql`Product.byId("7")!.update({ n: 0 })`)
      const data = () => all.filter((event) => event.type !== 'status')
      while (data().length < 3) await all.has(all.length + 1)
      assert.deepEqual(shown(data()), [['add', 1], ['update', 2], ['remove', 2]])
      stream.close()
      await client.query(fql`Product.byId("7")!.delete()`)
    })

    it('reads pages', async () => {
      const source = (await client.query(fql`Product.all().eventSource()`)).data
      await client.query(fql`Set.sequence(0, 100).forEach(n => Product.create({ n: n }))`)
      const seen = []
      let cursor
      for await (const page of client.feed(source, { page_size: 30 })) {
        seen.push(...page.events.map((event) => event.data.n))
        cursor = page.cursor
      }
      assert.deepEqual(seen, [...Array(100).keys()])
      const stream = client.stream(source, { cursor })
      const events = follow(stream)
      await client.query(fql`Product.create({ n: 100 })`)
      assert.deepEqual(shown(await events.has(1)), [['add', 100]])
      stream.close()
    })

    it('is refused in words it knows', async () => {
      await assert.rejects(client.feed(new StreamToken('tok')).nextPage(), { httpStatus: 400, code: 'invalid_request' })
      const events = follow(client.stream(new StreamToken('tok')))
      await assert.rejects(events.has(1), { message: /invalid event source provided/ })
    })

    it('ends at an error of its source', async () => {
      const events = follow(client.stream(fql`Product.all().map(d => abort("no")).eventSource()`))
      await new Promise((begun) => setTimeout(begun, 300))
      await client.query(fql`Product.create({ n: 1 })`)
      await assert.rejects(events.has(1), { code: 'abort' })
    })

    // Its default client loses nothing if it is read without waiting; see the contract's first trap.
    it('loses nothing of a burst', async () => {
      const source = (await client.query(fql`Product.all().eventSource()`)).data
      const stream = client.stream(source)
      const events = follow(stream)
      for (let round = 0; round < 5; round++) {
        await client.query(fql`Set.sequence(0, 200).forEach(n => Product.create({ n: n }))`)
      }
      await events.has(1000)
      assert.deepEqual(events.map((event) => event.data.n), [...Array(1000)].map((_, at) => at % 200))
      stream.close()
    })

    it('resumes after its connection was cut, and after the server was killed', async () => {
      const source = (await client.query(fql`Product.all().eventSource()`)).data
      let last
      const seen = []
      // One driver's connections break for good, so a stream is begun anew with its last cursor.
      const resume = () => {
        const stream = client.stream(source, last ? { cursor: last } : {})
        const events = follow(stream)
        return { stream, events }
      }
      for (let round = 0; round < 4; round++) {
        const { stream, events } = resume()
        await client.query(fql`Set.sequence(0, 20).forEach(n => Product.create({ n: n }))`)
        await events.has(20)
        seen.push(...shown(events))
        last = events.at(-1).cursor
        stream.close()
        if (round % 2 === 0) wire.cut()
        else await tailwater.killAndRestart()
        client.close()
        client = open(kind, `http://127.0.0.1:${wire.port}`)
        await answers(client)
      }
      assert.deepEqual(seen, [...Array(80)].map((_, at) => ['add', at % 20]))
    })

    // The default client comes back with its last cursor. The other one takes a broken body for the end of everything.
    it('does as its driver does when the connection is cut', async () => {
      const source = (await client.query(fql`Product.all().eventSource()`)).data
      const stream = client.stream(source, { max_attempts: 3 })
      const events = follow(stream)
      await client.query(fql`Product.create({ n: 1 })`)
      await events.has(1)
      wire.cut()
      if (kind === 'HTTP/1.1') {
        await assert.rejects(events.has(2), { name: 'NetworkError' })
      } else {
        const other = open('HTTP/1.1', tailwater.http)
        await other.query(fql`Product.create({ n: 2 })`)
        other.close()
        await events.has(2)
        assert.deepEqual(shown(events), [['add', 1], ['add', 2]])
      }
      stream.close()
    })
  })
}
