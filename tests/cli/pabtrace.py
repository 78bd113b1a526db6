"""Traces, written and read by what workloads/trace/README.md says, and by nothing else of ours."""

import collections
import json
import struct

import xxhash
import zstandard

KINDS = ("malloc", "calloc", "aligned", "realloc", "free", "inherit", "thread")
DOMAINS = ("raw", "mem", "obj", "libc")
MALLOC, CALLOC, ALIGNED, REALLOC, FREE, INHERIT, THREAD = range(7)
HEAD = struct.Struct("<IIIIQQQ")

Event = collections.namedtuple("Event", "kind domain size slot thread align_log2",
                               defaults=(0, 0, 0))
Frame = collections.namedtuple("Frame", "kind body event_count first_event wall_ns cpu_ns")


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def zigzag(distance):
    return 2 * distance if distance >= 0 else -2 * distance - 1


def frame(kind, body, event_count=0, first_event=0, wall_ns=0, cpu_ns=0, plain_bytes=None):
    """A frame of its body as it is stored."""
    plain = len(body) if plain_bytes is None else plain_bytes
    head = HEAD.pack(ord(kind), len(body), plain, event_count, first_event, wall_ns, cpu_ns)
    check = xxhash.xxh3_64_intdigest(body, seed=xxhash.xxh3_64_intdigest(head))
    return head + struct.pack("<Q", check) + body


class Writer:
    """Appends frames to `data`."""

    def __init__(self, **meta):
        self.data = b"pabtrace" + struct.pack("<I", 1)
        self.events = self.last = self.thread = 0
        self.free, self.used = [], 0
        self.data += frame("M", json.dumps(meta).encode())

    def code(self, event):
        """Its bytes; takes or gives back its slot."""
        out = b""
        if event.thread != self.thread:
            out += bytes([THREAD]) + varint(event.thread)
            self.thread = event.thread
        out += bytes([event.kind | event.domain << 3])
        if event.kind != FREE:
            out += varint(event.size)
        slot = event.slot
        if event.kind in (REALLOC, FREE):
            out += varint(zigzag(self.last - slot))
            if event.kind == FREE:
                self.free.append(slot)
        elif self.free:
            slot = self.free.pop()
        else:
            slot, self.used = self.used, self.used + 1
        if event.kind == ALIGNED:
            out += varint(event.align_log2)
        self.last = slot
        return out

    def put(self, events, wall_ns=0, cpu_ns=0):
        """One frame."""
        plain = b"".join(map(self.code, events))
        body = zstandard.ZstdCompressor(level=1).compress(plain)
        self.data += frame("E", body, len(events), self.events, wall_ns, cpu_ns, len(plain))
        self.events += len(events)

    def note(self, kind, wall_ns=0, cpu_ns=0, **fields):
        self.data += frame(kind, json.dumps(fields).encode(), 0, self.events, wall_ns, cpu_ns)


def frames(data):
    """The frames of a file, each checked."""
    if data[:8] != b"pabtrace" or data[8:12] != b"\1\0\0\0":
        raise ValueError("no trace of version 1")
    at = 12
    while at < len(data):
        kind, stored, plain, count, first, wall, cpu = HEAD.unpack_from(data, at)
        head, body = data[at:at + 40], data[at + 48:at + 48 + stored]
        check, = struct.unpack_from("<Q", data, at + 40)
        if check != xxhash.xxh3_64_intdigest(body, seed=xxhash.xxh3_64_intdigest(head)):
            raise ValueError(f"the frame at {at} is damaged")
        if chr(kind) == "E":
            body = zstandard.ZstdDecompressor().decompress(body, max_output_size=plain)
        yield Frame(chr(kind), body, count, first, wall, cpu)
        at += 48 + stored


def read(data):
    """The events of a file."""
    thread = last = used = 0
    free = []
    for part in frames(data):
        at = 0 if part.kind == "E" else len(part.body)

        def number():
            nonlocal at
            value = shift = 0
            while True:
                byte = part.body[at]
                at += 1
                value |= (byte & 0x7f) << shift
                shift += 7
                if byte < 0x80:
                    return value

        while at < len(part.body):
            op = part.body[at]
            at += 1
            kind, domain = op & 7, op >> 3
            if kind == THREAD:
                thread = number()
                continue
            size = number() if kind != FREE else 0
            align = number() if kind == ALIGNED else 0
            if kind in (REALLOC, FREE):
                reference = number()
                last -= -(reference + 1) // 2 if reference % 2 else reference // 2
                if kind == FREE:
                    free.append(last)
            elif free:
                last = free.pop()
            else:
                last, used = used, used + 1
            yield Event(kind, domain, size, last, thread, align)
