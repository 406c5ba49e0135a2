// Those who read a feed as it comes, against the real binary: `curl` in each of the four modes, npm's `eventsource`, which
// reconnects by itself, and `changes-stream`, which must not lose a row to a heartbeat.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'

import ChangesStream from 'changes-stream'
import { EventSource } from 'eventsource'

import { Arrivals, ask, documents, fresh, write } from './couchdb.mjs'
import { Tailwater } from './harness.mjs'

const ids = (rows) => rows.map(({ id }) => id)
const named = (from, to) => documents(from, to).map(({ _id }) => _id)

describe('curl', () => {
  let tailwater

  before(async () => (tailwater = await Tailwater.start()))
  after(() => tailwater.stop())

  // Runs curl until the test is over, without a buffer of its own.
  function curl(test, ...args) {
    const child = spawn('curl', ['--silent', '--show-error', '--no-buffer', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = new Arrivals()
    const self = { text: '', lines, stop: () => child.kill() }
    child.stdout.setEncoding('utf8').on('data', (text) => {
      self.text += text
      const whole = self.text.split('\n')
      for (const line of whole.slice(lines.got.length, -1)) lines.add(line)
    })
    self.ended = once(child, 'close').then(([code]) => code)
    test.after(() => child.kill())
    return self
  }

  it('normal: everything up to now, a row a line', async (test) => {
    const url = await fresh(tailwater, documents(1, 3))
    const plain = curl(test, `${url}/_changes`)
    assert.equal(await plain.ended, 0)
    const { results, last_seq, pending } = JSON.parse(plain.text)
    assert.deepEqual([ids(results), last_seq, pending], [named(1, 3), results[2].seq, 0])
    assert.equal(plain.text.split('\n').filter((line) => line.startsWith('{"seq":')).length, 3)
    const posted = curl(test, '--json', '{"selector":{"n":2}}', `${url}/_changes?filter=_selector&include_docs=true`)
    assert.equal(await posted.ended, 0)
    assert.deepEqual(JSON.parse(posted.text).results.map(({ doc }) => doc.n), [2])
    const head = curl(test, '--head', `${url}/_changes`)
    assert.equal(await head.ended, 0)
    assert.match(head.text, /^HTTP\/1\.1 200 OK\r\n(.+\r\n)*\r\n$/)
    // What was seen already is not sent again.
    const etag = head.text.match(/^etag: (.+)\r$/im)?.[1] ?? assert.fail(head.text)
    const same = curl(test, '--write-out', '%{http_code}', '--header', `If-None-Match: ${etag}`, `${url}/_changes`)
    assert.equal(await same.ended, 0)
    assert.equal(same.text, '304')
  })

  it('longpoll: waits for the next change', async (test) => {
    const url = await fresh(tailwater, documents(1, 2))
    const at = curl(test, `${url}/_changes?feed=longpoll&limit=10`)
    assert.equal(await at.ended, 0)
    const { last_seq } = JSON.parse(at.text)
    const waits = curl(test, `${url}/_changes?feed=longpoll&heartbeat=200&since=${last_seq}`)
    // The first line is there at once, and a heartbeat is an empty one.
    await waits.lines.reached(3)
    await write(url, documents(3, 3))
    assert.equal(await waits.ended, 0)
    const said = JSON.parse(waits.text)
    assert.deepEqual([ids(said.results), said.pending], [named(3, 3), 0])
    const idle = curl(test, `${url}/_changes?feed=longpoll&timeout=100&since=${said.last_seq}`)
    assert.equal(await idle.ended, 0)
    assert.deepEqual(JSON.parse(idle.text), { results: [], last_seq: said.last_seq, pending: 0 })
  })

  it('continuous: goes on', async (test) => {
    const url = await fresh(tailwater, documents(1, 2))
    const rows = ({ text }) => text.split('\n').slice(0, -1).filter((line) => line !== '').map((line) => JSON.parse(line))
    const goes = curl(test, `${url}/_changes?feed=continuous&heartbeat=100&include_docs=true`)
    await goes.lines.until((line) => line.includes('d00002'))
    await goes.lines.until((line) => line === '')
    for (const doc of documents(3, 50)) await write(url, [doc])
    await goes.lines.until((line) => line.includes('d00050'))
    assert.deepEqual(rows(goes).map(({ doc }) => doc.n), documents(1, 50).map(({ n }) => n))
    // An end is told: where to go on from.
    const ends = curl(test, `${url}/_changes?feed=continuous&timeout=100&since=${rows(goes)[48].seq}`)
    assert.equal(await ends.ended, 0)
    const [row, last] = rows(ends)
    assert.deepEqual([row.id, last], ['d00050', { last_seq: row.seq, pending: 0 }])
    await ask(url, { method: 'DELETE' })
    assert.equal(await goes.ended, 0)
    assert.equal(rows(goes).at(-1).last_seq, row.seq)
  })

  it('eventsource: goes on', async (test) => {
    const url = await fresh(tailwater, documents(1, 1))
    const goes = curl(test, '--include', `${url}/_changes?feed=eventsource&heartbeat=100`)
    await goes.lines.until((line) => line === 'event: heartbeat')
    await write(url, documents(2, 2))
    await goes.lines.until((line) => line.includes('d00002'))
    await goes.lines.until((line) => line.startsWith('id: "2-'))
    assert.match(goes.text, /^content-type: text\/event-stream\r$/im)
    const seq = JSON.parse(goes.text.match(/^id: ("1-.+)$/m)[1])
    const again = curl(test, '--header', `Last-Event-ID: "${seq}"`, `${url}/_changes?feed=eventsource&since=0`)
    await again.lines.until((line) => line.startsWith('data: '))
    assert.match(again.text, /^\n?data: \{"seq":"2-[^"]+","id":"d00002",/)
  })

  for (const [signal, codes] of [['SIGTERM', [0]], ['SIGKILL', [18, 56]]]) {
    it(`can tell whether an answer is whole: ${signal}`, async (test) => {
      const another = await Tailwater.start()
      test.after(() => another.stop())
      const url = await fresh(another, documents(1, 1))
      const goes = curl(test, `${url}/_changes?feed=continuous&heartbeat=1000`)
      await goes.lines.until((line) => line.includes('d00001'))
      await another.end(signal)
      const code = await goes.ended
      assert.ok(codes.includes(code), `${code}: ${goes.text}`)
    })
  }
})

describe('eventsource 5.1.5', () => {
  // Follows a feed with it until the test is over.
  function listen(test, url, event = 'message') {
    const source = new EventSource(url)
    const events = new Arrivals()
    const row = ({ data, lastEventId }) => events.add({ ...JSON.parse(data), lastEventId })
    source.addEventListener(event, row)
    test.after(() => source.close())
    return { source, events }
  }

  const start = async (test) => {
    const tailwater = await Tailwater.start()
    test.after(() => tailwater.stop())
    return tailwater
  }

  for (const [name, sse, event, id] of [
    ["CouchDB's wording", '', 'message', JSON.stringify],
    ["the specification's wording", '&sse=asyncapi', 'change', String],
  ]) {
    it(`comes back with what it saw last, in ${name}`, async (test) => {
      const tailwater = await start(test)
      const url = await fresh(tailwater, documents(1, 3))
      const { events } = listen(test, `${url}/_changes?feed=eventsource&since=0${sse}`, event)
      await events.reached(3)
      await write(url, documents(4, 4))
      await events.reached(4)
      await tailwater.killAndRestart()
      await write(url, documents(5, 6))
      await events.reached(6)
      await tailwater.end('SIGTERM')
      await tailwater.spawn()
      await write(url, documents(7, 7))
      const got = await events.reached(7)
      assert.deepEqual(ids(got), named(1, 7))
      for (const { seq, lastEventId } of got) assert.equal(lastEventId, id(seq))
    })
  }

  it('hears heartbeats, and reads documents', async (test) => {
    const url = await fresh(await start(test), documents(1, 1, { word: 'ü🦀\n\u2028' }))
    const { source, events } = listen(test, `${url}/_changes?feed=eventsource&heartbeat=100&include_docs=true`)
    for (let beat = 0; beat < 2; beat += 1) assert.equal((await once(source, 'heartbeat', { signal: test.signal })).length, 1)
    assert.equal((await events.reached(1))[0].doc.word, 'ü🦀\n\u2028')
  })

  it('does not come back where there is nothing', async (test) => {
    const { source } = listen(test, `${(await start(test)).http}/nowhere/_changes?feed=eventsource`)
    const [error] = await new Promise((told) => source.addEventListener('error', (error) => told([error])))
    assert.deepEqual([error.code, source.readyState], [404, EventSource.CLOSED])
  })
})

describe('changes-stream 2.2.0', () => {
  it('loses no row to a heartbeat', async (test) => {
    const tailwater = await Tailwater.start()
    test.after(() => tailwater.stop())
    const url = await fresh(tailwater, documents(1, 2))
    const stream = new ChangesStream({ db: url, include_docs: true, heartbeat: 100 })
    const changes = new Arrivals()
    stream.on('data', changes.add)
    for (const doc of documents(3, 40)) {
      await write(url, [doc])
      if (doc.n % 10 === 0) await new Promise((later) => setTimeout(later, 150))
    }
    assert.deepEqual((await changes.reached(40)).map(({ doc }) => doc.n), documents(1, 40).map(({ n }) => n))
    stream.destroy()
  })
})
