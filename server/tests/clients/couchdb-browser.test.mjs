// A page in a browser, against the real binary: headless Chromium follows the feed through its `EventSource` and comes
// back after a restart; it logs in and sends its cookie from a page of another origin; and PouchDB 9 runs in it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { after, before, describe, it } from 'node:test'

import puppeteer from 'puppeteer-core'

import { ask, documents, fresh, write } from './couchdb.mjs'
import { Tailwater, user } from './harness.mjs'

const pouchdb = readFileSync(createRequire(import.meta.url).resolve('pouchdb/dist/pouchdb.min.js'))

// Serves an empty page, and PouchDB to it.
async function pages() {
  const server = createServer((request, response) => {
    const [type, body] = request.url === '/pouchdb.js' ? ['text/javascript', pouchdb] : ['text/html', '<!doctype html><title>page</title>']
    response.setHeader('content-type', type).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

const named = (from, to) => documents(from, to).map(({ _id }) => _id)

describe('Chromium', () => {
  let browser, server, origin

  before(async () => {
    server = await pages()
    origin = `http://127.0.0.1:${server.address().port}`
    // Where Debian puts it. No name is looked up, so that nothing leaves this machine.
    const args = ['--no-sandbox', '--disable-dev-shm-usage', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1']
    browser = await puppeteer.launch({ executablePath: '/usr/bin/chromium', headless: true, args })
  })
  after(async () => {
    await browser?.close()
    server.close()
    server.closeAllConnections()
  })

  const start = async (test, config) => {
    const tailwater = await Tailwater.start({ config })
    test.after(() => tailwater.stop())
    return tailwater
  }

  // Opens an empty page with cookies of its own.
  const page = async (test) => {
    const context = await browser.createBrowserContext()
    const opened = await context.newPage()
    test.after(() => context.close())
    // A loaded machine takes its time; what never comes is still told.
    opened.setDefaultTimeout(300_000)
    await opened.goto(`${origin}/`)
    return opened
  }

  // Has the page follow a feed, and keep what comes.
  const listen = (page, url, options) =>
    page.evaluate(
      (url, options) => {
        Object.assign(window, { rows: [], beats: 0, errors: [], source: new EventSource(url, options) })
        window.source.onmessage = ({ data, lastEventId }) => window.rows.push({ ...JSON.parse(data), lastEventId })
        window.source.addEventListener('heartbeat', () => (window.beats += 1))
        window.source.onerror = () => window.errors.push(window.source.readyState)
      },
      url,
      options,
    )
  const reached = async (page, count) => {
    await page.waitForFunction((count) => window.rows.length >= count, {}, count)
    return page.evaluate(() => window.rows)
  }

  it('follows the feed, and comes back with what it saw last', async (test) => {
    const tailwater = await start(test)
    const url = await fresh(tailwater, documents(1, 3))
    const shown = await page(test)
    await listen(shown, `${url}/_changes?feed=eventsource&since=0&heartbeat=200&include_docs=true`)
    await reached(shown, 3)
    await shown.waitForFunction(() => window.beats > 1)
    await write(url, documents(4, 4, { word: 'ü🦀\u2028' }))
    assert.equal((await reached(shown, 4))[3].doc.word, 'ü🦀\u2028')
    await tailwater.killAndRestart()
    await write(url, documents(5, 6))
    await reached(shown, 6)
    await tailwater.end('SIGTERM')
    await tailwater.spawn()
    await write(url, documents(7, 7))
    const rows = await reached(shown, 7)
    assert.deepEqual(rows.map(({ id }) => id), named(1, 7))
    for (const { seq, lastEventId } of rows) assert.equal(lastEventId, `"${seq}"`)
    // It was never closed for good.
    const states = await shown.evaluate(() => [...window.errors, window.source.readyState])
    assert.ok(!states.includes(2), states.join())
  })

  it('gives up where there is nothing', async (test) => {
    const shown = await page(test)
    await listen(shown, `${(await start(test)).http}/nowhere/_changes?feed=eventsource`)
    await shown.waitForFunction(() => window.source.readyState === EventSource.CLOSED)
  })

  // Runs in the page: what an answer says, or that the browser kept it from the page.
  const request = async (url, { body, headers, ...options }) => {
    try {
      const answer = await fetch(url, { ...options, headers, body: body && JSON.stringify(body) })
      return [answer.status, await answer.json(), answer.headers.get('etag')]
    } catch {
      return 'kept from the page'
    }
  }
  const JSON_TYPE = { 'content-type': 'application/json' }
  const login = { method: 'POST', credentials: 'include', headers: JSON_TYPE, body: { name: 'bob', password: 'secret' } }

  const withUsers = async (test, origins) => {
    const users = await Promise.all([user('adm', 'secret', '_admin'), user('bob', 'secret', 'readers')])
    const tailwater = await start(test, `[couchdb]\ncors_origins = ${JSON.stringify(origins)}\n${users.join('')}`)
    const headers = { authorization: `Basic ${btoa('adm:secret')}` }
    const url = `${tailwater.http}/private`
    await ask(url, { method: 'PUT', headers })
    await ask(`${url}/_security`, { method: 'PUT', headers, body: { members: { roles: ['readers'] } } })
    await ask(`${url}/_bulk_docs`, { method: 'POST', headers, body: { docs: documents(1, 3) } })
    return { tailwater, url }
  }

  it('logs in from a page of another origin that is known, and sends its cookie', async (test) => {
    const { tailwater, url } = await withUsers(test, [origin])
    const shown = await page(test)
    const credentials = 'include'
    const before = await shown.evaluate(request, `${url}/d00001`, { credentials })
    assert.deepEqual([before[0], before[1].error], [401, 'unauthorized'])
    const session = await shown.evaluate(request, `${tailwater.http}/_session`, login)
    assert.deepEqual(session.slice(0, 2), [200, { ok: true, name: 'bob', roles: ['readers'] }])
    const [status, doc, etag] = await shown.evaluate(request, `${url}/d00001`, { credentials })
    assert.deepEqual([status, doc.n, etag], [200, 1, `"${doc._rev}"`])
    await listen(shown, `${url}/_changes?feed=eventsource&since=0`, { withCredentials: true })
    await reached(shown, 3)
    // The browser asks first whether it may write.
    const put = { method: 'PUT', credentials, headers: JSON_TYPE, body: { by: 'a page' } }
    assert.equal((await shown.evaluate(request, `${url}/of-the-page`, put))[0], 201)
    assert.equal((await reached(shown, 4))[3].id, 'of-the-page')
    const { rev } = (await reached(shown, 4))[3].changes[0]
    const gone = await shown.evaluate(request, `${url}/of-the-page?rev=${rev}`, { method: 'DELETE', credentials })
    assert.equal(gone[0], 200)
    assert.equal((await reached(shown, 5))[4].deleted, true)
  })

  it('keeps from a page of any other origin what only its cookie gives', async (test) => {
    const { tailwater, url } = await withUsers(test, ['https://app.example.com'])
    const shown = await page(test)
    assert.equal(await shown.evaluate(request, `${tailwater.http}/_session`, login), 'kept from the page')
    assert.equal(await shown.evaluate(request, `${url}/d00001`, { credentials: 'include' }), 'kept from the page')
    await listen(shown, `${url}/_changes?feed=eventsource`, { withCredentials: true })
    await shown.waitForFunction(() => window.source.readyState === EventSource.CLOSED)
    assert.deepEqual(await shown.evaluate(() => window.rows), [])
    // What it brings itself is its own business.
    const headers = { authorization: `Basic ${btoa('bob:secret')}` }
    assert.equal((await shown.evaluate(request, `${url}/d00001`, { headers }))[0], 200)
  })

  it('runs PouchDB 9.0.0, which syncs with its own database', async (test) => {
    const { tailwater, url } = await withUsers(test, [origin])
    const shown = await page(test)
    await shown.addScriptTag({ url: '/pouchdb.js' })
    assert.equal((await shown.evaluate(request, `${tailwater.http}/_session`, login))[0], 200)
    await shown.evaluate(async (url) => {
      Object.assign(window, { rows: [], local: new PouchDB('local'), remote: new PouchDB(url) })
      const _attachments = { 'a.txt': { content_type: 'text/plain', data: new Blob(['hello']) } }
      await window.local.put({ _id: 'of-the-page', _attachments })
      window.sync = window.local.sync(window.remote, { live: true, retry: true })
      window.local.changes({ live: true, since: 0, include_docs: true }).on('change', (row) => window.rows.push(row))
    }, url)
    const rows = await reached(shown, 4)
    assert.deepEqual(rows.map(({ id }) => id).sort(), [...named(1, 3), 'of-the-page'])
    const headers = { authorization: `Basic ${btoa('bob:secret')}` }
    await ask(`${url}/d00004`, { method: 'PUT', headers, body: { n: 4 } })
    assert.equal((await reached(shown, 5))[4].doc.n, 4)
    await shown.waitForFunction(() => window.remote.get('of-the-page').catch(() => null))
    const data = await shown.evaluate(async () => (await window.remote.getAttachment('of-the-page', 'a.txt')).text())
    assert.equal(data, 'hello')
    await shown.evaluate(() => window.sync.cancel())
  })
})
