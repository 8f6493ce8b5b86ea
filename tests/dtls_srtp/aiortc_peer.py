"""A receiver made with aiortc, driven line by line in JSON over stdin and stdout.

Prints {"offer": sdp}, waits for {"answer": sdp}, then prints {"state": ...} at each change of the connection,
{"dtls": ...} when DTLS is decided, and {"frames": n} for the decoded pictures. Ends with its stdin.
"""

import argparse
import asyncio
import json
import sys

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription, rtcdtlstransport
from aiortc.mediastreams import MediaStreamError

PROFILES = {
    "aes256": [rtcdtlstransport.SRTP_AEAD_AES_256_GCM],
    # What a browser that ranks GCM last would have, and the right one among others.
    "mixed": [
        rtcdtlstransport.SRTP_AES128_CM_SHA1_80,
        rtcdtlstransport.SRTP_AEAD_AES_128_GCM,
        rtcdtlstransport.SRTP_AEAD_AES_256_GCM,
    ],
    "aes128": [rtcdtlstransport.SRTP_AES128_CM_SHA1_80, rtcdtlstransport.SRTP_AEAD_AES_128_GCM],
}


def say(**message):
    print(json.dumps(message), flush=True)


async def count(track):
    frames = 0
    try:
        while True:
            await track.recv()
            frames += 1
            say(frames=frames)
    except MediaStreamError:
        pass


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--profiles", choices=PROFILES, required=True)
    # The DTLS role: with "active" this side sends the ClientHello.
    parser.add_argument("--setup", choices=["actpass", "active"], default="actpass")
    arguments = parser.parse_args()

    rtcdtlstransport.SRTP_PROFILES[:] = PROFILES[arguments.profiles]
    # Everything stays on this machine.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

    connection = RTCPeerConnection()
    tasks = []

    @connection.on("connectionstatechange")
    def on_state():
        say(state=connection.connectionState)

    @connection.on("track")
    def on_track(track):
        tasks.append(asyncio.ensure_future(count(track)))

    connection.addTransceiver("video", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    sdp = connection.localDescription.sdp.replace("a=setup:actpass", "a=setup:" + arguments.setup)
    say(offer=sdp)

    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        message = json.loads(line)
        await connection.setRemoteDescription(RTCSessionDescription(sdp=message["answer"], type="answer"))
    await connection.close()
    for task in tasks:
        task.cancel()


asyncio.run(main())
