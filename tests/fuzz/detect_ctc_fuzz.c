// SPDX-License-Identifier: Apache-2.0
// Fuzzes the decoder of recognisers: the first byte says how, the others are the network's output.
#include "tests/fuzz/detect_fuzz.h"

#include "util/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 120, LETTERS = 3, COLUMNS = 1 + LETTERS + 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nj_detections found;
    static float values[STEPS * COLUMNS];
    static char letters[LETTERS][NJ_MODEL_LABEL_SIZE] = {"a", "\xc3\x9f", "\xe6\xb8\x9d"};
    struct nj_model model = fuzz_model(NJ_DECODER_CTC);
    struct nj_decoder_layout layout = {0};
    model.alphabet = letters;
    model.alphabet_count = LETTERS;
    model.space = true;
    model.softmax = size > 0 && (data[0] & 1) != 0;
    const struct nj_engine_info info = {.output_count = 1,
                                        .outputs = {{.dims = {1, STEPS, COLUMNS}, .rank = 3}}};
    if (nj_decoder_ctc.check(&model, &info, &layout, NULL) != 0)
        abort();
    fuzz_fill(values, STEPS * COLUMNS, data, size);
    nj_decoder_ctc.read(&layout, values, STEPS, &found);
    const size_t length = strlen(found.text);
    if (length >= sizeof found.text || !nj_utf8_valid(found.text, length) ||
        !(found.text_confidence >= 0 && found.text_confidence <= 1))
        abort();
    return 0;
}
