// SPDX-License-Identifier: Apache-2.0
// Any bytes as the EXIF block of a JPEG header that is otherwise sound.
#include "frames/picture.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

// Ends after the frame header and the start of a scan: probing reads no further.
static const uint8_t after[] = {0xff, 0xc0, 0,    11, 8, 0, 16, 0, 16, 1,  1, 0x11,
                                0,    0xff, 0xda, 0,  8, 1, 1,  0, 0,  63, 0};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const struct nj_picture_limits limits = {1 << 20, 1};
    static const uint8_t before[] = {0xff, 0xd8, 0xff, 0xe1, 0, 0, 'E', 'x', 'i', 'f', 0, 0};
    if (length > 60000)
        return 0;
    size_t total = sizeof(before) + length + sizeof(after);
    uint8_t *picture = malloc(total);
    if (!picture)
        return 0;
    memcpy(picture, before, sizeof(before));
    picture[4] = (uint8_t)((length + 8) >> 8);
    picture[5] = (uint8_t)(length + 8);
    if (length > 0)
        memcpy(picture + sizeof(before), bytes, length);
    memcpy(picture + sizeof(before) + length, after, sizeof(after));
    struct nj_picture_info info;
    int result = nj_picture_probe(picture, total, &limits, &info, NULL);
    if (result != 0 || info.orientation < 1 || info.orientation > 8 || info.taken_wall_us < 0)
        abort();
    free(picture);
    return 0;
}
