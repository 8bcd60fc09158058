// Does one thing with npm's ollama and prints what came of it as JSON.
// Called as: node ollama_client.mjs MODULE URL WHAT
import { pathToFileURL } from 'node:url'

const [module, url, what] = process.argv.slice(2)
const { Ollama } = await import(pathToFileURL(module).href)
const client = new Ollama({ host: url })
const messages = [{ role: 'user', content: 'hi' }]

const does = {
  async chat() {
    return await client.chat({ model: 'plain', messages })
  },
  async stream() {
    const heard = []
    for await (const part of await client.chat({ model: 'plain', messages, stream: true }))
      heard.push(part)
    return heard
  },
  async thinking() {
    return await client.chat({ model: 'thinker', messages, think: true })
  },
  async schema() {
    const format = { type: 'object', properties: { age: { type: 'integer' } }, required: ['age'] }
    return await client.generate({ model: 'plain', prompt: 'hi', format })
  },
  async embed() {
    return await client.embed({ model: 'plain', input: ['a', 'b'] })
  },
  async list() {
    return await client.list()
  },
  async pull() {
    const heard = []
    for await (const part of await client.pull({ model: 'all-minilm', stream: true }))
      heard.push(part.status)
    return heard
  },
  async missing() {
    return await client.chat({ model: 'nope', messages })
  },
}

try {
  console.log(JSON.stringify({ answer: await does[what]() }))
} catch (error) {
  const { name, message, status_code } = error
  console.log(JSON.stringify({ error: { name, message, status_code } }))
}
