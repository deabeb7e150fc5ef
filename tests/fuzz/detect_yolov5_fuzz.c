// SPDX-License-Identifier: Apache-2.0
// Fuzzes the YOLOv5 decoder: the bytes are the network's output.
#include "tests/fuzz/detect_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t dims[2] = {50, 5 + FUZZ_CLASSES};
    fuzz_one_output(NJ_DECODER_YOLOV5, dims, data, size);
    return 0;
}
