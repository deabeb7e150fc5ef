// SPDX-License-Identifier: Apache-2.0
// Counting NAL units without looking into them.
#include "frames/nal_count.h"

enum {
    START_BYTES = 3, // 0, 0, 1
};

size_t nj_nals_count(const uint8_t *bytes, size_t size)
{
    size_t count = 0;
    for (size_t i = START_BYTES - 1; i < size && count <= NJ_NALS_MAX;) {
        count += bytes[i] == 1 && bytes[i - 1] == 0 && bytes[i - 2] == 0;
        i += bytes[i] == 0 ? 1 : START_BYTES; // no start code ends on the way there
    }
    return count;
}

size_t nj_nals_count_lengths(const uint8_t *bytes, size_t size, unsigned length_bytes)
{
    size_t count = 0;
    while (size > length_bytes && count <= NJ_NALS_MAX) {
        size_t length = 0;
        for (unsigned i = 0; i < length_bytes; i++)
            length = length << 8 | bytes[i];
        bytes += length_bytes;
        size -= length_bytes;
        length = length < size ? length : size;
        bytes += length;
        size -= length;
        count++;
    }
    return count;
}

bool nj_nals_fit(const uint8_t *bytes, size_t size)
{
    if (size / START_BYTES <= NJ_NALS_MAX)
        return true; // nearly all pictures but keyframes
    return nj_nals_count(bytes, size) <= NJ_NALS_MAX;
}
