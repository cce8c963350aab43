#!/usr/bin/env python3
"""Records which changes of a few words in the .btf files here the kernel accepts (BPF_BTF_LOAD).

Needs root. Writes verdicts.txt: `base NAME PATCHES` fills in what a loader would, so that the kernel accepts the file
as it is; `ok NAME PATCHES` and `no NAME PATCHES` are that with further words changed. A patch is OFFSET=WORD.
"""
import ctypes, os, platform, random, struct

os.chdir(os.path.dirname(os.path.abspath(__file__)))
libc = ctypes.CDLL(None, use_errno=True)
HEADER, DATASEC, VAR = 24, 15, 14
ITEM = {4: 12, 5: 12, 6: 8, 13: 8, DATASEC: 12, 19: 12}
FIXED = {1: 4, 3: 12, VAR: 4, 17: 4}


def word(data, at):
    return struct.unpack_from("<I", data, at)[0]


def accepted(data):
    buf = ctypes.create_string_buffer(data, len(data))
    attr = ctypes.create_string_buffer(struct.pack("<QQIIII", ctypes.addressof(buf), 0, len(data), 0, 0, 0), 32)
    fd = libc.syscall(321, 18, attr, 32)
    if fd >= 0:
        os.close(fd)
    return fd >= 0


def types(data):
    at = HEADER
    while at < HEADER + word(data, 12):
        kind, vlen = word(data, at + 4) >> 24 & 31, word(data, at + 4) & 0xffff
        yield at, kind, vlen
        at += 12 + FIXED.get(kind, 0) + vlen * ITEM.get(kind, 0)


def placed(data):
    """Sizes and offsets of sections; externs become globals."""
    patches = {}
    for at, kind, vlen in types(data):
        if kind == VAR and word(data, at + 12) == 2:
            patches[at + 12] = 1
        if kind == DATASEC:
            offset = 0
            for item in range(at + 12, at + 12 + vlen * 12, 12):
                patches[item + 4] = offset
                offset += word(data, item + 8)
            patches[at + 8] = offset
    return patches


def patched(data, patches):
    data = bytearray(data)
    for at, value in patches.items():
        struct.pack_into("<I", data, at, value)
    return bytes(data)


def text(patches):
    return " ".join(f"{at}={value}" for at, value in patches.items())


def mutation(rng, data):
    end = HEADER + word(data, 12)
    patches = {}
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randrange(HEADER, end, 4)
        old = word(data, at)
        patches[at] = rng.choice([old ^ 1 << rng.randrange(32), old + 1, old - 1, old << 1, old >> 1, 0, 2**32 - 1,
                                  rng.randrange(200), rng.choice([8, 16, 32, 64, 128])]) & 0xffffffff
    return patches


rng = random.Random(1)
with open("verdicts.txt", "w") as out:
    out.write(f"# BPF_BTF_LOAD on Linux {platform.release().split('-')[0]}; made by record_verdicts.py\n")
    for name in ("kinds", "core", "values", "pads"):
        data = open(name + ".btf", "rb").read()
        base = placed(data)
        data = patched(data, base)
        assert accepted(data), name
        out.write(f"base {name} {text(base)}\n")
        left = {True: 250, False: 60}
        while any(left.values()):
            patches = mutation(rng, data)
            verdict = accepted(patched(data, patches))
            if left[verdict] and patched(data, patches) != data:
                left[verdict] -= 1
                out.write(f"{'ok' if verdict else 'no'} {name} {text(patches)}\n")
