// SPDX-License-Identifier: Apache-2.0
// Fuzzes the CenterNet decoder: the bytes are heat map and sides.
#include "tests/fuzz/detect_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { GRID = FUZZ_SIDE_PX / 4 };
    static float heat[GRID * GRID * FUZZ_CLASSES];
    static float sides[GRID * GRID * 4];
    const struct nj_engine_info info = {
        .output_count = 2,
        .outputs = {{.dims = {1, GRID, GRID, FUZZ_CLASSES}, .rank = 4},
                    {.dims = {1, GRID, GRID, 4}, .rank = 4}}};
    const float *outputs[] = {heat, sides};
    const size_t half = size / 2;
    fuzz_fill(heat, sizeof heat / sizeof heat[0], data, half);
    fuzz_fill(sides, sizeof sides / sizeof sides[0], data + half, size - half);
    fuzz_decode(NJ_DECODER_CENTERNET, &info, outputs);
    return 0;
}
