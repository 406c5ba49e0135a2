// Unmodified Streamr clients: streamr-client 0.12.2 and 1.0.2 for what they make of our answers, and the protocol's own
// decoder, streamr-client-protocol 1.1.0, for every kind of frame we send.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'

import StreamrClient from 'streamr-client'
import OldStreamrClient from 'streamr-client-0.12'
import protocol from 'streamr-client-protocol'
import WebSocket from 'ws'

import { Tailwater } from './harness.mjs'

const { WebsocketResponse } = protocol

const sha256 = (secret) => createHash('sha256').update(secret).digest('hex')

const config = `
[[feed]]
name = "messages"
public = true
streamr.stream = "messages"
[[feed]]
name = "other"
public = true
streamr.stream = "other"
[[feed]]
name = "ten"
public = true
streamr = { stream = "ten", partitions = 10 }
[[feed]]
name = "private"
streamr.stream = "private"
[[key]]
name = "everything"
secret_sha256 = "${sha256('KEY')}"
admin = true
[[key]]
name = "nothing"
secret_sha256 = "${sha256('POOR')}"
`

// What the two generations call things, and how they show an error.
const generations = {
  'streamr-client 0.12.2': {
    Client: OldStreamrClient,
    publish: (client, stream, message) => client.produceToStream(stream, message),
  },
  'streamr-client 1.0.2': {
    Client: StreamrClient,
    publish: (client, stream, message) => client.publish(stream, message),
  },
}

// Publishes over HTTP, one after the other.
async function produce(tailwater, stream, contents, query = '') {
  for (const content of contents) {
    const answer = await fetch(`${tailwater.http}/api/v1/streams/${encodeURIComponent(stream)}/data${query}`, {
      method: 'POST',
      headers: { authorization: 'token KEY', connection: 'close' },
      body: JSON.stringify(content),
    })
    assert.equal(answer.status, 200, await answer.text())
  }
}

// Creates a stream of the test's own and returns its id.
let created = 0
async function fresh(tailwater, { partitions = 1, contents = [] } = {}) {
  const id = `fresh ${(created += 1)}`
  const answer = await fetch(`${tailwater.http}/api/v1/streams`, {
    method: 'POST',
    headers: { authorization: 'token KEY' },
    body: JSON.stringify({ id, partitions, public: true }),
  })
  assert.equal(answer.status, 201)
  await produce(tailwater, id, contents)
  return id
}

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => from + n)
const numbered = (from, to) => range(from, to).map((n) => ({ n }))

// A subscription that keeps what comes and can be waited for.
function subscribe(client, options) {
  const got = []
  let check = () => {}
  const subscription = client.subscribe(options, (message, envelope) => {
    got.push({ message, envelope })
    check()
  })
  const reached = (count) =>
    new Promise((done) => {
      check = () => got.length >= count && done(got)
      check()
    })
  const numbers = () => got.map(({ message }) => message.n)
  const event = (name) => new Promise((done) => subscription.once(name, done))
  return { subscription, got, reached, numbers, event }
}

for (const [name, { Client, publish }] of Object.entries(generations)) {
  describe(name, () => {
    let tailwater
    const clients = []

    const connect = (options = {}) => {
      const client = new Client({
        url: `${tailwater.ws}/api/v1/ws`,
        restUrl: `${tailwater.http}/api/v1`,
        ...options,
      })
      client.errors = []
      client.on('error', (error) => client.errors.push(error))
      client.error = () => new Promise((done) => client.once('error', done))
      // 1.0.2 never comes back by itself: it connects anew with the socket that was closed.
      if (Client === StreamrClient) client.on('disconnected', () => (client.connection.socket = undefined))
      clients.push(client)
      return client
    }

    before(async () => {
      tailwater = await Tailwater.start({ config })
    })
    after(async () => {
      for (const client of clients) {
        client.options.autoDisconnect = false
        if (client.isConnected()) await client.disconnect()
      }
      await tailwater.stop()
    })

    it('subscribes and hears what it publishes itself', async () => {
      const client = connect({ authKey: 'KEY' })
      const { event, reached } = subscribe(client, { stream: 'messages' })
      await event('subscribed')
      await publish(client, 'messages', { hello: 'world', list: [1, { deep: null }] })
      const [{ message, envelope }] = await reached(1)
      assert.deepEqual(message, { hello: 'world', list: [1, { deep: null }] })
      assert.equal(envelope.streamId, 'messages')
      assert.equal(envelope.offset, 1)
      assert.equal(envelope.previousOffset, null)
      assert.deepEqual(client.errors, [])
    })

    it('publishes what was queued before it was connected', async () => {
      const stream = await fresh(tailwater)
      const reader = connect()
      const { event, reached, numbers } = subscribe(reader, { stream })
      await event('subscribed')
      const client = connect({ authKey: 'KEY' })
      for (const message of numbered(1, 3)) await publish(client, stream, message)
      await reached(3)
      assert.deepEqual(numbers().sort(), [1, 2, 3])
    })

    it('has published what it published when it leaves at once', async () => {
      const stream = await fresh(tailwater)
      const reader = connect()
      const { event, reached, numbers } = subscribe(reader, { stream })
      await event('subscribed')
      const client = connect({ authKey: 'KEY', autoDisconnect: false })
      const connected = once(client, 'connected')
      // The newer one connects on its own by now.
      if (Client === OldStreamrClient) client.connect()
      await connected
      await Promise.all(numbered(1, 200).map((message) => publish(client, stream, message)))
      client.disconnect()
      await reached(200)
      assert.deepEqual(numbers(), range(1, 200))
    })

    it('resends all, the last, from an offset and from a time', async () => {
      const stream = await fresh(tailwater, { contents: numbered(1, 5) })
      const time = Date.now() + 60_000
      await produce(tailwater, stream, numbered(6, 8), `?ts=${time}`)
      for (const [options, expected] of [
        [{ resend_all: true }, range(1, 8)],
        [{ resend_last: 3 }, range(6, 8)],
        [{ resend_from: 4 }, range(4, 8)],
        [{ resend_from_time: time }, range(6, 8)],
        [{ resend_from_time: new Date(0) }, range(1, 8)],
      ]) {
        const client = connect()
        const { event, reached, numbers } = subscribe(client, { stream, ...options })
        await event('resent')
        await reached(expected.length)
        assert.deepEqual(numbers(), expected, JSON.stringify(options))
        assert.deepEqual(client.errors, [])
        await client.disconnect()
      }
    })

    it('is told when there is nothing to resend', async () => {
      const stream = await fresh(tailwater)
      const client = connect()
      const { event, reached, numbers } = subscribe(client, { stream, resend_all: true })
      await event('no_resend')
      await produce(tailwater, stream, numbered(1, 1))
      await reached(1)
      assert.deepEqual(numbers(), [1])
    })

    it('goes from a resend to what is live without a gap and without repeating', async () => {
      const stream = await fresh(tailwater, { contents: numbered(1, 20) })
      const client = connect()
      const { event, reached, numbers } = subscribe(client, { stream, resend_all: true })
      // 1.0.2 looks at what came live before it looks at what was resent, and drops the latter for being older: until its
      // first resend is over it has to be spared live messages.
      if (Client === StreamrClient) await event('resent')
      await produce(tailwater, stream, numbered(21, 60))
      await reached(60)
      assert.deepEqual(numbers(), range(1, 60))
    })

    it('follows several streams, and one stream several times', async () => {
      const [one, two] = [await fresh(tailwater), await fresh(tailwater)]
      const client = connect()
      const subscriptions = [one, two, one].map((stream) => subscribe(client, { stream }))
      await Promise.all(subscriptions.map(({ event }) => event('subscribed')))
      await produce(tailwater, one, numbered(1, 3))
      await produce(tailwater, two, numbered(4, 6))
      await Promise.all(subscriptions.map(({ reached }) => reached(3)))
      assert.deepEqual(subscriptions.map(({ numbers }) => numbers()), [range(1, 3), range(4, 6), range(1, 3)])
    })

    it('unsubscribes, and disconnects with its last subscription', async () => {
      const stream = await fresh(tailwater)
      const client = connect()
      const first = subscribe(client, { stream })
      const second = subscribe(client, { stream: 'other' })
      await Promise.all([first.event('subscribed'), second.event('subscribed')])
      const unsubscribed = first.event('unsubscribed')
      client.unsubscribe(first.subscription)
      await unsubscribed
      await produce(tailwater, stream, numbered(1, 1))
      const gone = once(client, 'disconnected')
      client.unsubscribe(second.subscription)
      await gone
      assert.deepEqual(first.numbers(), [])
      assert.deepEqual(client.errors, [])
    })

    it('unsubscribes when it is told good-bye', async () => {
      const stream = await fresh(tailwater)
      const client = connect()
      const { event, got } = subscribe(client, { stream })
      await event('subscribed')
      const unsubscribed = event('unsubscribed')
      await produce(tailwater, stream, [{ _bye: true }])
      await unsubscribed
      assert.deepEqual(got.map(({ message }) => message), [{ _bye: true }])
    })

    it('receives thousands in order', async () => {
      const stream = await fresh(tailwater)
      const client = connect({ authKey: 'KEY' })
      const { event, reached, numbers } = subscribe(client, { stream })
      await event('subscribed')
      for (const message of numbered(1, 3000)) publish(client, stream, message)
      const got = await reached(3000)
      assert.deepEqual(numbers(), range(1, 3000))
      assert.deepEqual(got.map(({ envelope }) => envelope.offset), range(1, 3000))
    })

    it('shows our errors', async (t) => {
      // They print them besides.
      t.mock.method(console, 'error', () => {})
      for (const [authKey, ask, expected] of [
        [undefined, (client) => subscribe(client, { stream: 'private' }), 'Not authorized to subscribe to stream private and partition 0'],
        ['POOR', (client) => subscribe(client, { stream: 'private' }), 'Not authorized to subscribe to stream private and partition 0'],
        [undefined, (client) => subscribe(client, { stream: 'nowhere' }), 'Stream nowhere not found.'],
        ['POOR', (client) => publish(client, 'messages', {}), 'You are not allowed to write to stream messages'],
        [undefined, (client) => publish(client, 'messages', {}), 'Authentication failed while trying to publish to stream messages'],
      ]) {
        // Only the newer one shows by itself how it reads errors, and not before it has a session.
        const query = Client === StreamrClient ? '?controlLayerVersion=0&messageLayerVersion=28' : ''
        const client = connect({ authKey, url: `${tailwater.ws}/api/v1/ws${query}` })
        const error = client.error()
        ask(client)
        assert.equal((await error).message, expected)
      }
    })

    it('reads private streams with a key, over WebSocket and after a resend', async () => {
      await produce(tailwater, 'private', numbered(1, 2))
      const client = connect({ authKey: 'KEY' })
      const { reached, event } = subscribe(client, { stream: 'private', resend_last: 1 })
      await event('resent')
      await produce(tailwater, 'private', numbered(3, 3))
      await reached(2)
      assert.deepEqual(client.errors, [])
    })

    it('is told when its stream is deleted, and its other streams go on', async (t) => {
      t.mock.method(console, 'error', () => {})
      const [doomed, other] = [await fresh(tailwater), await fresh(tailwater)]
      const query = Client === StreamrClient ? '?controlLayerVersion=0' : ''
      const client = connect({ url: `${tailwater.ws}/api/v1/ws${query}` })
      const subscriptions = [doomed, other].map((stream) => subscribe(client, { stream }))
      await Promise.all(subscriptions.map(({ event }) => event('subscribed')))
      const error = client.error()
      const url = `${tailwater.http}/api/v1/streams/${encodeURIComponent(doomed)}`
      assert.equal((await fetch(url, { method: 'DELETE', headers: { authorization: 'token KEY' } })).status, 204)
      assert.equal((await error).message, `Stream ${doomed} not found.`)
      await produce(tailwater, other, numbered(1, 1))
      await subscriptions[1].reached(1)
    })

    it('sees streams come and go', async () => {
      const client = connect({ authKey: 'KEY' })
      const { event, reached } = subscribe(client, { stream: '_system' })
      await event('subscribed')
      const id = await fresh(tailwater, { partitions: 2 })
      const [{ message }] = await reached(1)
      assert.deepEqual(message, { event: 'stream-object-created', stream: { id, partitions: 2 } })
    })

    it('fills the gap after the server was killed', async () => {
      const another = await Tailwater.start()
      const client = connect({ url: `${another.ws}/api/v1/ws`, restUrl: `${another.http}/api/v1` })
      const { event, reached, numbers, got } = subscribe(client, { stream: 'messages' })
      await event('subscribed')
      await produce(another, 'messages', numbered(1, 3))
      await reached(3)
      const again = event('subscribed')
      await another.killAndRestart()
      // Before the client comes back, so that it has missed them.
      await produce(another, 'messages', numbered(4, 6))
      await again
      await produce(another, 'messages', numbered(7, 8))
      await reached(8)
      assert.deepEqual(numbers(), range(1, 8))
      assert.deepEqual(got.map(({ envelope }) => envelope.previousOffset), [null, ...range(1, 7)])
      client.options.autoDisconnect = false
      await client.disconnect()
      await another.stop()
    })

    it('comes back after an orderly stop, where it was', async () => {
      const another = await Tailwater.start()
      const client = connect({ url: `${another.ws}/api/v1/ws`, restUrl: `${another.http}/api/v1` })
      const { event, reached, numbers } = subscribe(client, { stream: 'messages', resend_all: true })
      await event('no_resend')
      await produce(another, 'messages', numbered(1, 3))
      await reached(3)
      const again = event('subscribed')
      await another.end('SIGTERM')
      assert.equal(another.process.exitCode, 0)
      await another.spawn()
      await produce(another, 'messages', numbered(4, 5))
      await again
      await reached(5)
      assert.deepEqual(numbers(), range(1, 5))
      client.options.autoDisconnect = false
      await client.disconnect()
      await another.stop()
    })

    if (Client === OldStreamrClient) {
      it('follows a partition, and leaves it without naming it', async () => {
        const client = connect()
        const { subscription, event, reached } = subscribe(client, { stream: 'ten', partition: 5 })
        await event('subscribed')
        // `key-0` belongs to partition 5, `key-1` to 6.
        await produce(tailwater, 'ten', numbered(1, 1), '?pkey=key-1')
        await produce(tailwater, 'ten', numbered(2, 2), '?pkey=key-0')
        const [{ message, envelope }] = await reached(1)
        assert.deepEqual([message, envelope.streamPartition], [{ n: 2 }, 5])
        const unsubscribed = event('unsubscribed')
        client.unsubscribe(subscription)
        await unsubscribed
      })
    } else {
      it('works with the query strings of its generation', async () => {
        const stream = await fresh(tailwater, { contents: numbered(1, 2) })
        for (const query of ['?controlLayerVersion=0&messageLayerVersion=28', '?controlLayerVersion=0&messageLayerVersion=29']) {
          const client = connect({ url: `${tailwater.ws}/api/v1/ws${query}`, authKey: 'KEY' })
          const { reached, event } = subscribe(client, { stream, resend_last: 2 })
          await event('resent')
          await reached(2)
          assert.deepEqual(client.errors, [])
        }
      })

      it('refuses to go on with a key nobody knows', async () => {
        const client = connect({ authKey: 'WRONG', autoConnect: false })
        await assert.rejects(client.session.getSessionToken(), /403.*Authentication failed/)
      })
    }

    it('creates, finds, lists and deletes streams', async () => {
      const client = connect({ authKey: 'KEY', autoConnect: false })
      const create = Client === StreamrClient ? (props) => client.createStream(props) : (props) => client.createStream(props, 'KEY')
      const stream = await create({ name: `made by ${name}`, description: 'a test' })
      assert.equal(stream.id, `made by ${name}`)
      const found = await client.getStream(encodeURIComponent(stream.id))
      assert.equal(found.name, stream.name)
      assert.equal((await client.getStreamByName(stream.name)).id, stream.id)
      assert.ok((await client.listStreams()).some(({ id }) => id === stream.id))
      await assert.rejects(client.getStream('nowhere'), /404/)
    })
  })
}

describe('streamr-client-protocol 1.1.0', () => {
  let tailwater, socket, frames

  const next = async () => {
    while (frames.length === 0) await once(socket, 'message')
    return frames.shift()
  }

  // The next frame as the decoder reads it; read and written it is the frame again.
  const decoded = async (kind) => {
    const text = await next()
    const response = WebsocketResponse.deserialize(text)
    assert.equal(response.constructor.name, kind, text)
    const [version, type, sub, payload] = JSON.parse(response.serialize())
    assert.deepEqual([version, type, sub ?? '', payload], JSON.parse(text))
    return response
  }

  const ask = (request) => socket.send(JSON.stringify(request))

  before(async () => {
    tailwater = await Tailwater.start()
    socket = new WebSocket(`${tailwater.ws}/api/v1/ws?controlLayerVersion=0`)
    frames = []
    socket.on('message', (data, isBinary) => {
      assert.ok(!isBinary)
      frames.push(data.toString())
    })
    await once(socket, 'open')
  })
  after(async () => {
    socket.terminate()
    await tailwater.stop()
  })

  it('decodes every kind of frame', async () => {
    const place = { streamId: 'messages', streamPartition: 0 }
    ask({ type: 'subscribe', stream: 'messages' })
    assert.deepEqual({ ...(await decoded('SubscribeResponse')).payload }, place)
    ask({ type: 'resend', stream: 'messages', sub: '7', resend_all: true })
    assert.deepEqual({ ...(await decoded('ResendResponseNoResend')).payload }, { ...place, subId: '7' })
    for (const previousOffset of [null, 1]) {
      ask({ type: 'publish', stream: 'messages', ts: 1491037200000, msg: '{"a":"\\u0000ü\\"🦀"}' })
      const { payload } = await decoded('BroadcastMessage')
      const { streamId, streamPartition, timestamp, ttl, offset, contentType } = payload
      assert.deepEqual([streamId, streamPartition, timestamp, ttl, contentType], ['messages', 0, 1491037200000, 0, 27])
      assert.deepEqual([offset, payload.previousOffset], [(previousOffset ?? 0) + 1, previousOffset])
      assert.deepEqual(payload.getParsedContent(), { a: '\0ü"🦀' })
    }
    ask({ type: 'resend', stream: 'messages', sub: '7', resend_last: 2 })
    assert.deepEqual({ ...(await decoded('ResendResponseResending')).payload }, { ...place, subId: '7' })
    for (const offset of [1, 2]) {
      const unicast = await decoded('UnicastMessage')
      assert.deepEqual([unicast.subId, unicast.payload.offset], ['7', offset])
    }
    assert.deepEqual({ ...(await decoded('ResendResponseResent')).payload }, { ...place, subId: '7' })
    ask({ type: 'unsubscribe', stream: 'messages' })
    assert.deepEqual({ ...(await decoded('UnsubscribeResponse')).payload }, place)
    ask({ type: 'subscribe', stream: 'nowhere' })
    assert.equal((await decoded('ErrorResponse')).payload.error, 'Stream nowhere not found.')
  })

  it('does not know acknowledgements, which only those get who ask', async () => {
    ask({ type: 'publish', stream: 'messages', msg: '{}', ack: 'mine' })
    const text = await next()
    assert.equal(text, '[0,100,"",{"stream":"messages","partition":0,"offset":3,"ack":"mine"}]')
    assert.throws(() => WebsocketResponse.deserialize(text))
  })

  it('decodes the answers to queries', async () => {
    const url = `${tailwater.http}/api/v1/streams/messages/data/partitions/0/last?count=2`
    const messages = await (await fetch(url)).json()
    assert.deepEqual(messages.map((message) => protocol.StreamMessage.deserialize(message).offset), [2, 3])
  })
})
