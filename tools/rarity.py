#!/usr/bin/env python3
"""Measures how often byte pairs occur in text and writes src/rules/literal/rarity.bin.

usage: tools/rarity.py FOLDER...     (any folders of source text and prose)

The file is a square of CLASSES x CLASSES bytes: row = class of the first byte, column = class of the
second, value = round(-8 ln P(pair)), at most 255. Classes: each of tab, line feed, carriage return
and 0x20..0x7e alone, then the other control bytes, then the bytes from 0x7f up. A pair's probability is spread
evenly over the byte pairs of its two classes. Counts start at 1/4, so nothing is impossible.
"""
import math
import os
import sys

ALONE = [0x09, 0x0A, 0x0D] + list(range(0x20, 0x7F))
OTHER_CONTROL = len(ALONE)
HIGH = len(ALONE) + 1
CLASSES = len(ALONE) + 2
LIMIT = 2000  # bytes taken from each file, so that no single table or blob decides


def class_of(byte):
    if byte in ALONE:
        return ALONE.index(byte)
    return OTHER_CONTROL if byte < 0x20 else HIGH


def main(folders):
    classes = [class_of(b) for b in range(256)]
    sizes = [classes.count(c) for c in range(CLASSES)]
    counts = [0.25] * (CLASSES * CLASSES)
    for folder in folders:
        for root, dirs, files in os.walk(folder):
            dirs.sort()
            for name in sorted(files):
                if not name.endswith((".rs", ".md", ".toml", ".txt", ".c", ".h", ".py", ".js", ".yml", ".sh")):
                    continue
                with open(os.path.join(root, name), "rb") as f:
                    size = os.fstat(f.fileno()).st_size
                    f.seek(max(0, size // 2 - LIMIT // 2))
                    data = f.read(LIMIT)
                for a, b in zip(data, data[1:]):
                    counts[classes[a] * CLASSES + classes[b]] += 1
    total = sum(counts)
    out = bytearray()
    for a in range(CLASSES):
        for b in range(CLASSES):
            p = counts[a * CLASSES + b] / total / (sizes[a] * sizes[b])
            out.append(min(255, round(-8 * math.log(p))))
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "../src/rules/literal/rarity.bin"), "wb") as f:
        f.write(out)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
