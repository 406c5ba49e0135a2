// Unmodified AT Protocol clients: npm ws for the bytes, @skyware/firehose and @atproto/sync for what they make of them.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'

import { IdResolver } from '@atproto/identity'
import { Firehose as SyncFirehose } from '@atproto/sync'
import { Firehose as SkywareFirehose } from '@skyware/firehose'
import WebSocket from 'ws'

import { Directory, REPOS, Tailwater, Wire, corpus, random, withLengths } from './harness.mjs'

const captured = corpus()
const FIRST = 31527015322
const LAST = 31527015471

// Reads binary messages until there are `count`, or the server closes.
async function read(url, count) {
  const socket = new WebSocket(url)
  const messages = []
  let close
  await new Promise((done, failed) => {
    socket.on('error', failed)
    socket.on('message', (data, isBinary) => {
      assert.ok(isBinary)
      messages.push(data)
      if (messages.length === count) done()
    })
    socket.on('close', (code, reason) => {
      close = { code, reason: reason.toString() }
      done()
    })
  })
  socket.terminate()
  return { messages, close }
}

// Runs an @skyware/firehose until `count` events have come.
async function skyware(relay, cursor, count) {
  const firehose = new SkywareFirehose({ relay, cursor: String(cursor), autoReconnect: false, ws: WebSocket })
  const events = []
  await new Promise((done, failed) => {
    const take = (event) => {
      events.push(event)
      if (events.length === count) done()
    }
    for (const kind of ['commit', 'identity', 'account', 'sync', 'info', 'unknown']) firehose.on(kind, take)
    firehose.on('error', ({ error }) => failed(error))
    firehose.on('websocketError', ({ error }) => failed(error))
    firehose.start()
  })
  firehose.close()
  return events
}

let directory
before(async () => (directory = await Directory.start()))
after(() => directory.stop())

// Runs an @atproto/sync firehose from a cursor, or from where `getCursor` says, until `enough(events, errors)`.
async function sync(service, cursor, enough) {
  const events = []
  const errors = []
  let done
  const finished = new Promise((resolve) => (done = resolve))
  const check = () => enough(events, errors) && done()
  const firehose = new SyncFirehose({
    service,
    idResolver: new IdResolver(directory.resolverOptions),
    unauthenticatedCommits: true,
    unauthenticatedHandles: true,
    getCursor: () => (typeof cursor === 'function' ? cursor(events) : cursor),
    handleEvent: (event) => {
      events.push(event)
      check()
    },
    onError: (error) => {
      errors.push(error)
      check()
    },
  })
  const running = firehose.start()
  await finished
  await firehose.destroy()
  await running
  return { events, errors }
}

describe('AT Protocol clients', { skip: !captured && 'the captured frames are not at hand' }, () => {
  let tailwater

  before(async () => {
    tailwater = await Tailwater.start()
    const published = await tailwater.publishFrames(captured.bytes)
    assert.deepEqual(published, { first_seq: FIRST, last_seq: LAST, count: 150 })
  })
  after(() => tailwater.stop())

  const stream = (cursor) => `${tailwater.ws}/xrpc/${REPOS}?cursor=${cursor}`

  it('ws receives the bytes that were published', async () => {
    const { messages } = await read(stream(0), 150)
    messages.forEach((message, index) => assert.ok(message.equals(captured.frames[index]), `frame ${index}`))
  })

  it('ws resumes at a cursor, inclusively', async () => {
    const { messages } = await read(stream(LAST - 9), 10)
    messages.forEach((message, index) => assert.ok(message.equals(captured.frames[140 + index])))
  })

  it('ws is told that a cursor is in the future', async () => {
    const { messages, close } = await read(stream(LAST + 2), 2)
    assert.deepEqual(close, { code: 1008, reason: 'FutureCursor' })
    assert.equal(messages.length, 1)
    const golden = 'a1626f7020a2656572726f726c467574757265437572736f72676d65737361676575437572736f7220696e20746865206675747572652e'
    assert.equal(messages[0].toString('hex'), golden)
  })

  it('ws is told that a cursor is outdated, and then gets everything', async () => {
    const { messages } = await read(stream(5), 151)
    const golden =
      'a261746523696e666f626f7001a2646e616d656e4f75746461746564437572736f72676d6573736167657838' +
      Buffer.from('Requested cursor exceeded limit. Possibly missing events').toString('hex')
    assert.equal(messages[0].toString('hex'), golden)
    assert.ok(messages[1].equals(captured.frames[0]))
  })

  it('@skyware/firehose decodes everything from 0', async () => {
    const events = await skyware(tailwater.ws, 0, 150)
    const kinds = Object.groupBy(events, (event) => event.$type.split('#')[1])
    assert.deepEqual([kinds.commit.length, kinds.identity.length, kinds.account.length], [148, 1, 1])
    assert.deepEqual(events.map((event) => event.seq), Array.from({ length: 150 }, (_, n) => FIRST + n))
    assert.ok(kinds.commit.every((commit) => commit.ops.length > 0))
  })

  it('@skyware/firehose resumes at a cursor', async () => {
    const events = await skyware(tailwater.ws, LAST - 4, 5)
    assert.deepEqual(events.map((event) => event.seq), [4, 3, 2, 1, 0].map((n) => LAST - n))
  })

  it('@skyware/firehose sees the notice of an outdated cursor', async () => {
    const events = await skyware(tailwater.ws, 7, 151)
    assert.equal(events[0].name, 'OutdatedCursor')
    assert.equal(events[1].seq, FIRST)
  })

  it('@atproto/sync decodes everything from 0', async () => {
    const { events, errors } = await sync(tailwater.ws, 0, (events) => events.at(-1)?.seq === LAST)
    assert.deepEqual(errors, [])
    assert.equal(events.length, 152)
    assert.equal(new Set(events.map((event) => event.seq)).size, 150)
    const identity = events.find((event) => event.event === 'identity')
    assert.equal(identity.didDocument.id, identity.did)
    assert.ok(directory.asked.includes(identity.did))
  })

  it('@atproto/sync resumes at a cursor', async () => {
    const { events, errors } = await sync(tailwater.ws, LAST - 2, (events) => events.at(-1)?.seq === LAST)
    assert.deepEqual(errors, [])
    assert.deepEqual([...new Set(events.map((event) => event.seq))], [LAST - 2, LAST - 1, LAST])
  })

  it('@atproto/sync is told that its cursor is in the future', async () => {
    const { events, errors } = await sync(tailwater.ws, LAST + 100, (_, errors) => errors.length > 0)
    assert.deepEqual(events, [])
    assert.match(String(errors[0].cause ?? errors[0]), /FutureCursor|Cursor in the future/)
  })

  it('@atproto/sync gets the whole window below it', async () => {
    const { events, errors } = await sync(tailwater.ws, 3, (events) => events.at(-1)?.seq === LAST)
    assert.deepEqual(errors, [])
    assert.equal(events[0].seq, FIRST)
  })

  it('a graceful stop makes clients come back: close code 1012', async () => {
    const another = await Tailwater.start()
    const socket = new WebSocket(`${another.ws}/xrpc/${REPOS}`)
    await once(socket, 'open')
    const closed = once(socket, 'close')
    await another.stop()
    const [code] = await closed
    assert.equal(code, 1012)
    assert.equal(another.process.exitCode, 0)
  })
})

// Reads a stream into `messages` until there are `count`, coming back at the next seq whenever it is cut.
async function follow(url, messages, count) {
  while (messages.length < count) {
    const cursor = messages.length === 0 ? 0 : FIRST + messages.length
    const socket = new WebSocket(`${url}?cursor=${cursor}`)
    await new Promise((done) => {
      socket.on('error', () => {})
      socket.on('message', (data) => {
        messages.push(data)
        if (messages.length === count) done()
      })
      socket.on('close', done)
    })
    socket.terminate()
    await new Promise((again) => setTimeout(again, 10))
  }
}

function assertPublished(messages) {
  assert.equal(messages.length, captured.frames.length)
  messages.forEach((message, index) => assert.ok(message.equals(captured.frames[index]), `frame ${index}`))
}

describe('a mirror', { skip: !captured && 'the captured frames are not at hand' }, () => {
  let origin, wire, mirror

  beforeEach(async () => {
    origin = await Tailwater.start()
    wire = await Wire.start(origin.port)
    const url = `ws://127.0.0.1:${wire.port}/xrpc/${REPOS}`
    const config = `[[mirror]]\nfeed = "repos"\nurl = "${url}"\ncursor = 0\nbackoff_ms_min = 10\nbackoff_ms_max = 100\n`
    mirror = await Tailwater.start({ config })
  })
  afterEach(async () => {
    await mirror.stop()
    await wire.stop()
    await origin.stop()
  })

  it('serves what its upstream serves', async () => {
    await origin.publishFrames(captured.bytes)
    const messages = []
    await follow(`${mirror.ws}/xrpc/${REPOS}`, messages, 150)
    assertPublished(messages)
    const events = await skyware(mirror.ws, 0, 150)
    assert.deepEqual(events.map((event) => event.seq), Array.from({ length: 150 }, (_, n) => FIRST + n))
    const { events: synced, errors } = await sync(mirror.ws, 0, (events) => events.at(-1)?.seq === LAST)
    assert.deepEqual(errors, [])
    assert.equal(new Set(synced.map((event) => event.seq)).size, 150)
  })

  it('loses and repeats nothing when processes are killed and connections are cut', async () => {
    const seed = Date.now() >>> 0
    console.log(`seed ${seed}`)
    const chance = random(seed)
    const messages = []
    const following = follow(`${mirror.ws}/xrpc/${REPOS}`, messages, 150)
    // Comes back by itself, where it was. What it is told about lost connections is no concern here.
    const resume = (events) => (events.length === 0 ? 0 : events.at(-1).seq + 1)
    const syncing = sync(mirror.ws, resume, (events) => events.at(-1)?.seq === LAST)
    const breaks = [() => wire.cut(), () => origin.killAndRestart(), () => mirror.killAndRestart()]
    for (let at = 0; at < 150; ) {
      const end = Math.min(150, at + 1 + Math.floor(chance() * 12))
      await origin.publishFrames(withLengths(captured.frames.slice(at, end)))
      at = end
      await new Promise((moment) => setTimeout(moment, chance() * 20))
      await breaks[Math.floor(chance() * breaks.length)]()
    }
    await following
    assertPublished(messages)
    const { events } = await syncing
    const seqs = events.map((event) => event.seq)
    assert.deepEqual([...new Set(seqs)], Array.from({ length: 150 }, (_, n) => FIRST + n))
    // The last break may have been a moment ago.
    for (;;) {
      const { mirrors } = await (await fetch(`${mirror.http}/v1/mirrors`)).json()
      assert.notEqual(mirrors[0].state, 'stopped', mirrors[0].reason)
      if (mirrors[0].state === 'following') break
      await new Promise((again) => setTimeout(again, 20))
    }
  })
})
