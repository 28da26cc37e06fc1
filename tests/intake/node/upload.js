// Uploads one file with tus-js-client, resuming what an earlier run stored; with DIE_AT it kills itself half-way.
// Usage: node upload.js ENDPOINT KEY FILE STORE METADATA_JSON CHUNK_BYTES
const fs = require('node:fs')
const tus = require('tus-js-client')

const [endpoint, key, file, store, metadata, chunkBytes] = process.argv.slice(2)
const dieAt = Number(process.env.DIE_AT || Infinity)
let lastAnswer = null
let resumedAt = null

const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint,
  headers: { Authorization: `Bearer ${key}` },
  metadata: JSON.parse(metadata),
  chunkSize: Number(chunkBytes),
  urlStorage: new tus.FileUrlStorage(store),
  storeFingerprintForResuming: true,
  retryDelays: [0, 500, 1000, 3000],
  onAfterResponse: (_request, response) => {
    lastAnswer = response
  },
  onChunkComplete: (_size, accepted) => {
    if (accepted >= dieAt) process.kill(process.pid, 'SIGKILL')
  },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: () => {
    const told = { url: upload.url, resumedAt, frame: lastAnswer.getHeader('Rasid-Frame-Id') }
    console.log(JSON.stringify(told))
  },
})

upload.findPreviousUploads().then(async (previous) => {
  if (previous.length > 0) {
    upload.resumeFromPreviousUpload(previous[0])
    const answer = await fetch(previous[0].uploadUrl, {
      method: 'HEAD',
      headers: { Authorization: `Bearer ${key}`, 'Tus-Resumable': '1.0.0' },
    })
    resumedAt = Number(answer.headers.get('upload-offset'))
  }
  upload.start()
})
