// SPDX-License-Identifier: Apache-2.0
// Fuzzes the YOLOX decoder: the bytes are the network's output.
#include "tests/fuzz/detect_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t dims[2] = {84, 5 + FUZZ_CLASSES};
    fuzz_one_output(NJ_DECODER_YOLOX, dims, data, size);
    return 0;
}
