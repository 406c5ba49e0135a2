// Starts and stops the real binary for the tests beside this file, and knows where the optional corpus lies.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const checkout = resolve(here, '../../..')
const binary = process.env.TAILWATER_BIN ?? join(checkout, 'target/release/tailwater')
// The server takes every TAILWATER_ variable for a setting; those of the tests are none.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TAILWATER_')))
const shared = process.env.TAILWATER_SHARED ?? resolve(checkout, '../shared')

export const REPOS = 'com.atproto.sync.subscribeRepos'

// The captured production frames, or undefined where they are not at hand (and not demanded).
export function corpus() {
  const file = join(shared, 'corpus/atproto/frames.bin')
  if (!existsSync(file)) {
    if (process.env.TAILWATER_REQUIRE_SHARED === '1') throw new Error(`${file} is missing`)
    return undefined
  }
  const bytes = readFileSync(file)
  const frames = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    frames.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return { bytes, frames }
}

export function temporaryDirectory() {
  return mkdtempSync(join(tmpdir(), 'tailwater-clients-'))
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

// One running Tailwater on a directory and port of its own.
export class Tailwater {
  static async start({ config = '', data = temporaryDirectory(), port } = {}) {
    const self = new Tailwater()
    self.data = data
    self.port = port ?? (await freePort())
    const args = ['serve', '--data', join(data, 'log'), '--listen', `127.0.0.1:${self.port}`]
    if (config) {
      const file = join(data, 'tailwater.toml')
      writeFileSync(file, config)
      args.push('--config', file)
    }
    self.process = spawn(binary, args, { env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
    self.log = ''
    self.process.stderr.on('data', (text) => (self.log += text))
    await self.answers()
    return self
  }

  get http() {
    return `http://127.0.0.1:${this.port}`
  }

  get ws() {
    return `ws://127.0.0.1:${this.port}`
  }

  async answers() {
    for (;;) {
      if (this.process.exitCode !== null) throw new Error(`tailwater ended:\n${this.log}`)
      try {
        if ((await fetch(`${this.http}/xrpc/_health`)).ok) return
      } catch {
        await new Promise((again) => setTimeout(again, 20))
      }
    }
  }

  async publishFrames(bytes, { feed = 'repos', seq = 'preserve' } = {}) {
    const answer = await fetch(`${this.http}/v1/feeds/${feed}/events?seq=${seq}`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.tailwater.frames' },
      body: bytes,
    })
    const body = await answer.json()
    if (!answer.ok) throw new Error(`${answer.status} ${JSON.stringify(body)}`)
    return body
  }

  async end(signal) {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    this.process.kill(signal)
    await once(this.process, 'exit')
  }

  async stop() {
    await this.end('SIGTERM')
    rmSync(this.data, { recursive: true, force: true })
  }
}
