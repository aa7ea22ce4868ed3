/**
 * What runs on the page of a guest in a call. LiveKit's client, which is much larger, is loaded when the guest joins. It tells
 * the server when the page is closed.
 */
export const callScript = `
const call = document.querySelector('[data-call]')
const { token, client, texts } = JSON.parse(call.dataset.call)
const part = (name) => call.querySelector('[data-part=' + name + ']')
const say = (text) => { part('status').textContent = text }
const show = (shown) => { for (const name of ['enter', 'inside', 'over']) part(name).hidden = name !== shown }
const names = new Map()
const videos = new Map()
let key, room

async function ask(what, body) {
  const answer = await fetch('/call/' + token + '/' + what, { method: 'POST', body: JSON.stringify(body), keepalive: true })
  const told = await answer.json()
  if (!answer.ok) throw Object.assign(new Error(texts[told.errcode] ?? told.error), { isOurs: true })
  return told
}

const load = (src) => new Promise((resolve, reject) => {
  if (window.LivekitClient) return resolve()
  document.head.append(Object.assign(document.createElement('script'), { src, onload: resolve, onerror: reject }))
})

function draw() {
  const everybody = [room.localParticipant, ...room.remoteParticipants.values()]
  part('people').replaceChildren(...everybody.map((person) => {
    const line = document.createElement('li')
    const notes = [person.isLocal && texts.you, !person.isMicrophoneEnabled && texts.muted].filter(Boolean)
    const name = names.get(person.identity) ?? '…'
    line.classList.toggle('speaks', person.isSpeaking)
    for (const { track } of person.videoTrackPublications.values()) {
      if (!track || track.isMuted) continue
      if (!videos.has(track.sid)) videos.set(track.sid, Object.assign(track.attach(), { muted: true }))
      line.append(videos.get(track.sid))
    }
    line.append(notes.length > 0 ? name + ' (' + notes.join(', ') + ')' : name)
    return line
  }))
  part('mute').setAttribute('aria-pressed', String(!room.localParticipant.isMicrophoneEnabled))
  part('camera').setAttribute('aria-pressed', String(room.localParticipant.isCameraEnabled))
}

async function greet() {
  draw()
  say(room.remoteParticipants.size > 0 ? texts.inside : texts.alone)
  const { people } = await ask('people', { key }).catch(() => ({ people: {} }))
  for (const [identity, name] of Object.entries(people)) names.set(identity, name)
  draw()
}

async function use(device, isWanted, otherwise) {
  await room.localParticipant[device](isWanted).catch(() => say(otherwise))
  draw()
}

async function join(name) {
  const [stay] = await Promise.all([ask('join', { name }), load(client)])
  key = stay.key
  const { Room, RoomEvent } = LivekitClient
  room = new Room({ adaptiveStream: true, dynacast: true })
  room.on(RoomEvent.TrackSubscribed, (track) => { if (track.kind === 'audio') call.append(track.attach()); draw() })
  room.on(RoomEvent.TrackUnsubscribed, (track) => { for (const element of track.detach()) element.remove(); draw() })
  room.on(RoomEvent.Disconnected, leave)
  for (const event of ['TrackMuted', 'TrackUnmuted', 'ActiveSpeakersChanged', 'LocalTrackPublished', 'LocalTrackUnpublished']) {
    room.on(RoomEvent[event], draw)
  }
  for (const event of ['ParticipantConnected', 'ParticipantDisconnected']) room.on(RoomEvent[event], greet)
  await room.connect(stay.url, stay.jwt)
  show('inside')
  part('mute').focus()
  await greet()
  await use('setMicrophoneEnabled', true, texts.noMicrophone)
}

function leave() {
  if (key === undefined) return
  void ask('leave', { key }).catch(() => undefined)
  key = undefined
  void room?.disconnect()
  videos.clear()
  say(texts.over)
  show('over')
  part('again').focus()
}

part('enter').addEventListener('submit', async (event) => {
  event.preventDefault()
  const button = part('enter').querySelector('button')
  button.disabled = true
  say(texts.joining)
  try {
    await join(new FormData(part('enter')).get('name'))
  } catch (error) {
    leave()
    show('enter')
    say(error.isOurs ? error.message : texts.failed)
  }
  button.disabled = false
})
part('mute').addEventListener('click', () =>
  use('setMicrophoneEnabled', !room.localParticipant.isMicrophoneEnabled, texts.noMicrophone))
part('camera').addEventListener('click', () =>
  use('setCameraEnabled', !room.localParticipant.isCameraEnabled, texts.noCamera))
part('leave').addEventListener('click', leave)
part('again').addEventListener('click', () => { say(''); show('enter'); part('enter').querySelector('input').focus() })
addEventListener('pagehide', leave)
show('enter')
`
