// SPDX-License-Identifier: Apache-2.0
// Fuzzes the YOLOv8 decoder: the bytes are the network's output.
#include "tests/fuzz/detect_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t dims[2] = {4 + FUZZ_CLASSES, 50};
    fuzz_one_output(NJ_DECODER_YOLOV8, dims, data, size);
    return 0;
}
