// SPDX-License-Identifier: Apache-2.0
// Fuzzes the end-to-end decoder: the bytes are the network's output.
#include "tests/fuzz/detect_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t dims[2] = {50, 6};
    fuzz_one_output(NJ_DECODER_END_TO_END, dims, data, size);
    return 0;
}
