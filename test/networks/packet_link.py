"""A network of its own: an agent's machine, a server's machine, and a link that carries the packets between them.

packet_link.py SOCKET is started in the namespace of the server's machine, and goes into another one, which is the agent's. Both have a
TUN device; what one says, this program tells the other, or loses, or tells later. The server's machine has two addresses, a port
whose connections are passed on to the Unix socket SOCKET, and a resolver. The first connection to SOCKET is for settings, a line of JSON
each, answered by a line of counts. When it ends everything does.
"""
import asyncio
import ctypes
import fcntl
import json
import os
import random
import socket
import struct
import subprocess
import sys

AGENT, SERVERS, RESOLVER = "10.77.0.1", ("10.77.0.2", "10.77.0.3"), "10.77.0.53"
TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 0x0001, 0x1000, 0x40000000

settings = {"delayMs": 0, "loss": 0, "reordered": 0, "maxBytes": 65535, "dead": [], "names": {}}
counts = {"carried": 0, "lost": 0, "reordered": 0, "tooLarge": 0}
chance = random.Random(7)


def open_device(*addresses):
    """Opens the TUN device of the namespace that this program is in."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"link", IFF_TUN | IFF_NO_PI))
    lines = ["link set lo up", *(f"addr add {one}/24 dev link" for one in addresses), "link set dev link txqueuelen 2000 up"]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    return device


def carry(source, target):
    """Reads one packet, and decides what becomes of it."""
    packet = os.read(source, 65536)
    if packet[0] >> 4 != 4:
        return
    ends = {socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])}
    if len(packet) > settings["maxBytes"]:
        counts["tooLarge"] += 1
    elif ends & set(settings["dead"]) or chance.random() < settings["loss"]:
        counts["lost"] += 1
    else:
        overtakes = chance.random() < settings["reordered"]
        counts["reordered" if overtakes else "carried"] += 1
        asyncio.get_running_loop().call_later(0 if overtakes else settings["delayMs"] / 1000, os.write, target, packet)


class Resolver(asyncio.DatagramProtocol):
    """Knows the names in the settings, and says of every other that there is none."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, query, sender):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        (kind,) = struct.unpack("!H", query[at + 1 : at + 3])
        address = settings["names"].get(".".join(labels).lower())
        answer = b""
        if address is not None and kind == 1:
            answer = struct.pack("!HHHIH4s", 0xC00C, 1, 1, 0, 4, socket.inet_aton(address))
        head = struct.pack("!HHHHH", 0x8180 if address else 0x8183, 1, 1 if answer else 0, 0, 0)
        self.transport.sendto(query[:2] + head + query[12 : at + 5] + answer, sender)


async def hand_on(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


async def pass_on(reader, writer):
    """Joins a connection to the server's machine with one to the socket."""
    inner_reader, inner_writer = await asyncio.open_unix_connection(sys.argv[1])
    await asyncio.gather(hand_on(reader, inner_writer), hand_on(inner_reader, writer))
    writer.close()
    inner_writer.close()


async def main():
    loop = asyncio.get_running_loop()
    orders, answers = await asyncio.open_unix_connection(sys.argv[1])
    server = open_device(*SERVERS, RESOLVER)
    listener = await asyncio.start_server(pass_on, "0.0.0.0", 0)
    await loop.create_datagram_endpoint(Resolver, (RESOLVER, 53))
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    agent = open_device(AGENT)
    loop.add_reader(server, carry, server, agent)
    loop.add_reader(agent, carry, agent, server)
    port = listener.sockets[0].getsockname()[1]
    while True:
        answers.write((json.dumps({**counts, "port": port}) + "\n").encode())
        order = await orders.readline()
        if not order:
            return
        settings.update(json.loads(order))


asyncio.run(main())
