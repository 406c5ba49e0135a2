// Unmodified BigchainDB clients: bigchaindb-driver makes and posts transactions, npm ws and Python websockets follow the
// stream.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'

import driver from 'bigchaindb-driver'
import WebSocket from 'ws'

import { Python, Tailwater } from './harness.mjs'

const { Connection, Ed25519Keypair, Transaction } = driver
const alice = new Ed25519Keypair()
const bob = new Ed25519Keypair()

const owned = (...owners) => {
  const conditions = owners.map((owner) => Transaction.makeEd25519Condition(owner.publicKey, owners.length === 1))
  if (owners.length === 1) return conditions[0]
  return Transaction.makeThresholdCondition(owners.length, conditions)
}

function create(owner, data, amount = '1') {
  const output = Transaction.makeOutput(owned(owner), amount)
  const transaction = Transaction.makeCreateTransaction(data, { made: 'by the driver' }, [output], owner.publicKey)
  return Transaction.signTransaction(transaction, owner.privateKey)
}

function transfer(before, owner, output) {
  const spent = [{ tx: before, output_index: 0 }]
  return Transaction.signTransaction(Transaction.makeTransferTransaction(spent, [output], null), owner.privateKey)
}

// The text of the stream's message, as the original writes it.
function told(transaction, height) {
  const asset = transaction.asset.id ?? transaction.id
  return `{"height": ${height}, "asset_id": "${asset}", "transaction_id": "${transaction.id}"}`
}

// A WebSocket that keeps what comes.
class Stream {
  static async open(url, options) {
    const self = new Stream()
    self.messages = []
    self.waiting = []
    self.socket = new WebSocket(url, options)
    self.socket.on('message', (data, isBinary) => {
      assert.ok(!isBinary)
      const waiting = self.waiting.shift()
      if (waiting) waiting(data.toString())
      else self.messages.push(data.toString())
    })
    self.closed = once(self.socket, 'close').then(([code, reason]) => ({ code, reason: reason.toString() }))
    await once(self.socket, 'open')
    return self
  }

  next() {
    if (this.messages.length > 0) return Promise.resolve(this.messages.shift())
    return new Promise((resolve) => this.waiting.push(resolve))
  }
}

describe('BigchainDB clients', () => {
  let tailwater, connection, streams, python
  let height = 0

  before(async () => {
    python = await Python.with('websockets==17.4')
    tailwater = await Tailwater.start()
    connection = new Connection(`${tailwater.http}/api/v1/`)
    const discovered = await (await fetch(`${tailwater.http}/api/v1/`)).json()
    streams = discovered.streams
  })
  after(async () => {
    await python.stop()
    await tailwater.stop()
  })

  // Posts, and returns the height of the block.
  async function post(transaction, mode = 'Commit') {
    const answer = await connection[`postTransaction${mode}`](transaction)
    assert.deepEqual(answer, JSON.parse(JSON.stringify(transaction)))
    height += 1
    return height
  }

  it('the stream is where the node says it is', async () => {
    assert.equal(streams, `${tailwater.ws}/api/v1/streams/valid_transactions`)
    const root = await (await fetch(tailwater.http)).json()
    assert.equal(root.api.v1.streams, streams)
    assert.equal((await (await fetch(`${tailwater.http}/api/v1`)).json()).streams, streams, 'without a slash')
  })

  it('ws and websockets receive the same messages, in the exact form', async () => {
    const [one, other] = [await Stream.open(streams), await python.run('bigchaindb_stream.py', streams)]
    assert.equal(await other.line(), 'open')
    const created = create(alice, { city: 'Zürich, 東京', list: [1, 2.5, null] })
    const passed = transfer(created, alice, Transaction.makeOutput(owned(bob), '1'))
    const back = transfer(passed, bob, Transaction.makeOutput(owned(alice, bob), '1'))
    for (const [transaction, mode] of [[created, 'Commit'], [passed, 'Sync'], [back, 'Async']]) {
      const expected = told(transaction, await post(transaction, mode))
      assert.equal(await one.next(), expected)
      assert.equal(await other.line(), expected)
    }
    one.socket.close()
    await one.closed
  })

  it('what clients send is ignored, and their pings are answered', async () => {
    const stream = await Stream.open(streams)
    stream.socket.send('hello')
    stream.socket.send(Buffer.from([0, 255, 1]))
    stream.socket.ping('payload')
    const [payload] = await once(stream.socket, 'pong')
    assert.equal(payload.toString(), 'payload')
    const other = await python.run('bigchaindb_stream.py', streams, 'talk')
    assert.deepEqual([await other.line(), await other.line()], ['open', 'pong'])
    const transaction = create(bob, { n: 1 })
    const expected = told(transaction, await post(transaction))
    assert.equal(await stream.next(), expected)
    assert.equal(await other.line(), expected)
    stream.socket.terminate()
  })

  it('the driver finds what it has posted', async () => {
    const transaction = create(alice, { n: 2 })
    const at = await post(transaction)
    const plain = JSON.parse(JSON.stringify(transaction))
    assert.deepEqual(await connection.getTransaction(transaction.id), plain)
    assert.deepEqual(await connection.listBlocks(transaction.id), [at])
    assert.deepEqual(await connection.getBlock(at), { height: at, transactions: [plain] })
    await assert.rejects(connection.getTransaction('ab'.repeat(32)), { status: '404 NOT FOUND' })
    await assert.rejects(connection.getBlock(at + 1), { status: '404 NOT FOUND' })
    assert.deepEqual(await connection.listBlocks('ab'.repeat(32)), [])
  })

  it('the driver lists outputs, of an owner and of several', async () => {
    const [carol, dave] = [new Ed25519Keypair(), new Ed25519Keypair()]
    const created = create(carol, { n: 11 }, '3')
    await post(created)
    const shared = Transaction.makeOutput(owned(carol, dave), '3')
    const passed = transfer(created, carol, shared)
    const [first, second] = [created, passed].map(({ id }) => ({ transaction_id: id, output_index: 0 }))
    assert.deepEqual(await connection.listOutputs(carol.publicKey, false), [first])
    await post(passed)
    assert.deepEqual(await connection.listOutputs(carol.publicKey), [first, second])
    assert.deepEqual(await connection.listOutputs(carol.publicKey, true), [first])
    assert.deepEqual(await connection.listOutputs(carol.publicKey, false), [second])
    assert.deepEqual(await connection.listOutputs(dave.publicKey), [second])
    assert.deepEqual(await connection.listOutputs(new Ed25519Keypair().publicKey), [])
    await assert.rejects(connection.listOutputs('nobody'), { status: '400 BAD REQUEST' })
  })

  it('the driver lists the transactions of an asset', async () => {
    const created = create(alice, { n: 12 })
    const passed = transfer(created, alice, Transaction.makeOutput(owned(bob), '1'))
    await post(created)
    await post(passed)
    const [first, second] = [created, passed].map((transaction) => JSON.parse(JSON.stringify(transaction)))
    assert.deepEqual(await connection.listTransactions(created.id), [first, second])
    assert.deepEqual(await connection.listTransactions(created.id, 'CREATE'), [first])
    assert.deepEqual(await connection.listTransactions(created.id, 'TRANSFER'), [second])
    assert.deepEqual(await connection.listTransactions('ab'.repeat(32)), [])
    await assert.rejects(connection.listTransactions('ab'), { status: '400 BAD REQUEST' })
    await assert.rejects(connection.listTransactions(created.id, 'VOTE'), { status: '400 BAD REQUEST' })
  })

  it('the driver searches assets and metadata', async () => {
    const made = ['Bicycle repair', 'Two bicycles', 'A tricycle'].map((name) => create(alice, { name }))
    for (const transaction of made) await post(transaction)
    const [one, two] = made.map(({ asset, id }) => ({ data: asset.data, id }))
    // The first search begins an index; until there is one, whoever searches is told to come again.
    while ((await fetch(`${tailwater.http}/api/v1/assets?search=first`)).status === 503);
    assert.deepEqual(await connection.searchAssets('bicycle'), [one, two])
    assert.deepEqual(await connection.searchAssets('bicycle', 1), [one])
    assert.deepEqual(await connection.searchAssets('bicycle -repair'), [two])
    assert.deepEqual(await connection.searchAssets('"two bicycles"'), [two])
    assert.deepEqual(await connection.searchAssets('unicycle'), [])
    const metadata = { made: 'by the driver' }
    assert.deepEqual(await connection.searchMetadata(made[2].id), [{ id: made[2].id, metadata }])
    assert.equal((await connection.searchMetadata('driver', 3)).length, 3)
    await assert.rejects(connection.searchAssets(''), { status: '400 BAD REQUEST' })
  })

  it('the driver posts in every way it has', async () => {
    for (const mode of ['', 'Sync', 'Async', 'Commit']) await post(create(bob, { n: 13, mode }), mode)
  })

  // Drivers before 4 asked for votes. They were never in 2.2.2, nor is the method in the driver.
  it('there are no votes, and nobody else validates', async () => {
    assert.equal(connection.listVotes, undefined)
    assert.equal((await fetch(`${tailwater.http}/api/v1/votes?block_id=1`)).status, 404)
    assert.deepEqual(await (await fetch(`${tailwater.http}/api/v1/validators`)).json(), [])
  })

  it('the driver is refused what is not valid', async () => {
    const created = create(alice, { n: 3 })
    await post(created)
    await assert.rejects(connection.postTransactionCommit(created), { status: '400 BAD REQUEST' })
    await post(transfer(created, alice, Transaction.makeOutput(owned(bob), '1')))
    const again = transfer(created, alice, Transaction.makeOutput(owned(alice), '1'))
    await assert.rejects(connection.postTransactionCommit(again), { status: '400 BAD REQUEST' })
    const forged = create(alice, { n: 4 })
    forged.metadata = { made: 'by somebody else' }
    await assert.rejects(connection.postTransactionCommit(forged), { status: '400 BAD REQUEST' })
    const stream = await Stream.open(streams)
    const last = create(alice, { n: 5 })
    const expected = told(last, await post(last))
    assert.equal(await stream.next(), expected, 'nothing came before it')
    stream.socket.terminate()
  })

  it('a stream is replayed and filtered', async () => {
    const created = create(bob, { n: 6 })
    const first = await post(created)
    const beside = create(alice, { n: 7 })
    await post(beside)
    const passed = transfer(created, bob, Transaction.makeOutput(owned(alice), '1'))
    const last = await post(passed)
    const all = await Stream.open(`${streams}?since_height=${first - 1}`)
    for (const [transaction, at] of [[created, first], [beside, first + 1], [passed, last]]) {
      assert.equal(await all.next(), told(transaction, at))
    }
    const of = await python.run('bigchaindb_stream.py', `${streams}?since_height=0&asset_id=${created.id}`)
    assert.deepEqual([await of.line(), await of.line(), await of.line()], ['open', told(created, first), told(passed, last)])
    all.socket.terminate()
  })

  it('an output of several owners takes all of them', async () => {
    const output = Transaction.makeOutput(owned(alice, bob), '7')
    const unsigned = Transaction.makeCreateTransaction({ n: 8 }, null, [output], alice.publicKey)
    const created = Transaction.signTransaction(unsigned, alice.privateKey)
    await post(created)
    const spending = Transaction.makeTransferTransaction(
      [{ tx: created, output_index: 0 }],
      [Transaction.makeOutput(owned(alice), '7')],
      null,
    )
    const byOne = Transaction.signTransaction(spending, alice.privateKey)
    await assert.rejects(connection.postTransactionCommit(byOne), { status: '400 BAD REQUEST' })
  })

  it('a graceful stop is told with close code 1012', async (test) => {
    const another = await Tailwater.start()
    test.after(() => another.stop())
    const url = `${another.ws}/api/v1/streams/valid_transactions`
    const [one, other] = [await Stream.open(url), await python.run('bigchaindb_stream.py', url)]
    assert.equal(await other.line(), 'open')
    await another.stop()
    assert.deepEqual(await one.closed, { code: 1012, reason: 'restarting' })
    assert.equal(await other.line(), 'closed 1012 restarting')
  })

  // The driver itself does not send the headers it is given.
  it('app_id and app_key are a key', async (test) => {
    const secret_sha256 = createHash('sha256').update('secret').digest('hex')
    const config = `[[key]]\nname = "app"\nsecret_sha256 = "${secret_sha256}"\nread = ["blocks"]\nwrite = ["blocks"]\n`
    const another = await Tailwater.start({ config })
    test.after(() => another.stop())
    const transaction = create(alice, { n: 9 })
    const send = async (headers) => {
      const body = JSON.stringify(transaction)
      return (await fetch(`${another.http}/api/v1/transactions`, { method: 'POST', headers, body })).status
    }
    const headers = { app_id: 'app', app_key: 'secret' }
    const stream = await Stream.open(`${another.ws}/api/v1/streams/valid_transactions`, { headers })
    assert.deepEqual([await send({}), await send({ ...headers, app_key: 'guess' }), await send(headers)], [401, 401, 202])
    assert.equal(await stream.next(), told(transaction, 1))
    stream.socket.terminate()
  })

  it('heights go on and nothing is lost when the process is killed', async (test) => {
    const another = await Tailwater.start()
    test.after(() => another.stop())
    const node = new Connection(`${another.http}/api/v1/`)
    let last = create(alice, { n: 10 })
    await node.postTransactionCommit(last)
    const posted = [last]
    for (let kill = 0; kill < 3; kill += 1) {
      await another.killAndRestart()
      for (let n = 0; n < 3; n += 1) {
        last = transfer(last, alice, Transaction.makeOutput(owned(alice), '1'))
        await node.postTransactionCommit(last)
        posted.push(last)
      }
    }
    const stream = await Stream.open(`${another.ws}/api/v1/streams/valid_transactions?since_height=0`)
    for (const [index, transaction] of posted.entries()) assert.equal(await stream.next(), told(transaction, index + 1))
    stream.socket.terminate()
  })
})
