"""A viewer made with aiortc, driven line by line in JSON over stdin and stdout.

Prints {"offer": sdp} for as many recvonly videos as asked for, waits for {"answer": sdp}, then prints {"state": ...} at
each change of the connection, {"profile": ...} once SRTP is set up and {"frames": {mid: n}} for the pictures it has decoded.
Ends with its stdin.
"""

import argparse
import asyncio
import json
import sys

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription, rtcdtlstransport
from aiortc.mediastreams import MediaStreamError

PROFILES = {
    "all": [
        rtcdtlstransport.SRTP_AEAD_AES_256_GCM,
        rtcdtlstransport.SRTP_AEAD_AES_128_GCM,
        rtcdtlstransport.SRTP_AES128_CM_SHA1_80,
    ],
    "aes128": [rtcdtlstransport.SRTP_AEAD_AES_128_GCM, rtcdtlstransport.SRTP_AES128_CM_SHA1_80],
}


def say(**message):
    print(json.dumps(message), flush=True)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True, help="the one local address to use")
    parser.add_argument("--videos", type=int, default=1)
    parser.add_argument("--profiles", choices=PROFILES, default="all")
    arguments = parser.parse_args()

    rtcdtlstransport.SRTP_PROFILES[:] = PROFILES[arguments.profiles]
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [arguments.address]

    connection = RTCPeerConnection()
    frames = {}
    tasks = []

    async def count(transceiver):
        try:
            while True:
                await transceiver.receiver.track.recv()
                frames[transceiver.mid] = frames.get(transceiver.mid, 0) + 1
                say(frames=frames)
        except MediaStreamError:
            pass

    @connection.on("connectionstatechange")
    def on_state():
        say(state=connection.connectionState)

    @connection.on("track")
    def on_track(track):
        transceiver = next(t for t in connection.getTransceivers() if t.receiver.track is track)
        tasks.append(asyncio.ensure_future(count(transceiver)))

    for _ in range(arguments.videos):
        connection.addTransceiver("video", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    say(offer=connection.localDescription.sdp)

    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        message = json.loads(line)
        await connection.setRemoteDescription(RTCSessionDescription(sdp=message["answer"], type="answer"))
    await connection.close()
    for task in tasks:
        task.cancel()


asyncio.run(main())
