#!/usr/bin/env python3
"""Records what bpftool prints of a map with BTF: makes the map, fills it, has it dumped.

Needs root and bpftool 7.5, found as $BPFTOOL. Reads values.btf; writes values.hex (key and value of every entry, in hexadecimal, in the
order of the dump) and values.dump.
"""
import ctypes, os, random, re, struct, subprocess

os.chdir(os.path.dirname(os.path.abspath(__file__)))
libc = ctypes.CDLL(None, use_errno=True)


def bpf(cmd, attr):
    buf = ctypes.create_string_buffer(attr, len(attr))
    result = libc.syscall(321, cmd, buf, len(attr))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result, buf.raw


def pointer(data):
    buf = ctypes.create_string_buffer(data, len(data))
    return buf, ctypes.addressof(buf)


def type_id(kind, name):
    dump = open("values.dump.txt").read()
    return int(re.search(r"^\[(\d+)\] %s '%s' size=(\d+)" % (kind, name), dump, re.M)[1])


def type_size(kind, name):
    dump = open("values.dump.txt").read()
    return int(re.search(r"^\[(\d+)\] %s '%s' size=(\d+)" % (kind, name), dump, re.M)[2])


def without_sections(btf):
    """Cuts the types off at the first DATASEC: only a loader fills in sections, and the kernel wants them filled in."""
    at = 24
    while at < 24 + struct.unpack_from("<I", btf, 12)[0]:
        info = struct.unpack_from("<I", btf, at + 4)[0]
        kind, vlen = info >> 24 & 31, info & 0xffff
        if kind == 15:
            offset, length = struct.unpack_from("<II", btf, 16)
            return btf[:12] + struct.pack("<III", at - 24, at - 24, length) + btf[24:at] + btf[24 + offset:]
        each = {4: 12, 5: 12, 6: 8, 13: 8, 19: 12}.get(kind, 0)
        at += 12 + {1: 4, 3: 12, 14: 4, 17: 4}.get(kind, 0) + vlen * each
    return btf


BTF_LOAD, MAP_CREATE, MAP_UPDATE, GET_INFO = 18, 0, 2, 15
btf = without_sections(open("values.btf", "rb").read())
keep, address = pointer(btf)
log, log_address = pointer(bytes(65536))
try:
    btf_fd, _ = bpf(BTF_LOAD, struct.pack("<QQIIII", address, log_address, len(btf), 65536, 1, 0))
except OSError:
    print(log.raw.rstrip(b"\0").decode())
    raise
value_size = type_size("STRUCT", "value")
attr = struct.pack("<IIIIII16sIIIII", 2, 4, value_size, 4, 0, 0, b"", 0, 0, btf_fd,
                   type_id("INT", "int"), type_id("STRUCT", "value"))
map_fd, _ = bpf(MAP_CREATE, attr)
rng = random.Random(1)
# Bit offset (from values.dump.txt) and bytes: small numbers, text, names of enumerations.
PLAIN = {0: b"\xff", 8: b"\7", 16: b"A", 24: b"\1", 32: b"\xfe\xff", 64: b"\x9c\xff\xff\xff", 96: b"\1\2",
         128: b"\xff" * 8, 256: b"\5", 384: b"\xff" * 16, 512: b'a"b\\ c\0', 576: b"full", 608: b"my\0\0",
         640: b"task/0\0\0", 704: b"\1\2\3\4", 736: b"\3", 768: b"\4", 832: b"\0" * 7 + b"\x80", 896: b"\1",
         960: b"\1\0\0\0\x80\x88\xff\xff", 1088: b"\1\0\2\0", 1120: b"\3", 1184: b"\1\0\0\0\2", 1312: b"\x7f\0\0\1",
         1344: b"\x35\x32\x54\x76\x98\xba\xdc\xfe", 1408: b"\x2a"}
entries = []
for key in range(4):
    data = bytes([(0, 0xff)[key]]) * value_size if key < 2 else bytes(rng.randrange(256) for _ in range(value_size))
    if key == 3:
        data = bytearray(value_size)
        for at, part in PLAIN.items():
            data[at // 8:at // 8 + len(part)] = part
        data = bytes(data)
    entries.append((struct.pack("<I", key), data))
    k, ka = pointer(entries[-1][0])
    v, va = pointer(data)
    bpf(MAP_UPDATE, struct.pack("<IIQQQ", map_fd, 0, ka, va, 0))
info, info_address = pointer(bytes(88))
bpf(GET_INFO, struct.pack("<IIQ", map_fd, 88, info_address))
map_id = struct.unpack_from("<II", info.raw)[1]
with open("values.hex", "w") as out:
    for key, value in entries:
        out.write(key.hex() + " " + value.hex() + "\n")
bpftool = os.environ.get("BPFTOOL", "bpftool")
dump = subprocess.run([bpftool, "map", "dump", "id", str(map_id)], check=True, capture_output=True, text=True)
with open("values.dump", "w") as out:
    out.write(dump.stdout)
