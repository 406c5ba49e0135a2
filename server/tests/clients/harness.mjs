// Starts, stops and kills the real binary for the tests beside this file, breaks connections, answers for the directory
// of identities, and knows where the optional corpus lies. Nothing here or there leaves this machine.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

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

// The body of a publish request: each frame behind its length.
export function withLengths(frames) {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(frame.length)
      return [length, frame]
    }),
  )
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

// Numbers that look random and are the same for the same seed (mulberry32), from 0 up to below 1.
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

// Answers for every identity with the smallest valid document, as the public directory would; and a fetch that goes
// nowhere else.
export class Directory {
  static async start() {
    const self = new Directory()
    self.asked = []
    self.server = createHttpServer((request, response) => {
      const id = decodeURIComponent(request.url.slice(1))
      self.asked.push(id)
      response.setHeader('content-type', 'application/did+ld+json')
      response.end(JSON.stringify({ '@context': ['https://www.w3.org/ns/did/v1'], id, alsoKnownAs: [] }))
    })
    self.server.listen(0, '127.0.0.1')
    await once(self.server, 'listening')
    return self
  }

  get resolverOptions() {
    const plcUrl = `http://127.0.0.1:${this.server.address().port}`
    const only = (url, options) => {
      if (new URL(url).origin !== plcUrl) throw new Error(`${url} is not to be asked`)
      return fetch(url, options)
    }
    return { plcUrl, fetch: only }
  }

  async stop() {
    this.server.closeAllConnections()
    this.server.close()
    await once(this.server, 'close')
  }
}

// Carries connections to a port of this machine until it is told to cut them.
export class Wire {
  static async start(port) {
    const self = new Wire()
    self.open = new Set()
    self.carried = 0
    self.server = createServer((client) => {
      const upstream = connect(port, '127.0.0.1')
      for (const [from, to] of [[client, upstream], [upstream, client]]) {
        self.open.add(from)
        from.pipe(to)
        // Either end ends both; an end that is down looks like one that is cut.
        from.on('error', () => to.destroy())
        from.on('close', () => {
          self.open.delete(from)
          to.destroy()
        })
      }
      self.carried += 1
    })
    self.server.listen(0, '127.0.0.1')
    await once(self.server, 'listening')
    self.port = self.server.address().port
    return self
  }

  cut() {
    for (const socket of this.open) socket.resetAndDestroy()
  }

  async stop() {
    this.cut()
    this.server.close()
    await once(this.server, 'close')
  }
}

// A new certificate for this machine's own name and its key, in files of a directory. Nobody but it vouches for it.
export async function certificate(directory) {
  const files = { certificate: join(directory, 'certificate.pem'), key: join(directory, 'key.pem') }
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  const out = ['-out', files.certificate, '-keyout', files.key]
  await promisify(execFile)('openssl', ['req', '-x509', ...kind, ...subject, ...out])
  return files
}

// One running Tailwater on a directory and port of its own, and on another port behind TLS where it is given a certificate.
export class Tailwater {
  static async start({ config = '', data = temporaryDirectory(), port, tls } = {}) {
    const self = new Tailwater()
    self.data = data
    self.port = port ?? (await freePort())
    self.args = ['serve', '--data', join(data, 'log')]
    if (tls) {
      self.securePort = await freePort()
      const listen = (number) => `\n[[listen]]\naddress = "127.0.0.1:${number}"\n`
      const pair = `tls = { certificate = ${JSON.stringify(tls.certificate)}, key = ${JSON.stringify(tls.key)} }\n`
      config = config + listen(self.port) + listen(self.securePort) + pair
    } else {
      self.args.push('--listen', `127.0.0.1:${self.port}`)
    }
    if (config) {
      const file = join(data, 'tailwater.toml')
      writeFileSync(file, config)
      self.args.push('--config', file)
    }
    await self.spawn()
    return self
  }

  async spawn() {
    this.process = spawn(binary, this.args, { env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
    this.log = ''
    this.process.stderr.on('data', (text) => (this.log += text))
    await this.answers()
  }

  // The process is killed without a chance to say anything, and started again.
  async killAndRestart() {
    await this.end('SIGKILL')
    await this.spawn()
  }

  get http() {
    return `http://127.0.0.1:${this.port}`
  }

  get ws() {
    return `ws://127.0.0.1:${this.port}`
  }

  get https() {
    return `https://localhost:${this.securePort}`
  }

  get wss() {
    return `wss://localhost:${this.securePort}`
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
      // A connection that is kept may be one to a process that was killed since.
      headers: { 'content-type': 'application/vnd.tailwater.frames', connection: 'close' },
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

// The entry of somebody with a password, as the binary itself makes it for a configuration.
export async function user(name, password, ...roles) {
  const args = ['user', 'add', name, ...roles.flatMap((role) => ['--role', role])]
  const made = promisify(execFile)(binary, args, { env: environment })
  made.child.stdin.end(`${password}\n`)
  return (await made).stdout
}

// Python with packages of pinned versions, which are installed beside those of npm.
export class Python {
  static async with(...packages) {
    const self = new Python()
    self.children = []
    self.path = join(here, 'node_modules/.python', packages.join('+'))
    if (!existsSync(self.path)) {
      const unfinished = `${self.path}.unfinished`
      const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary=:all:']
      await promisify(execFile)('python3', [...install, '--target', unfinished, ...packages])
      renameSync(unfinished, self.path)
    }
    return self
  }

  // Runs a script of this directory, whose lines can be awaited one by one.
  async run(script, ...args) {
    const env = { ...environment, PYTHONPATH: this.path }
    const child = spawn('python3', [join(here, script), ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    this.children.push(child)
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return { line: async () => (await lines.next()).value }
  }

  // Ends all that still run.
  async stop() {
    for (const child of this.children) {
      if (child.exitCode === null && child.kill()) await once(child, 'exit')
    }
  }
}
