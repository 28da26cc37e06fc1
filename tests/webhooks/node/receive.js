// Receives one webhook, verifies its signature and reads it as a CloudEvent; prints its port, then what it understood.
// Usage: node receive.js SECRET
const http = require('node:http')
const { Webhook } = require('standardwebhooks')
const { HTTP, CloudEvent } = require('cloudevents')

const verifier = new Webhook(process.argv[2])

function understand (headers, body) {
  const verified = verifier.verify(body, headers)
  const event = HTTP.toEvent({ headers, body })
  event.validate()
  return { verified: verified.id, isCloudEvent: event instanceof CloudEvent, event: JSON.parse(event.toString()) }
}

const server = http.createServer((request, response) => {
  const parts = []
  request.on('data', part => parts.push(part))
  request.on('end', () => {
    let told
    try {
      told = understand(request.headers, Buffer.concat(parts).toString('utf8'))
      response.writeHead(204)
    } catch (error) {
      told = { refused: `${error.name}: ${error.message}` }
      response.writeHead(400)
    }
    response.end(() => {
      console.log(JSON.stringify(told))
      server.close()
      server.closeAllConnections()
    })
  })
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
